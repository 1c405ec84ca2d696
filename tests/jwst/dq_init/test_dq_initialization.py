"""The core of dq_init: spec dq_init.md, "Testable statements"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jwst.dq_init import dq_initialization
from jwst.dq_init.dq_initialization import add_user_dq, flag_bad_pixels

PARITY = Path(__file__).parents[2] / "parity" / "dq_init.npz"


def test_only_do_not_use_goes_to_the_groups():
    mask = np.array([[0, 1, 2, 1024], [4, 8, 0, 0], [0, 0, 0, 3]], np.uint32)
    pixeldq, groupdq = np.zeros((3, 4), np.uint32), np.zeros((1, 2, 3, 4), np.uint8)
    flag_bad_pixels(pixeldq, groupdq, mask)
    np.testing.assert_array_equal(pixeldq, mask)
    for group in range(2):
        np.testing.assert_array_equal(groupdq[0, group], [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])


def test_flags_that_are_there_stay():
    mask = np.zeros((2, 4), np.uint32)
    mask[0] = [0, 1, 2, 3]
    pixeldq, groupdq = np.full((2, 4), 16, np.uint32), np.full((2, 3, 2, 4), 8, np.uint8)
    flag_bad_pixels(pixeldq, groupdq, mask)
    np.testing.assert_array_equal(pixeldq[0], [16, 17, 18, 19])
    np.testing.assert_array_equal(groupdq[1, 2, 0], [8, 9, 8, 9])
    assert (groupdq[:, :, 1] == 8).all()


def test_flags_of_the_user_are_added_to_the_mask():
    mask = np.arange(10, 14, dtype=np.uint32).reshape(1, 4)
    add_user_dq(mask, np.full((1, 4), 4, np.int16))
    np.testing.assert_array_equal(mask, [[14, 15, 12, 13]])


def test_flags_of_the_user_must_have_the_shape_of_the_exposure():
    with pytest.raises(ValueError, match=r"user_dq has shape=\(8, 8\) but expecting \(3, 4\)"):
        add_user_dq(np.zeros((3, 4), np.uint32), np.zeros((8, 8)))


@given(
    mask=arrays(np.uint32, (5, 7), elements=st.integers(0, 2**32 - 1)),
    groupdq=arrays(np.uint8, (2, 2, 5, 7)),
    tile=st.integers(1, 40),
)
def test_flags_only_grow_and_do_not_depend_on_tiles(mask, groupdq, tile):
    expected = groupdq | (mask & 1).astype(np.uint8)
    pixeldq = np.full((5, 7), 32, np.uint32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dq_initialization, "_TILE_PIXELS", tile)
        flag_bad_pixels(pixeldq, groupdq, mask)
    np.testing.assert_array_equal(groupdq, expected)
    np.testing.assert_array_equal(pixeldq, mask | 32)


def test_agrees_with_the_released_pipeline():
    vectors = np.load(PARITY)
    pixeldq, groupdq = vectors["pixeldq"].copy(), vectors["groupdq"].copy()
    flag_bad_pixels(pixeldq, groupdq, vectors["mask"][6:14, 4:16])
    np.testing.assert_array_equal(pixeldq, vectors["out/pixeldq"])
    np.testing.assert_array_equal(groupdq, vectors["out/groupdq"])
