"""The core of superbias: spec superbias.md, "Testable statements"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jwst.superbias import bias_sub
from jwst.superbias.bias_sub import subtract_superbias, subtract_zeroframe_bias

PARITY = Path(__file__).parents[2] / "parity" / "superbias.npz"
BIAS = np.array([[np.nan, 3], [10, 10]], np.float32)

counts = st.integers(-(2**15), 2**15)


def test_nan_bias_is_no_correction():
    data = np.full((2, 2, 2, 2), 50, np.float32)
    subtract_superbias(data, BIAS)
    assert (data == np.array([[50, 47], [40, 40]], np.float32)).all()
    assert np.isnan(BIAS[0, 0]), "the reference was changed"


def test_zeros_of_the_zero_frame_stay_zero():
    zeroframe = np.array([[[0, 5], [6, 7]], [[1, 2], [3, np.nan]]], np.float32)
    subtract_zeroframe_bias(zeroframe, BIAS)
    np.testing.assert_array_equal(zeroframe, [[[0, 2], [-4, -3]], [[1, -1], [-7, np.nan]]])


def test_a_zero_frame_pixel_equal_to_the_bias_becomes_zero():
    zeroframe = np.full((1, 1, 1), 3, np.float32)
    subtract_zeroframe_bias(zeroframe, np.full((1, 1), 3, np.float32))
    assert zeroframe.item() == 0


def test_irs2_rows_are_nothing_special():
    data = np.zeros((1, 1, 3200, 8), np.float32)
    subtract_superbias(data, np.full((3200, 8), 100, np.float32))
    assert data.shape == (1, 1, 3200, 8)
    assert (data == -100).all()


@given(data=arrays(np.float32, (2, 2, 3, 5), elements=counts), bias=arrays(np.float32, (3, 5), elements=counts))
def test_superbias_is_undone_by_adding_it_back(data, bias):
    result = data.copy()
    subtract_superbias(result, bias)
    np.testing.assert_array_equal(result + bias, data)


@given(data=arrays(np.float32, (2, 2, 3, 5)))
def test_zero_superbias_is_the_identity(data):
    result = data.copy()
    subtract_superbias(result, np.zeros((3, 5), np.float32))
    np.testing.assert_array_equal(result, data)


@given(tile=st.integers(1, 100))
def test_the_result_does_not_depend_on_tiles(tile):
    rng = np.random.default_rng(0)
    data, bias = rng.normal(size=(2, 3, 7, 9)).astype(np.float32), rng.normal(size=(7, 9)).astype(np.float32)
    expected = data - bias
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bias_sub, "_TILE_PIXELS", tile)
        subtract_superbias(data, bias)
    np.testing.assert_array_equal(data, expected)


def test_agrees_with_the_released_pipeline():
    vectors = np.load(PARITY)
    bias = vectors["bias"][6:14, 4:16]
    data, zeroframe = vectors["data"].copy(), vectors["zeroframe"].copy()
    subtract_superbias(data, bias)
    subtract_zeroframe_bias(zeroframe, bias)
    np.testing.assert_array_equal(data, vectors["out/data"])
    np.testing.assert_array_equal(zeroframe, vectors["out/zeroframe"])
