"""The refpix step: which branch, statuses, refusals."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from jwst.refpix import RefPixStep


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


def exposure(shape=(8, 8), corner=(101, 1), **options):
    """Even and odd detector columns of the four reference rows are 10 and 20; the rest is 100."""
    data = np.full((1, 2, *shape), 100)
    data[..., :4, 0::2], data[..., :4, 1::2] = 10, 20
    model = EXPOSURES.ramp(data, corner=corner, axes=(1, 2), **options)
    model.pixeldq[:4] = 2**31
    return model


def call(model, **options):
    return RefPixStep.call(model, override_refpix="N/A", override_sirskernel="N/A", **options)


def test_a_subarray_is_corrected_in_a_copy():
    model = exposure()
    result = call(model)
    np.testing.assert_array_equal(result.data[0, 1, 6, :2], [90, 80])
    assert result.meta.cal_step.refpix == "COMPLETE"
    assert (model.data[0, 0, 6] == 100).all(), "the input of the caller was changed"
    np.testing.assert_array_equal(call(model, odd_even_columns=False).data[0, 1, 6], np.full(8, 85))


def test_the_zero_frame_is_corrected_too():
    frames = np.full((1, 8, 8), 50)
    frames[0, :4], frames[0, 6, 6] = 10, 0
    result = call(exposure(zeroframe=frames))
    assert (result.zeroframe[0, 6, 5], result.zeroframe[0, 6, 6]) == (40, 0)


@pytest.mark.parametrize("sides", [True, False])
def test_the_zero_frame_has_the_precision_of_later_groups(sides):
    """The released pipeline has single precision in the first group alone."""
    shape = (16, 2048)
    plane = np.random.default_rng(5).normal(1000, 8, shape).astype(np.float32)
    model = EXPOSURES.ramp(
        np.stack([plane, plane])[None], corner=(1, 1), axes=(1, 2), noutputs=4, zeroframe=plane[None]
    )
    model.pixeldq[:4] = model.pixeldq[:, :4] = model.pixeldq[:, -4:] = 2**31
    result = call(model, use_side_ref_pixels=sides)
    assert (result.zeroframe[0] == result.data[0, 1]).all()
    assert (result.zeroframe[0] == result.data[0, 0]).all() != sides


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("noutputs", "shape"), [(4, (16, 2048)), (1, (8, 8))])
def test_infinite_reference_pixels_spoil_what_needs_them(noutputs, shape, value):
    """Here a warning of numpy is an error."""
    data = np.full((1, 2, *shape), 100)
    model = EXPOSURES.ramp(data, corner=(1, 1), axes=(1, 2), noutputs=noutputs)
    model.pixeldq[:4] = 2**31
    model.data[0, 1, 2, 6:8] = value, 5
    result = call(model)
    assert (result.data[0, 0] == 0).all()
    assert not np.isfinite(result.data[0, 1, :, 4:512:2]).any()
    assert np.isfinite(result.data[0, 1, 4:, 5:512:2]).all()


def test_four_outputs_of_a_stripe_use_the_sides():
    model = exposure(shape=(16, 2048), corner=(1, 1), noutputs=4)
    model.data[..., 4:, :4] = model.data[..., 4:, -4:] = 50
    model.data[..., :4, :] = 10
    assert (call(model, use_side_ref_pixels=False).data[0, 0, 10, 100:110] == 90).all()
    assert (call(model).data[0, 0, 15, 100:110] == 50).all()


def test_without_reference_pixels_the_step_is_complete_and_changes_nothing():
    model = exposure()
    model.pixeldq[:] = 0
    result = call(model)
    assert result.meta.cal_step.refpix == "COMPLETE"
    np.testing.assert_array_equal(result.data, model.data)


@pytest.mark.parametrize("name", ["SUB32", "SUB512", "SUB512S"])
def test_side_columns_of_some_subarrays_count_as_reference_pixels(name):
    data = np.full((1, 1, 16, 16), 100)
    data[..., :4], data[..., -4:] = 3, 5
    result = call(EXPOSURES.ramp(data, corner=(601, 801), axes=(2, 1), subarray=name))
    np.testing.assert_array_equal(result.data[0, 0, 7, [0, 8, 15]], [-1, 96, 1])
    assert not result.pixeldq.any()


def test_a_subarray_off_the_detector_is_skipped():
    result = call(exposure(corner=(2046, 1)))
    assert result.meta.cal_step.refpix == "SKIPPED"


def test_missing_subarray_keywords_are_an_error():
    model = exposure()
    model.meta.subarray.xsize = None
    with pytest.raises(ValueError, match="subarray metadata not found"):
        call(model)
