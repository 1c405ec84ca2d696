"""Photometric references of the simulator, and what the photom step makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.photom import PhotomStep
from jwst.simulation import Subarray
from jwst.simulation.crds_cache import CacheSettings, Coverage, write_cache
from jwst.simulation.detectors import find_detector
from jwst.simulation.distortion import distortion_model
from jwst.simulation.references_photom import electrons_per_mjysr

MODES = {
    "NRCA1": ("NRC_IMAGE", {"filter": "F200W", "pupil": "CLEAR"}, 0.23),
    "MIRIMAGE": ("MIR_IMAGE", {"filter": "F770W"}, 0.23),
    "NIS": ("NIS_IMAGE", {"filter": "CLEAR", "pupil": "F140M"}, 0.1),
    "GUIDER1": ("FGS_IMAGE", {}, 0.8),
}
REGION = Subarray("SUB64", 101, 201, 64, 64)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A function that makes a cache and points crds to it."""
    from crds.core import utils

    def make(detector):
        root = write_cache(tmp_path / "crds", CacheSettings((Coverage(detector, REGION),), traps=False))
        monkeypatch.setenv("CRDS_PATH", str(root))
        monkeypatch.delenv("CRDS_SERVER_URL", raising=False)
        monkeypatch.delenv("CRDS_CONTEXT", raising=False)
        monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        utils.clear_function_caches()

    yield make
    utils.clear_function_caches()


def make_exposure(detector):
    shape = REGION.ysize, REGION.xsize
    exp_type, elements, _ = MODES[detector]
    model = datamodels.ImageModel(shape)
    for name in ("data", "err", "var_poisson", "var_rnoise"):
        setattr(model, name, np.ones(shape, np.float32))
    model.dq = np.zeros(shape, np.uint32)
    meta = model.meta
    meta.instrument.name = find_detector(detector).instrument
    meta.instrument.detector, meta.exposure.type = detector, exp_type
    for name, value in elements.items():
        setattr(meta.instrument, name, value)
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    for name in ("name", "xstart", "ystart", "xsize", "ysize"):
        setattr(meta.subarray, name, getattr(REGION, name))
    return model


@pytest.mark.parametrize("detector", MODES)
def test_step_finds_its_references_in_the_cache(detector, cache):
    cache(detector)
    result = PhotomStep.call(make_exposure(detector))
    assert result.meta.cal_step.photom == "COMPLETE"
    assert "_photom_0001.fits" in result.meta.ref_file.photom.name
    assert result.area.shape == result.data.shape
    scale = find_detector(detector).pixel_scale
    x, y = REGION.xstart - 1 + 20, REGION.ystart - 1 + 50
    v2, v3 = distortion_model(detector)([x - 0.5, x + 0.5, x, x], [y, y, y - 0.5, y + 0.5])
    area = abs((v2[1] - v2[0]) * (v3[3] - v3[2]) - (v2[3] - v2[2]) * (v3[1] - v3[0])) / scale**2
    assert result.area[50, 20] == pytest.approx(area, rel=1e-6)
    assert abs(area - 1) > 1e-5
    assert result.meta.photometry.pixelarea_arcsecsq == pytest.approx(scale**2)
    factor = result.meta.photometry.conversion_megajanskys
    gain = factor * electrons_per_mjysr(MODES[detector][2], scale)
    assert 1 < gain < 8
    assert (result.data == factor).all()


def test_rate_of_a_usual_filter():
    """F200W of NIRCam: 0.8 electrons per second in a pixel for 1 MJy/sr, as good as the real one (0.5 to 1.5)."""
    assert 0.5 < electrons_per_mjysr(0.23, 0.031) < 1.5
