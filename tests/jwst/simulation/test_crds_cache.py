"""The offline CRDS cache, as crds and the data models see it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from jwst.lib.dqflags import NO_LIN_CORR, REFERENCE_PIXEL
from jwst.simulation import ExposureSettings, Subarray, cache_for, make_detector
from jwst.simulation.crds_cache import CacheSettings, Coverage, DarkSettings, write_cache
from jwst.simulation.mappings import reference_types
from jwst.simulation.parameter_files import detector1_parameters
from jwst.simulation.references import TYPES
from stpipe.exceptions import InputError

REGION = Subarray("SUB64P", 1985, 1985, 64, 64)
SETTINGS = ExposureSettings(detector="NRCB1", subarray=REGION, ngroups=6)
HEADER = {
    "META.INSTRUMENT.NAME": "NIRCAM",
    "META.INSTRUMENT.DETECTOR": "NRCB1",
    "META.INSTRUMENT.FILTER": "F200W",
    "META.INSTRUMENT.PUPIL": "CLEAR",
    "META.EXPOSURE.TYPE": "NRC_IMAGE",
    "META.EXPOSURE.READPATT": "SHALLOW4",
    "META.SUBARRAY.NAME": "SUB64P",
    "META.VISIT.TSOVISIT": "F",
    "META.OBSERVATION.DATE": "2023-06-15",
    "META.OBSERVATION.TIME": "12:00:00.000",
    "META.MODEL_TYPE": "RampModel",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return cache_for(tmp_path_factory.mktemp("cache") / "crds", [SETTINGS])


@pytest.fixture
def bestrefs(cache, monkeypatch):
    """Look references up in the cache with crds itself."""
    import crds
    from crds.core import utils

    monkeypatch.setenv("CRDS_PATH", str(cache))
    monkeypatch.delenv("CRDS_SERVER_URL", raising=False)
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    utils.clear_function_caches()

    def look_up(*types: str, **changes: str) -> dict[str, str]:
        return crds.getreferences({**HEADER, **changes}, reftypes=list(types), observatory="jwst")

    yield look_up
    utils.clear_function_caches()


def test_sums_of_mappings_are_right(cache):
    mappings = sorted((cache / "mappings" / "jwst").iterdir())
    assert len(mappings) > 20
    for path in mappings:
        lines = path.read_text().splitlines(keepends=True)
        (stated,) = (line.split("'")[3] for line in lines if "sha1sum" in line)
        text = "".join(line for line in lines if "sha1sum" not in line)
        assert hashlib.sha1(text.encode()).hexdigest() == stated


def test_crds_finds_every_reference(bestrefs):
    found = bestrefs(*TYPES["NIRCAM"])
    for reftype, path in found.items():
        assert f"jwst_nircam_{reftype}_0001" in path


def test_crds_finds_parameter_files_and_knows_what_is_missing(bestrefs):
    parameters = {parameters.reftype for parameters in detector1_parameters(traps=True)}
    known = {*parameters, "distortion", "filteroffset", "abvegaoffset"}
    missing = [reftype for reftype in reference_types() if reftype not in (*TYPES["NIRCAM"], *known, "apcorr")]
    found = bestrefs(*known, *missing)
    assert all(found[reftype].endswith(".asdf") for reftype in known)
    assert {found[reftype] for reftype in missing} == {"NOT FOUND n/a"}
    assert len(missing) > 100


def test_patterns_without_a_dark_get_the_rapid_one(bestrefs):
    own, other = (bestrefs("dark", **{"META.EXPOSURE.READPATT": name})["dark"] for name in ("SHALLOW4", "DEEP8"))
    assert own != other
    from stdatamodels.jwst.datamodels import DarkModel

    with DarkModel(own) as dark, DarkModel(other) as rapid:
        assert (dark.data.shape[0], dark.meta.exposure.nframes, dark.meta.exposure.groupgap) == (6, 4, 1)
        assert (rapid.data.shape[0], rapid.meta.exposure.nframes, rapid.meta.exposure.groupgap) == (3, 1, 0)
        np.testing.assert_allclose(dark.data[1] - dark.data[0], 5 * (rapid.data[1] - rapid.data[0]), rtol=1e-4)


def test_other_instruments_have_no_references(bestrefs):
    assert bestrefs("dark", "gain", **{"META.INSTRUMENT.NAME": "MIRI"})["dark"] == "NOT FOUND n/a"


def test_references_hold_the_truth(cache):
    from stdatamodels.jwst import datamodels

    truth = make_detector("NRCB1", REGION)
    folder = cache / "references" / "jwst" / "nircam"
    with (
        datamodels.MaskModel(folder / "jwst_nircam_mask_0001.fits") as mask,
        datamodels.GainModel(folder / "jwst_nircam_gain_0001.fits") as gain,
        datamodels.LinearityModel(folder / "jwst_nircam_linearity_0001.fits") as linearity,
        datamodels.SaturationModel(folder / "jwst_nircam_saturation_0001.fits") as saturation,
    ):
        np.testing.assert_array_equal((mask.dq & np.uint32(REFERENCE_PIXEL)) != 0, truth.reference)
        np.testing.assert_array_equal((mask.dq & np.uint32(1024)) != 0, truth.dead)
        np.testing.assert_array_equal(gain.data, truth.gain)
        np.testing.assert_array_equal(linearity.coeffs, truth.coeffs)
        np.testing.assert_array_equal((linearity.dq & np.uint32(NO_LIN_CORR)) != 0, truth.reference)
        assert 50000 < np.median(saturation.data) < 65000
        assert (gain.meta.subarray.xstart, gain.meta.subarray.xsize) == (1985, 64)
        assert gain.meta.instrument.detector == "NRCB1"


def test_a_cache_to_compare_with_knows_no_trap_model(tmp_path):
    import asdf

    root = cache_for(tmp_path / "crds", [SETTINGS], traps=False)
    names = {path.name for path in (root / "references" / "jwst" / "nircam").iterdir()}
    assert not any("trap" in name or "persat" in name for name in names)
    with asdf.open(root / "references" / "jwst" / "nircam" / "jwst_nircam_pars-persistencestep_0001.asdf") as file:
        assert file["parameters"] == {"skip": True}
    assert "'TRAPPARS' : 'N/A'" in (root / "mappings" / "jwst" / "jwst_nircam_0001.imap").read_text()


def test_inverse_coefficients_undo_the_correction(tmp_path):
    from stdatamodels.jwst.datamodels import LinearityModel

    from jwst.simulation.response import linearize

    dark = DarkSettings("NRCB1", REGION, "RAPID", 2)
    settings = CacheSettings((Coverage("NRCB1", REGION),), (dark,), traps=False, inverse_linearity=True)
    root = write_cache(tmp_path / "crds", settings)
    with LinearityModel(root / "references" / "jwst" / "nircam" / "jwst_nircam_linearity_0001.fits") as model:
        signal = np.full(model.coeffs.shape[1:], 20000, np.float32)
        np.testing.assert_allclose(linearize(linearize(signal, model.inv_coeffs), model.coeffs), signal, rtol=1e-5)


def test_guiders_with_science_references_get_no_others(tmp_path):
    science = ExposureSettings("GUIDER1", "SUB32LL", ngroups=2)
    root = cache_for(tmp_path, [science], guiders=("GUIDER1",))
    names = {path.name for path in (root / "references" / "jwst" / "fgs").iterdir()}
    assert sum("_gain_" in name for name in names) == 1


def test_kernels_for_every_pixel(tmp_path):
    from stdatamodels.jwst.datamodels import IPCModel

    settings = ExposureSettings("MIRIMAGE", "SUB64", ngroups=2)
    root = cache_for(tmp_path, [settings], kernels=("MIRIMAGE",))
    with IPCModel(root / "references" / "jwst" / "miri" / "jwst_miri_ipc_0001.fits") as model:
        assert model.data.shape == (3, 3, 1024, 1032)
        np.testing.assert_allclose(model.data.sum(axis=(0, 1)), 1, atol=1e-6)
        assert len(np.unique(model.data[0, 1, :8, :8])) > 30


def test_unknown_guider(tmp_path):
    with pytest.raises(InputError, match="GUIDER1"):
        write_cache(tmp_path, CacheSettings((), guiders=("GUIDER9",)))
