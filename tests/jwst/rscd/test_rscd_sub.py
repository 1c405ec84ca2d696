"""The core of rscd: spec rscd.md, "Testable statements"."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.rscd.rscd_sub import BrightPixels, GroupSkips, find_skips, flag_first_groups

FLUX_ESTIMATED = 268435456
TYPES = [("subarray", "S17"), ("readpatt", "S12"), ("group_skip1", "i4"), ("group_skip", "i4")]
TABLE = np.array([("FULL", "SLOWR1", 9, 9), ("FULL", "FASTR1", 2, 4), ("SLITLESSPRISM", "FASTR1", 1, 3)], TYPES)


def flagged(first_saturated, skip, ngroups=10):
    """Groups that are flagged in a pixel that saturates and in one that does not; pixeldq; counts."""
    groupdq, pixeldq = np.zeros((1, ngroups, 1, 2), np.uint8), np.zeros((1, 2), np.uint32)
    groupdq[:, first_saturated:, 0, 0] = 2
    counts = flag_first_groups(groupdq, pixeldq, skip)
    assert not (groupdq[..., 1] & 2).any()
    return (groupdq & 1).sum(axis=(0, 1)).tolist()[0], pixeldq[0].tolist(), counts


@pytest.mark.parametrize(
    ("saturated", "skip", "number", "counts"),
    [
        (0, 2, 2, BrightPixels(0, 0)),
        (0, 4, 4, BrightPixels(0, 0)),
        (1, 2, 0, BrightPixels(1, 1)),
        (2, 4, 0, BrightPixels(1, 1)),
        (3, 2, 1, BrightPixels(1, 0)),
        (3, 4, 1, BrightPixels(1, 0)),
        (4, 2, 2, BrightPixels(0, 0)),
        (4, 4, 2, BrightPixels(1, 0)),
        (5, 4, 3, BrightPixels(1, 0)),
        (6, 4, 4, BrightPixels(0, 0)),
    ],
)
def test_pixels_that_saturate_early_keep_two_groups(saturated, skip, number, counts):
    numbers, pixeldq, found = flagged(saturated, skip)
    assert numbers == [number, skip]
    assert pixeldq == [FLUX_ESTIMATED if number < skip else 0, 0]
    assert found == counts


def test_without_groups_to_skip_all_pixels_count():
    numbers, pixeldq, counts = flagged(1, 0)
    assert (numbers, pixeldq, counts) == ([0, 0], [0, 0], BrightPixels(0, 2))
    assert flagged(9, 0)[2] == BrightPixels(0, 0)


def test_saturation_of_single_groups_counts_too():
    groupdq, pixeldq = np.zeros((1, 9, 1, 1), np.uint8), np.zeros((1, 1), np.uint32)
    groupdq[0, [1, 3]] = 2
    flag_first_groups(groupdq, pixeldq, 4)
    assert (groupdq[0, :, 0, 0] & 1).tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_a_pixel_counts_once_for_all_integrations():
    groupdq, pixeldq = np.zeros((3, 9, 1, 2), np.uint8), np.zeros((1, 2), np.uint32)
    groupdq[:2, 1:, 0, 0] = 2
    assert flag_first_groups(groupdq, pixeldq, 4) == BrightPixels(1, 1)


def test_no_integrations():
    pixeldq = np.zeros((1, 2), np.uint32)
    assert flag_first_groups(np.zeros((0, 9, 1, 2), np.uint8), pixeldq, 4) == BrightPixels(0, 0)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
def test_flags_only_grow_and_only_in_the_groups_to_skip(seed, skip):
    rng = np.random.default_rng(seed)
    groupdq = rng.choice(np.array([0, 0, 1, 2, 4, 7], np.uint8), (2, 9, 3, 4))
    before, pixeldq = groupdq.copy(), np.zeros((3, 4), np.uint32)
    flag_first_groups(groupdq, pixeldq, skip)
    assert ((groupdq & ~np.uint8(1)) == (before & ~np.uint8(1))).all()
    assert ((groupdq & before) == before).all()
    assert (groupdq[:, skip:] == before[:, skip:]).all()


@pytest.mark.parametrize(
    ("ngroups", "expected"),
    [(10, (2, 4)), (7, (2, 4)), (6, (2, 3)), (5, (1, 1)), (4, (1, 1)), (3, (0, 0)), (2, (0, 0))],
)
def test_fewer_groups_are_skipped_of_few(ngroups, expected):
    assert GroupSkips(2, 4).limited(ngroups, several=True) == GroupSkips(*expected)


def test_an_old_reference_does_not_tell_the_first_number():
    assert GroupSkips(-1, 4).limited(20, several=True) == GroupSkips(1, 4)


def test_rows_are_found_by_name():
    assert find_skips(TABLE, "FULL", "FASTR1") == GroupSkips(2, 4)
    assert find_skips(TABLE, "SUBPRISM", "FASTR1") == GroupSkips(1, 3)
    assert find_skips(TABLE, "SUB64", "FASTR1") is None
    assert find_skips(TABLE, None, None) is None
    assert find_skips(TABLE[:0], "FULL", "FASTR1") is None


def test_old_tables_have_no_column_for_the_first_integration():
    old = np.array([("FULL  ", "FASTR1", 4)], [("SUBARRAY", "U17"), ("READPATT", "U12"), ("GROUP_SKIP", "i4")])
    assert find_skips(old, "FULL", "FASTR1") == GroupSkips(-1, 4)
