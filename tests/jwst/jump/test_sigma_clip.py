"""Sigma clipping is that of astropy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.stats import sigma_clip

from jwst.jump.sigma_clip import clip_bounds, reset_lost_planes


@pytest.mark.parametrize("threshold", [0.8, 1.5, 3.0, 4.5])
@pytest.mark.parametrize("members", [2, 3, 30, 101])
def test_bounds_reject_what_astropy_rejects(members, threshold):
    rng = np.random.default_rng(members)
    columns = rng.standard_t(1.1, size=(200, members)) + 300
    expected = sigma_clip(columns, sigma=threshold, axis=1).mask
    low, high = clip_bounds(columns, threshold)
    np.testing.assert_array_equal((columns < low[:, None]) | (columns > high[:, None]), expected)


def test_missing_members_take_no_part():
    columns = np.random.default_rng(0).standard_t(1.5, size=(100, 40))
    holes = np.concatenate([columns, np.full((100, 7), np.nan), np.full((100, 2), np.inf)], axis=1)
    np.testing.assert_array_equal(clip_bounds(holes, 2.0), clip_bounds(columns, 2.0))


def test_column_without_a_member_has_no_bounds():
    assert np.isnan(clip_bounds(np.full((1, 5), np.nan), 3.0)).all()


def test_clipping_ends_after_five_rounds():
    """Each round takes the farthest of values that grow by a factor; without a limit it would go on."""
    column = np.concatenate([np.zeros(40), 10.0 ** np.arange(9)])[None]
    expected = sigma_clip(column, sigma=3, axis=1).mask
    low, high = clip_bounds(column, 3.0)
    assert np.count_nonzero((column < low[:, None]) | (column > high[:, None])) == expected.sum() == 5


def test_group_without_a_good_pixel_is_given_back():
    groupdq = np.zeros((2, 2, 4), np.uint8)
    groupdq[0, 1] = 4, 1, 5, 4 | 128
    groupdq[1, 1] = 4, 4, 2, 4
    reset_lost_planes(groupdq)
    assert groupdq[0, 1].tolist() == [0, 1, 5, 132]
    assert groupdq[1, 1].tolist() == [4, 4, 2, 4]
