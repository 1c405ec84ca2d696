"""Readout order and science orientation: spec common_detector.md §6."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.lib.orientation import Orientation, Placement

AXES = [(f, s) for f in (1, -1, 2, -2) for s in (1, -1, 2, -2) if abs(f) != abs(s)]


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_going_there_and_back_is_the_identity(fast, slow):
    array, orientation = np.arange(24).reshape(2, 3, 4), Orientation(fast, slow)
    turned = orientation.to_detector(array)
    assert np.shares_memory(turned, array)
    np.testing.assert_array_equal(orientation.to_science(turned), array)


def test_a_transposed_detector_reads_rows_as_columns():
    array = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(Orientation(2, 1).to_detector(array), [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(Orientation(-2, -1).to_detector(array), [[5, 2], [4, 1], [3, 0]])


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_a_placement_says_where_the_pixels_are_after_turning_the_whole_detector(fast, slow):
    orientation = Orientation(fast, slow)
    full = np.zeros((2048, 2048), np.uint8)
    full[10:13, 100:105] = 1
    placement = Placement(orientation, 100, 10, (3, 5))
    turned = orientation.to_detector(full)
    assert turned[placement.rows, placement.columns].size == 15
    assert turned[placement.rows, placement.columns].all()


def test_axes_that_make_no_plane_are_refused():
    with pytest.raises(ValueError, match="FASTAXIS=1 and SLOWAXIS=-1"):
        Orientation(1, -1)
