"""The ipc step: kernels, borders, refusals."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.ipc import IPCStep
from stpipe.exceptions import InputError


def _exposures():
    path = Path(__file__).parents[2] / "parity" / "exposures.py"
    spec = importlib.util.spec_from_file_location("exposures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPOSURES = _exposures()


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


KERNEL = np.array([[0, -0.01, 0], [-0.02, 1.06, -0.03], [0, 0, 0]], np.float32)


def exposure(**options):
    return EXPOSURES.ramp(np.full((1, 2, 8, 8), 100), **options)


def test_the_border_of_reference_pixels_follows_from_the_subarray():
    model = exposure(corner=(1, 1))
    result = IPCStep.call(model, override_ipc=datamodels.IPCModel(data=KERNEL))
    assert (result.data[..., :4, :] == 100).all()
    np.testing.assert_allclose(result.data[0, 1, 4, 4:], [103, 100, 100, 102], atol=1e-4)
    assert result.meta.cal_step.ipc == "COMPLETE"
    assert (model.data == 100).all(), "the input of the caller was changed"


def test_a_kernel_per_pixel_is_cut_from_the_full_frame():
    kernel = np.zeros((1, 1, 2048, 2048), np.float32)
    kernel[0, 0, 200:208, 100:108] = np.arange(8)
    result = IPCStep.call(exposure(corner=(101, 201)), override_ipc=datamodels.IPCModel(data=kernel))
    np.testing.assert_array_equal(result.data[0, 0], np.tile(100.0 * np.arange(8), (8, 1)))


def test_the_zero_frame_is_left_alone():
    model = exposure(corner=(101, 201), zeroframe=np.full((1, 8, 8), 5))
    assert (IPCStep.call(model, override_ipc=datamodels.IPCModel(data=KERNEL)).zeroframe == 5).all()


def test_no_kernel_means_skipped():
    assert IPCStep.call(exposure(), override_ipc="N/A").meta.cal_step.ipc == "SKIPPED"


def irs2(detector):
    model = EXPOSURES.ramp(np.zeros((1, 1, 3200, 2048)), axes=(2, 1), subarray="FULL")
    model.meta.instrument.name, model.meta.instrument.detector = "NIRSPEC", detector
    model.meta.subarray.ysize = 2048
    return model


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_irs2_pixels_are_neighbours_across_reference_rows(detector):
    line = np.arange(3200)
    rows = np.flatnonzero((line >= 640) & ~((line % 20 >= 8) & (line % 20 < 12)))
    rows = rows if detector == "NRS1" else np.sort(3199 - rows)
    model = irs2(detector)
    model.data[0, 0] = 7
    model.data[0, 0, rows] = 0
    model.data[0, 0, rows[107], 6] = 100
    kernel = np.array([[0, -0.01, 0], [-0.02, 1.06, -0.02], [0, -0.01, 0]], np.float32)
    plane = IPCStep.call(model, override_ipc=datamodels.IPCModel(data=kernel)).data[0, 0]
    np.testing.assert_allclose(plane[rows[106:109], 6], [-1, 106, -1], rtol=1e-6)
    np.testing.assert_allclose(plane[rows[107], 5:8], [-2, 106, -2], rtol=1e-6)
    assert (plane[np.setdiff1d(line, rows)] == 7).all()
    assert np.count_nonzero(plane[rows]) == 5


def test_irs2_of_another_detector_is_an_error():
    with pytest.raises(InputError, match="NRS1 and NRS2"):
        IPCStep.call(irs2("NRCA1"), override_ipc=datamodels.IPCModel(data=KERNEL))
