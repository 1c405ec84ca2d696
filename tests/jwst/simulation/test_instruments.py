"""Exposures of all instruments: shapes, keywords, tables, segments, references."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import numpy as np
import pytest

from jwst.lib.dqflags import REFERENCE_PIXEL
from jwst.simulation import ExposureSettings, NoiseSettings, Scene, Truth, cache_for, make_detector, simulate
from jwst.simulation.detector import amplifier_map, to_science
from jwst.simulation.detectors import DETECTORS, find_detector
from jwst.simulation.light_curve import LightCurve
from jwst.simulation.mappings import parkeys
from jwst.simulation.references import TYPES
from jwst.simulation.subarrays import Subarray, find_subarray
from stpipe.exceptions import InputError

SCENE = Scene(sky=5.0, stars=20000, galaxies=0)
KINDS = {
    "miri": ExposureSettings("MIRIMAGE", "SUB64", ngroups=5, nints=2, scene=SCENE),
    "nirspec": ExposureSettings("NRS1", "SUB32", ngroups=4, scene=SCENE),
    "niriss": ExposureSettings("NIS", "SUB64", readpatt="NIS", ngroups=3, scene=SCENE),
    "fgs": ExposureSettings("GUIDER1", "SUB32LL", ngroups=3, scene=SCENE),
    "nircam": ExposureSettings("NRCB1", "SUB64P", ngroups=3, scene=SCENE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_level1b_is_what_the_settings_say(kind, tmp_path):
    from stdatamodels.jwst import datamodels

    settings = KINDS[kind]
    made = simulate(settings, tmp_path)
    with datamodels.open(made.path) as model:
        assert isinstance(model, datamodels.Level1bModel)
        assert model.data.shape == settings.shape
        assert model.data.dtype == np.uint16
        assert model.meta.instrument.name == settings.sca.instrument
        assert model.meta.exposure.type == settings.type
        assert model.meta.exposure.group_time == pytest.approx(settings.group_time)
        assert (model.meta.subarray.fastaxis, model.meta.subarray.slowaxis) == (
            settings.sca.fastaxis,
            settings.sca.slowaxis,
        )
        assert bool(model.meta.exposure.zero_frame) == (kind in ("niriss", "nircam"))
        if kind == "miri":
            assert model.refout.shape == (2, 5, 64, 18)
        model.validate()
    truth = Truth.load(made.truth_path)
    assert truth.rate.shape == settings.region.shape
    assert truth.usable.any()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"detector": "MIRIFULONG"}, ("MIR_MRS", None, "SHORT")),
        ({"detector": "MIRIMAGE", "subarray": "SLITLESSPRISM"}, ("MIR_LRS-SLITLESS", "P750L", None)),
        ({"detector": "NRS1"}, ("NRS_IFU", "F290LP", None)),
        ({"detector": "NRS2", "subarray": "SUB512", "light_curve": LightCurve()}, ("NRS_BRIGHTOBJ", "CLEAR", None)),
        ({"detector": "NIS", "subarray": "SUBSTRIP96"}, ("NIS_SOSS", "CLEAR", None)),
        ({"detector": "NIS", "subarray": "SUB80"}, ("NIS_AMI", "F480M", None)),
        ({"detector": "GUIDER2"}, ("FGS_IMAGE", None, None)),
        ({"light_curve": LightCurve(), "filter": "F210M"}, ("NRC_TSIMAGE", "F210M", None)),
        ({"exposure_type": "NRC_FOCUS", "filter": "F212N"}, ("NRC_FOCUS", "F212N", None)),
    ],
)
def test_usual_types_and_elements(changes, expected):
    settings = ExposureSettings(**changes)
    assert (settings.type, settings.light_path.filter, settings.light_path.band) == expected


@pytest.mark.parametrize("name", ["NRCA1", "NRCA2", "NRS1", "NRS2", "NIS", "GUIDER1", "MIRIMAGE"])
def test_orientation_is_undone_by_that_of_the_pipeline(name):
    """The rule of spec common_detector.md §6, written out for this test."""
    sca = find_detector(name)
    plane = np.arange(12).reshape(3, 4)
    back = to_science(plane, sca)
    fast, slow = sca.fastaxis, sca.slowaxis
    if abs(fast) == 1:
        back = back[:: np.sign(slow), :: np.sign(fast)]
    else:
        back = back[:: np.sign(fast), :: np.sign(slow)].T
    np.testing.assert_array_equal(back, plane)


def test_amplifiers_of_transposed_detectors_are_rows():
    amplifier, odd = amplifier_map("NIS", Subarray("MINE", 1, 1, 16, 2048))
    assert amplifier.shape == (2048, 1)
    assert amplifier[[0, 2047], 0].tolist() == [3, 0]
    assert odd[[2047, 2046], 0].tolist() == [False, True]
    amplifier, odd = amplifier_map("MIRIMAGE", Subarray("MINE", 5, 2, 8, 3))
    assert amplifier[0].tolist() == [0, 1, 2, 3] * 2
    assert odd[:, 0].tolist() == [True, False, True]


def test_miri_has_reference_columns_and_no_reference_rows():
    reference = make_detector("MIRIMAGE", Subarray("MINE", 1, 1, 1032, 8)).reference
    assert np.flatnonzero(reference.all(axis=0)).tolist() == [0, 1, 2, 3, 1028, 1029, 1030, 1031]
    assert reference.sum() == 8 * 8


def test_nirspec_subarrays_have_another_gain():
    whole = make_detector("NRS1", Subarray("FULL", 1399, 975, 32, 32))
    part = make_detector("NRS1", find_subarray("SUB32", "NRS1"))
    np.testing.assert_allclose(part.gain, 2 * whole.gain)
    assert (whole.gain_factor, part.gain_factor) == (1.0, 2.0)


@pytest.fixture(scope="module")
def time_series(tmp_path_factory):
    settings = ExposureSettings(
        "NRCB1",
        "SUB64P",
        readpatt="RAPID",
        ngroups=3,
        nints=7,
        segments=3,
        scene=Scene(sky=2000.0, stars=0, galaxies=0),
        light_curve=LightCurve(depth=0.2),
        start=datetime(2024, 5, 1, 23, 59, 59, 500000),
        keep_noise=True,
    )
    return settings, simulate(settings, tmp_path_factory.mktemp("series"))


def test_segments_are_parts_of_the_same_exposure(time_series, tmp_path):
    from stdatamodels.jwst import datamodels

    settings, made = time_series
    whole = simulate(dataclasses.replace(settings, segments=1), tmp_path)
    with datamodels.open(whole.path) as model:
        data, times = model.data.copy(), np.asarray(model.int_times).tolist()
    first = 0
    for number, part in enumerate(made.segments, start=1):
        with datamodels.open(part.path) as model:
            exposure = model.meta.exposure
            last = first + model.data.shape[0]
            assert f"-seg{number:03d}_" in part.path.name
            assert (exposure.segment_number, exposure.segment_total, exposure.nints) == (number, 3, 7)
            assert (exposure.integration_start, exposure.integration_end) == (first + 1, last)
            assert model.meta.visit.tsovisit
            np.testing.assert_array_equal(model.data, data[first:last])
            assert np.asarray(model.int_times).tolist() == times[first:last]
            first = last
    assert first == 7


def test_light_follows_the_curve(time_series):
    from astropy.io import fits

    settings, made = time_series
    curve = np.concatenate([Truth.load(part.truth_path).light_curve for part in made.segments])
    np.testing.assert_allclose(curve, settings.light_curve.factors(7))
    assert curve[3] == pytest.approx(0.8)
    usable = Truth.load(made.truth_path).usable
    data = np.concatenate([fits.getdata(part.path, "SCI").astype(float) for part in made.segments])
    slopes = (data[:, -1] - data[:, 0])[:, usable].mean(axis=1)
    np.testing.assert_allclose(slopes / slopes[0], curve, atol=0.01)


def test_time_of_the_exposure(time_series):
    from stdatamodels.jwst import datamodels

    _, made = time_series
    with datamodels.open(made.path) as model:
        assert (model.meta.observation.date, model.meta.observation.time) == ("2024-05-01", "23:59:59.500")
        assert model.meta.exposure.start_time == pytest.approx(60431.99999421, abs=1e-8)


def test_kept_noise_is_that_of_the_data(tmp_path):
    quiet = NoiseSettings(
        read_noise=0, one_over_f=30, ktc=0, amplifier_drift=0, odd_even_drift=0, cosmic_rays=0, snowballs=0
    )
    dark = Scene(sky=0, stars=0, galaxies=0)
    settings = ExposureSettings(
        "NRCB1", "SUB64P", readpatt="RAPID", ngroups=3, noise=quiet, scene=dark, keep_noise=True
    )
    made = simulate(settings, tmp_path)
    from astropy.io import fits

    truth = Truth.load(made.truth_path)
    data = fits.getdata(made.path, "SCI").astype(np.float32)
    cold = truth.usable & (truth.dark < 0.01)
    steps, noise = (np.diff(cube, axis=1)[..., cold] for cube in (data, truth.noise))
    assert noise.std() > 10
    np.testing.assert_allclose(steps, noise, atol=2.1)


def test_default_exposures_keep_no_noise(tmp_path):
    assert Truth.load(simulate(KINDS["fgs"], tmp_path).truth_path).noise.size == 0


@pytest.mark.parametrize("change", [{"depth": 1.5}, {"ingress": 0.3, "duration": 0.4}])
def test_impossible_transits_are_refused(change):
    with pytest.raises(InputError, match="transit"):
        LightCurve(**change)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return cache_for(tmp_path_factory.mktemp("cache") / "crds", KINDS.values(), traps=False)


@pytest.mark.parametrize("kind", KINDS)
def test_crds_finds_every_reference(kind, cache, monkeypatch, tmp_path):
    import crds
    from crds.core import utils
    from stdatamodels.jwst import datamodels

    settings = KINDS[kind]
    instrument = settings.sca.instrument
    monkeypatch.setenv("CRDS_PATH", str(cache))
    monkeypatch.delenv("CRDS_SERVER_URL", raising=False)
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    utils.clear_function_caches()
    with datamodels.open(simulate(dataclasses.replace(settings, ngroups=3), tmp_path).path) as model:
        header = model.get_crds_parameters()
    absent = ("trapdensity", "trappars", "persat", "refpix", "pictureframe")
    wanted = [reftype for reftype in TYPES[instrument] if reftype not in absent]
    found = crds.getreferences(header, reftypes=wanted, observatory="jwst")
    utils.clear_function_caches()
    for reftype, path in found.items():
        assert f"jwst_{instrument.lower()}_{reftype}_" in path, (reftype, path)
        with datamodels.open(path) as reference:
            assert reference.meta.instrument.detector == settings.sca.name


def test_real_match_keys_are_used():
    assert parkeys("MIRI", "dark")[1:] == ("META.EXPOSURE.READPATT", "META.SUBARRAY.NAME")
    assert len(parkeys("NIRSPEC", "superbias")) == 7
    assert all(
        parkeys(sca.instrument, reftype) is not None for sca in DETECTORS.values() for reftype in TYPES[sca.instrument]
    )


def test_mask_of_miri_knows_its_reference_pixels(cache):
    from stdatamodels.jwst.datamodels import MaskModel

    with MaskModel(cache / "references" / "jwst" / "miri" / "jwst_miri_mask_0001.fits") as mask:
        columns = (mask.dq & np.uint32(REFERENCE_PIXEL) != 0).all(axis=0)
    assert np.flatnonzero(columns).tolist() == [0, 1, 2, 3]
