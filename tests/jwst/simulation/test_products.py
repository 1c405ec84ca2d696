"""Files of a simulated exposure, and the judge."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.lib.dqflags import JUMP_DET
from jwst.simulation import ExposureSettings, Scene, Truth, compare_with_truth, simulate
from jwst.simulation.judge import judge_hits, judge_rate
from jwst.simulation.judge_effects import judge_noise
from jwst.simulation.picture import Panel, draw_panels
from stpipe.exceptions import InputError

SETTINGS = ExposureSettings(
    detector="NRCB1", subarray="SUB64P", readpatt="BRIGHT2", ngroups=5, nints=2, scene=Scene(stars=30000)
)


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate(SETTINGS, tmp_path_factory.mktemp("exposure"))


@pytest.fixture(scope="module")
def truth(exposure):
    return Truth.load(exposure.truth_path)


def test_names(exposure):
    assert exposure.path.name == "jw00017001001_01101_00001_nrcb1_uncal.fits"
    assert exposure.truth_path.name == "jw00017001001_01101_00001_nrcb1_truth.npz"
    assert ExposureSettings().filename == "jw00017001001_01101_00001_nrca1_uncal.fits"


def test_level1b_keywords_and_tables(exposure):
    from stdatamodels.jwst import datamodels

    with datamodels.open(exposure.path) as model:
        assert isinstance(model, datamodels.Level1bModel)
        assert model.data.shape == (2, 5, 64, 64)
        assert model.data.dtype == np.uint16
        assert model.zeroframe.shape == (2, 64, 64)
        assert (model.meta.subarray.xstart, model.meta.subarray.ystart) == (1985, 1985)
        assert (model.meta.subarray.fastaxis, model.meta.subarray.slowaxis) == (1, -2)
        assert model.meta.exposure.group_time == pytest.approx(2 * 0.05016)
        assert model.meta.exposure.zero_frame
        assert model.meta.filename == exposure.path.name
        assert model.group["group_number"].tolist() == [1, 2, 3, 4, 5] * 2
        gaps = np.diff(model.int_times["int_start_MJD_UTC"]) * 86400
        assert gaps[0] == pytest.approx(11 * 0.05016, abs=1e-4)
        assert model.int_times["int_end_MJD_UTC"][-1] == pytest.approx(model.meta.exposure.end_time, abs=1e-9)


def test_the_same_seed_gives_the_same_pixels(exposure, tmp_path):
    import dataclasses

    from astropy.io import fits

    again = simulate(SETTINGS, tmp_path / "again")
    other = simulate(dataclasses.replace(SETTINGS, seed=3), tmp_path / "other")
    first, same, different = (fits.getdata(made.path, "SCI") for made in (exposure, again, other))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, different)


def test_truth_is_found_beside_products(exposure, truth):
    rate = exposure.path.with_name(exposure.path.name.replace("uncal", "rate"))
    np.testing.assert_array_equal(Truth.load(rate).rate, truth.rate)
    np.testing.assert_allclose(truth.rate * truth.gain, truth.electron_rate, rtol=1e-6)


def test_what_is_no_truth_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", rate=np.zeros(3))
    with pytest.raises(InputError, match="not the truth"):
        Truth.load(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError):
        Truth.load(tmp_path / "missing_rate.fits")


def make_rate(truth: Truth, *, bias: float = 0.0, scatter: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    err = np.full(truth.rate.shape, 0.2, np.float32) + 0.001 * truth.rate
    noise = np.random.default_rng(2).standard_normal(err.shape)
    data = truth.rate + (bias + scatter * noise) * err
    return data.astype(np.float32), err, np.zeros(err.shape, np.uint32)


def test_judge_accepts_what_is_right(truth):
    summary = judge_rate(*make_rate(truth), truth)
    assert summary.good
    assert summary.pixels == truth.usable.sum()
    assert summary.bright_pixels > 10


@pytest.mark.parametrize("defect", [{"bias": 0.2}, {"scatter": 1.3}, {"scatter": 0.8}])
def test_judge_refuses_what_is_wrong(truth, defect):
    assert not judge_rate(*make_rate(truth, **defect), truth).good


def test_judge_sees_a_wrong_scale(truth):
    data, err, dq = make_rate(truth)
    assert not judge_rate(data * np.float32(1.05), err, dq, truth).good


def test_judge_refuses_another_shape(truth):
    with pytest.raises(InputError, match="shape"):
        judge_rate(*(plane[:5] for plane in make_rate(truth)), truth)


def test_judge_counts_hits(truth):
    import dataclasses

    hits = np.zeros(4, truth.hits.dtype)
    faint = np.argwhere(truth.usable & (truth.electron_rate < 5))[[3, 40, 90, 200]]
    hits["y"], hits["x"] = faint.T
    hits["electrons"], hits["frame"], hits["group"] = (1000, 900, 800, 100), 4, 2
    known = dataclasses.replace(truth, hits=hits)
    groupdq = np.zeros((2, 5, 64, 64), np.uint8)
    assert judge_hits(groupdq, known).completeness == 0
    groupdq[0, 2, hits["y"][:2], hits["x"][:2]] = JUMP_DET
    groupdq[0, 3, hits["y"][2], hits["x"][2]] = JUMP_DET
    summary = judge_hits(groupdq, known)
    assert (summary.hits, summary.found, summary.false_alarms) == (3, 3, 0)
    groupdq[1, 1] = JUMP_DET
    assert judge_hits(groupdq, known).false_alarms == pytest.approx(0.1, rel=0.01)


def test_judge_measures_noise_that_is_left(truth):
    import dataclasses

    rng = np.random.default_rng(8)
    noise = np.cumsum(rng.standard_normal((2, 5, 64, 64)), axis=-1).astype(np.float32)
    known = dataclasses.replace(truth, noise=noise)
    ramp = 40.0 * np.arange(5)[:, None, None] + 0.3 * noise + rng.standard_normal(noise.shape)
    groupdq = np.zeros(noise.shape, np.uint8)
    groupdq[1, 3] = JUMP_DET
    ramp[1, 3] += 20 * noise[1, 3]
    summary = judge_noise(ramp, known, groupdq=groupdq)
    assert summary.left == pytest.approx(0.3, abs=0.01)
    assert summary.power == pytest.approx(0.09, abs=0.01)
    with pytest.raises(InputError, match="keep_noise"):
        judge_noise(ramp, truth)
    with pytest.raises(InputError, match="shape"):
        judge_noise(ramp[:1], known)


def test_summary_of_files_is_readable(exposure, truth):
    from astropy.io import fits

    rate = exposure.path.with_name(exposure.path.name.replace("uncal", "rate"))
    planes = zip(("SCI", "ERR", "DQ"), make_rate(truth))
    images = [fits.ImageHDU(plane, name=name) for name, plane in planes]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(rate)
    text = str(compare_with_truth(rate))
    assert "pull, median" in text
    assert "within limits" in text


def test_picture_shows_stretch_and_bad_pixels(tmp_path):
    from PIL import Image

    image = np.tile(np.arange(64.0), (64, 1))
    image[:32, :32] = np.nan
    draw_panels(
        tmp_path / "x.png", "title", [Panel("ramp", image, "DN"), Panel("pull", image - 32, "sigma", diverging=True)]
    )
    with Image.open(tmp_path / "x.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] > 1000
    assert ((pixels == 205).all(axis=2)).sum() > 2 * 200 * 200
    assert (
        Panel("pull", image - 32, diverging=True).limits()[0] == -Panel("pull", image - 32, diverging=True).limits()[1]
    )
