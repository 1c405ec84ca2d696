"""Order statistics by networks equal those of a sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jwst.lib import selection
from jwst.lib.selection import middle_ranks, select_ranks, selection_network, sort_columns

SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 17, 31, selection.NETWORK_LIMIT, selection.NETWORK_LIMIT + 1]


def random_block(size, npixels=200):
    return np.random.default_rng(size).normal(size=(size, npixels)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_columns_are_sorted(size):
    block = random_block(size)
    expected = np.sort(block, axis=0)
    np.testing.assert_array_equal(sort_columns(block), expected)


@pytest.mark.parametrize("size", SIZES)
def test_chosen_ranks_are_those_of_a_sort(size):
    block = random_block(size)
    expected = np.sort(block, axis=0)
    ranks = tuple(sorted({0, *middle_ranks(size), size - 1}))
    for rank, plane in zip(ranks, select_ranks(block, ranks)):
        np.testing.assert_array_equal(plane, expected[rank])


@pytest.mark.parametrize("size", range(1, 11))
def test_network_sorts_every_column_of_zeros_and_ones(size):
    """The 0-1 principle: a network that sorts these sorts everything."""
    block = ((np.arange(2**size) >> np.arange(size)[:, None]) & 1).astype(np.float32)
    np.testing.assert_array_equal(sort_columns(block.copy()), np.sort(block, axis=0))


@given(arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 8)), elements=st.integers(0, 3).map(float)))
@settings(max_examples=50, deadline=None)
def test_ties_are_kept(block):
    np.testing.assert_array_equal(sort_columns(block.copy()), np.sort(block, axis=0))


@pytest.mark.parametrize("size", SIZES)
def test_nan_shows_in_the_largest_rank(size):
    block = random_block(size)
    block[size // 2, ::3] = np.nan
    largest = select_ranks(block, (size - 1,))[0]
    np.testing.assert_array_equal(np.isnan(largest), np.arange(200) % 3 == 0)


def test_missing_members_marked_infinite_come_last():
    block = np.array([[np.inf, 3.0], [2.0, np.inf], [1.0, np.inf]], np.float32)
    np.testing.assert_array_equal(sort_columns(block), [[1, 3], [2, np.inf], [np.inf, np.inf]])


def test_network_is_cut_down_to_what_the_ranks_need():
    whole = selection_network(9, tuple(range(9)))
    some = selection_network(9, (8,))
    assert len(some) < len(selection_network(9, (0, 4, 8))) <= len(whole)
    assert some[-1][1:] == (8, 2)


def test_middle_ranks_of_even_and_odd_counts():
    assert middle_ranks(9) == (4, 4)
    assert middle_ranks(8) == (3, 4)
