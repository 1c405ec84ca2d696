"""MIRI reference pixels: spec refpix.md §D, and the released pipeline (vectors made by tests/parity/make_miri.py)."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from jwst.lib.miri import FULL_SHAPE
from jwst.refpix import RefPixStep, miri
from jwst.refpix.miri import correct_miri
from stpipe.exceptions import InputError
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


def call(model, **options):
    return RefPixStep.call(model, **options)


@pytest.mark.parametrize("name", MIRI.CASES["refpix"])
def test_equal_to_the_released_pipeline(name):
    model, _, parameters = MIRI.exposure("refpix", name, **MIRI.CASES["refpix"][name])
    MIRI.check(call(model, **parameters), "refpix_miri", name)


@pytest.fixture
def steps():
    """Groups of 100, 110 and 120; in the second the reference pixels differ by amplifier, side and parity."""
    data = np.full((1, 3, *FULL_SHAPE), 100, np.float32)
    data[0, 1], data[0, 2] = 110, 120
    data[0, 1, 0::2, :4] += np.array([1, 2, 3, 4], np.float32)
    data[0, 1, 0::2, 1028:] += 3
    data[0, 1, 1::2, :4] -= 1
    data[0, 1, 1::2, 1028:] -= 2
    return data


def test_amplifiers_and_parities(steps):
    assert correct_miri(steps, np.zeros(FULL_SHAPE, np.uint32))
    assert (steps[0, 0] == 100).all()
    assert steps[0, 1, 600, 500:504].tolist() == [98, 97.5, 97, 96.5]
    assert (steps[0, 1, 601, 4:1028] == 101.5).all()
    assert steps[0, 1, 0, :4].tolist() == [99, 99.5, 100, 100.5]
    assert (steps[0, 2] == 100).all()


def test_one_parity(steps):
    assert correct_miri(steps, np.zeros(FULL_SHAPE, np.uint32), odd_even_rows=False)
    assert steps[0, 1, 600, 500:504].tolist() == steps[0, 1, 601, 500:504].tolist() == [99.75, 99.5, 99.25, 99]


@pytest.mark.parametrize("side", [0, 1030])
def test_an_amplifier_without_reference_pixels_on_one_side_stops_all(steps, side):
    pixeldq, before = np.zeros(FULL_SHAPE, np.uint32), steps.copy()
    pixeldq[0::2, side] = 1
    assert not correct_miri(steps, pixeldq)
    np.testing.assert_array_equal(steps, before)


def test_outliers_are_clipped_and_bad_pixels_left_out():
    data = np.random.default_rng(2).normal(100, 1, (1, 2, *FULL_SHAPE)).astype(np.float32)
    spoiled, pixeldq = data.copy(), np.zeros(FULL_SHAPE, np.uint32)
    spoiled[0, 1, 3:900:41, 2] = 1e6
    spoiled[0, 1, 5:400, 3] = 1e6
    pixeldq[5:400, 3] = 1
    correct_miri(data, np.zeros_like(pixeldq))
    correct_miri(spoiled, pixeldq)
    assert np.abs(spoiled - data)[..., 4:1028].max() < 0.5


def test_nan_of_the_first_group_spreads_over_the_ramp():
    data = np.full((1, 3, *FULL_SHAPE), 5, np.float32)
    data[0, 0, 7, 100] = np.nan
    correct_miri(data, np.zeros(FULL_SHAPE, np.uint32))
    assert np.isnan(data[0, :, 7, 100]).all()
    assert np.isnan(data).sum() == 3


def test_one_group_stays():
    data = np.full((2, 1, *FULL_SHAPE), 5, np.float32)
    assert correct_miri(data, np.zeros(FULL_SHAPE, np.uint32))
    assert (data == 5).all()


def test_the_result_does_not_depend_on_tiles(steps, monkeypatch):
    data = steps + np.random.default_rng(3).normal(0, 3, steps.shape).astype(np.float32)
    other, pixeldq = data.copy(), np.zeros(FULL_SHAPE, np.uint32)
    correct_miri(data, pixeldq)
    monkeypatch.setattr(miri, "_TILE_PIXELS", 10000)
    monkeypatch.setattr(miri, "_BATCH_GROUPS", 1)
    correct_miri(other, pixeldq)
    np.testing.assert_array_equal(data, other)


def test_dead_reference_pixels_are_told(caplog):
    model = MIRI.ramp(np.ones((1, 2, *FULL_SHAPE), np.float32), subarray="FULL")
    model.pixeldq[:, :4] = 1
    with caplog.at_level(logging.WARNING):
        assert call(model).meta.cal_step.refpix == "COMPLETE"
    assert "no good reference pixel" in caplog.text


@pytest.mark.parametrize("shape", [(64, 72), (1024, 1028), (416, 72)])
def test_subarrays_are_skipped(shape):
    data = np.arange(2 * shape[0] * shape[1], dtype=np.float32).reshape(1, 2, *shape)
    result = call(MIRI.ramp(data))
    assert result.meta.cal_step.refpix == "SKIPPED"
    np.testing.assert_array_equal(result.data, data)


def test_larger_arrays_are_refused():
    with pytest.raises(InputError, match="1040"):
        call(MIRI.ramp(np.zeros((1, 2, 1024, 1040), np.float32)))


def test_no_reference_is_looked_for():
    parameters = {"meta.instrument.name": "MIRI"}
    assert RefPixStep().planned_references(parameters) == []
    assert RefPixStep(refpix_algorithm="sirs").planned_references(parameters) == []
    assert RefPixStep().planned_refusal(parameters) == ""
