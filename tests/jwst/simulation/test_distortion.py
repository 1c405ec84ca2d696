"""Distortion of simulated detectors, and the world coordinates that come of it."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.assign_wcs import AssignWcsStep
from jwst.simulation import ExposureSettings, Subarray, cache_for, simulate
from jwst.simulation.crds_cache import Coverage
from jwst.simulation.detectors import DETECTORS, find_detector
from jwst.simulation.distortion import FILTER_SHIFTS, SPECTROGRAPHS, distortion_model
from jwst.simulation.imaging_cache import write_imaging_references
from stpipe.exceptions import InputError

IMAGERS = sorted(set(DETECTORS) - set(SPECTROGRAPHS))
REGION = Subarray("SUB64P", 1985, 1985, 64, 64)
SETTINGS = ExposureSettings(detector="NRCB1", subarray=REGION, ngroups=2)


def grid(sca, points=9):
    ny, nx = sca.shape
    return np.meshgrid(np.linspace(-0.5, nx - 0.5, points), np.linspace(-0.5, ny - 0.5, points))


@pytest.mark.parametrize("name", IMAGERS)
def test_distortion(name):
    sca = find_detector(name)
    model = distortion_model(name)
    x, y = grid(sca)
    v2, v3 = model(x, y)
    np.testing.assert_allclose(model.inverse(v2, v3), [x, y], rtol=0, atol=1e-4)
    ny, nx = sca.shape
    assert model((nx - 1) / 2, (ny - 1) / 2) == pytest.approx((sca.v2, sca.v3), abs=1e-9)
    ideal = np.array([-(v2 - sca.v2) / sca.pixel_scale + (nx - 1) / 2, (v3 - sca.v3) / sca.pixel_scale + (ny - 1) / 2])
    assert 0.1 < np.abs(ideal - [x, y]).max() < 8  # pixels: the distortion is real, and not wild
    np.testing.assert_array_equal(distortion_model(name)(x, y), (v2, v3))


def test_detectors_differ():
    x, y = 100.0, 200.0
    found = [
        np.subtract(distortion_model(name)(x, y), (find_detector(name).v2, find_detector(name).v3)) for name in IMAGERS
    ]
    assert len({tuple(np.round(place, 6)) for place in found}) == len(IMAGERS)


@pytest.mark.parametrize("name", ["NRS1", "MIRIFULONG", "NRCX9"])
def test_other_detectors(name):
    with pytest.raises(InputError, match=name):
        distortion_model(name)


def test_references_of_each_instrument(tmp_path):
    from stdatamodels.jwst.datamodels import DistortionModel

    coverage = [
        Coverage(name) for name in ("NRCA1", "NRCB1", "NRCB1", "NIS", "GUIDER2", "MIRIMAGE", "MIRIFULONG", "NRS1")
    ]
    for instrument, count in {"NIRCAM": 2, "NIRISS": 1, "FGS": 1, "MIRI": 1}.items():
        found = write_imaging_references(tmp_path, instrument, coverage)
        assert len(found["distortion"]) == count
        assert ("filteroffset" in found) is (instrument in FILTER_SHIFTS)
        for file in found["distortion"].values():
            with DistortionModel(tmp_path / file, strict_validation=True) as model:
                assert model.meta.instrument.name == instrument
                assert model.model.inverse is not None
    assert write_imaging_references(tmp_path, "NIRSPEC", coverage) == {}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A raw exposure."""
    return simulate(SETTINGS, tmp_path_factory.mktemp("raw")).path


@pytest.fixture
def cache(tmp_path_factory, monkeypatch, offline):
    from crds.core import utils

    root = cache_for(tmp_path_factory.mktemp("cache") / "crds", [SETTINGS])
    monkeypatch.setenv("CRDS_PATH", str(root))
    monkeypatch.delenv("CRDS_SERVER_URL", raising=False)
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    utils.clear_function_caches()
    yield root
    utils.clear_function_caches()


@pytest.mark.usefixtures("cache")
def test_world_coordinates_of_a_raw_exposure(raw):
    """References from the cache, pointing from the raw file."""
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(np.zeros((64, 64), np.float32))
    with datamodels.open(raw) as level1b:
        model.update(level1b)
    result = AssignWcsStep.call(model)
    assert result.meta.cal_step.assign_wcs == "COMPLETE"
    assert result.meta.ref_file.distortion.name.endswith("jwst_nircam_distortion_0001.asdf")
    assert result.meta.ref_file.filteroffset.name.endswith("jwst_nircam_filteroffset_0001.asdf")
    sca, wcs, info = SETTINGS.sca, result.meta.wcs, result.meta.wcsinfo
    middle = wcs.invert(info.ra_ref, info.dec_ref, with_bounding_box=False)
    assert middle == pytest.approx((1023.5 - 1984, 1023.5 - 1984), abs=1e-3)
    here, right, above = (np.array(wcs(*pixel)) for pixel in ((10.0, 10.0), (11.0, 10.0), (10.0, 11.0)))
    shrink = np.array([np.cos(np.deg2rad(here[1])), 1.0])
    for moved in (right, above):
        assert np.hypot(*((moved - here) * shrink)) * 3600 == pytest.approx(sca.pixel_scale, rel=0.02)
    assert right[0] < here[0]  # east is left
    assert above[1] > here[1]  # north is up
