"""Raw ramps: laws that they must obey."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from jwst.simulation import ramp
from jwst.simulation.cosmic_rays import HITS, draw_hits
from jwst.simulation.detector import DetectorTruth
from jwst.simulation.noise import LevelDrifts, OneOverF
from jwst.simulation.settings import ExposureSettings, NoiseSettings
from jwst.simulation.subarrays import Subarray

REGION = Subarray("MINE", 1001, 1001, 64, 64)
SILENT = NoiseSettings(
    read_noise=0, one_over_f=0, ktc=0, amplifier_drift=0, odd_even_drift=0, cosmic_rays=0, snowballs=0
)
NO_HITS = np.zeros(0, HITS)


def plain_detector(region: Subarray = REGION, **changes: float) -> DetectorTruth:
    """A detector without structure: gain 1, linear, bias 1000 DN."""
    shape = region.ysize, region.xsize
    values = {"bias": 1000.0, "gain": 1.0, "dark": 0.0, "full_well": 60000.0, "read_noise": 5.0, "flat": 1.0, **changes}
    planes = {name: np.full(shape, value, np.float32) for name, value in values.items()}
    coeffs = np.zeros((4, *shape), np.float32)
    coeffs[1] = 1
    masks = {name: np.zeros(shape, bool) for name in ("reference", "dead", "hot", "very_hot")}
    return DetectorTruth(detector="NRCA1", subarray=region, coeffs=coeffs, **planes, **masks)


def settings(**changes: object) -> ExposureSettings:
    values = {"subarray": REGION, "noise": SILENT, "ngroups": 4, **changes}
    return ExposureSettings(**values)


def light(per_frame: float, region: Subarray = REGION) -> np.ndarray:
    return np.full(region.shape, per_frame / ExposureSettings(subarray=region).frame_time, np.float32)


def expose(chosen: ExposureSettings, detector: DetectorTruth, rate: np.ndarray, hits: np.ndarray) -> ramp.Exposed:
    return ramp.expose(chosen, detector, rate=rate, hits=hits)


@pytest.mark.parametrize("readpatt", ["RAPID", "BRIGHT1", "SHALLOW4", "DEEP8"])
def test_groups_are_means_of_frames(readpatt):
    chosen = settings(readpatt=readpatt)
    data = expose(chosen, plain_detector(), light(60.0), NO_HITS).data[0].astype(float) - 1000
    expected = [60 * chosen.readout.mean_frame(group) for group in range(4)]
    np.testing.assert_allclose(data.mean(axis=(1, 2)), expected, rtol=0.005)


def test_covariance_of_groups_is_that_of_averaged_frames():
    """Against a simulation of every frame: variances and covariances of means of four frames, one dropped."""
    wide = Subarray("WIDE", 1001, 1001, 256, 256)
    chosen = settings(ngroups=3, subarray=wide)
    data = expose(chosen, plain_detector(wide), light(40.0, wide), NO_HITS).data[0].reshape(3, -1)
    frames = np.cumsum(np.random.default_rng(1).poisson(40.0, (14, 60000)), axis=0)
    means = np.stack([frames[start : start + 4].mean(axis=0) for start in (0, 5, 10)])
    np.testing.assert_allclose(np.cov(data.astype(float)), np.cov(means), rtol=0.03)


def test_read_noise_goes_down_with_frames():
    noise = dataclasses.replace(SILENT, read_noise=1.0)
    spread = {
        name: float(expose(settings(readpatt=name, noise=noise), plain_detector(), light(0), NO_HITS).data.std())
        for name in ("RAPID", "MEDIUM8")
    }
    assert spread["RAPID"] == pytest.approx(5, rel=0.05)
    assert spread["MEDIUM8"] == pytest.approx(5 / np.sqrt(8), rel=0.05)


def test_zero_frame_is_part_of_the_first_group():
    noise = dataclasses.replace(SILENT, read_noise=1.0)
    exposed = expose(settings(noise=noise), plain_detector(), light(0), NO_HITS)
    first, zero = exposed.data[0, 0].ravel().astype(float), exposed.zeroframe[0].ravel().astype(float)
    assert zero.std() == pytest.approx(5, rel=0.05)
    assert np.cov(first, zero)[0, 1] == pytest.approx(25 / 4, rel=0.15)


def test_single_frames_need_no_zero_frame():
    assert expose(settings(readpatt="RAPID"), plain_detector(), light(1), NO_HITS).zeroframe is None


def test_clipped_frames_are_averaged_one_by_one():
    """1000 electrons a frame and a full well of 2500: frames 1000, 2000, 2500, 2500 and then only 2500."""
    data = expose(settings(ngroups=2), plain_detector(full_well=2500.0), light(1000.0), NO_HITS).data[0].astype(float)
    assert data[0].mean() == pytest.approx(1000 + 2000, rel=0.002)
    assert (data[1] == 3500).all()


@pytest.mark.parametrize(
    ("frame", "steps"), [(0, (800, 800, 800)), (2, (400, 800, 800)), (4, (0, 800, 800)), (8, (0, 200, 800))]
)
def test_a_hit_counts_for_the_frames_that_see_it(frame, steps):
    hits = np.zeros(1, HITS)
    hits["frame"], hits["y"], hits["x"], hits["electrons"] = frame, 7, 9, 800
    data = expose(settings(ngroups=3), plain_detector(), light(0), hits).data[0].astype(int) - 1000
    assert tuple(data[:, 7, 9]) == steps
    data[:, 7, 9] = 0
    assert not data.any()


def test_converter_ends_at_both_ends():
    chosen = settings(ngroups=1, readpatt="RAPID")
    assert (expose(chosen, plain_detector(bias=70000.0), light(0), NO_HITS).data == 65535).all()
    assert (expose(chosen, plain_detector(bias=-50.0), light(0), NO_HITS).data == 0).all()


def test_number_of_threads_does_not_matter(monkeypatch):
    tall = Subarray("TALL", 1, 1, 2048, 130, 4)
    chosen = ExposureSettings(subarray=tall, ngroups=2, nints=2)
    detector = plain_detector(tall)
    results = []
    for number in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda number=number: number)
        results.append(expose(chosen, detector, light(5.0, tall), draw_hits(chosen, detector.reference).pixels).data)
    np.testing.assert_array_equal(*results)


def test_one_over_f_is_correlated_along_rows():
    from concurrent.futures import ThreadPoolExecutor

    chosen = ExposureSettings(subarray=Subarray("STRIPE", 1, 1, 2048, 256, 4))
    with ThreadPoolExecutor(1) as pool:
        plane = OneOverF(chosen).plane((1, 2), frames=4, pool=pool)
    rms = plane.std()
    assert 0.5 < rms < 1.2
    assert plane.mean(axis=1).std() > 5 * rms / np.sqrt(2048)
    common = np.corrcoef(plane[:, :512].ravel(), plane[:, 1024:1536].ravel())[0, 1]
    assert common > 0.5


def test_drifts_belong_to_amplifiers_and_odd_columns():
    chosen = ExposureSettings(subarray=Subarray("STRIPE", 1, 1, 2048, 8, 4), ngroups=3)
    drifts = LevelDrifts(chosen)
    assert not drifts.plane(0, 0).any()
    assert len(np.unique(drifts.plane(0, 2))) == 8
    assert len(np.unique(drifts.plane(0, 2)[0, 0:512:2])) == 1


def test_hits_lie_inside_and_grow_with_time():
    reference = np.zeros((64, 64), bool)
    reference[:4] = True
    rays, balls = NoiseSettings(cosmic_rays=3000, snowballs=0), NoiseSettings(cosmic_rays=0, snowballs=1000)
    few, many = (draw_hits(settings(noise=rays, nints=number), reference).pixels for number in (5, 20))
    assert 3 < len(many) / len(few) < 5
    assert not many["snowball"].any()
    assert draw_hits(settings(noise=balls, nints=20), reference).pixels["snowball"].all()
    assert many["y"].min() >= 4
    assert max(many["y"].max(), many["x"].max()) < 64
    assert many["electrons"].min() > 5
    order = many["integration"] * 1000 + many["frame"]
    assert (np.diff(order) >= 0).all()
