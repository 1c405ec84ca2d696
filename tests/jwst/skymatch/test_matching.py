"""Levels from the statistics of overlaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.skymatch.matching import Measured, levels_of, matched_levels, unit_overlaps, units_of


def perfect(skies, seed, *, links=None):
    """Overlaps without noise: each unit with the next one, and some others."""
    rng = np.random.default_rng(seed)
    count = len(skies)
    linked = np.triu(rng.random((count, count)) < 0.3 if links is None else links, k=1)
    if links is None:
        linked[np.arange(count - 1), np.arange(1, count)] = True
    linked |= linked.T
    sky = np.where(linked, np.array(skies, float)[:, None] + rng.normal(0, 1, (count, count)) * 0, np.nan)
    return sky, np.where(linked, rng.integers(10, 5000, (count, count)), 0)


skies = st.lists(st.floats(-5, 5), min_size=2, max_size=7)


@settings(max_examples=30)
@given(skies, st.integers(0, 1000), st.booleans())
def test_levels_are_recovered(skies, seed, down):
    found = matched_levels(*perfect(skies, seed), down=down)
    reference = min(skies) if down else max(skies)
    np.testing.assert_allclose(found, np.array(skies) - reference, atol=1e-9)


@settings(max_examples=30)
@given(skies, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_units_does_not_matter(skies, seed, random):
    sky, pixels = perfect(skies, seed)
    sky = sky + np.random.default_rng(seed).normal(0, 0.1, sky.shape)
    order = list(range(len(skies)))
    random.shuffle(order)
    found = matched_levels(sky[np.ix_(order, order)], pixels[np.ix_(order, order)])
    np.testing.assert_allclose(found, matched_levels(sky, pixels)[order], atol=1e-9)


@settings(max_examples=30)
@given(skies, st.integers(0, 1000), st.floats(-100, 100))
def test_a_shift_of_all_skies_changes_nothing(skies, seed, shift):
    sky, pixels = perfect(skies, seed)
    np.testing.assert_allclose(matched_levels(sky + shift, pixels), matched_levels(sky, pixels), atol=1e-9)


def test_one_direction_is_no_overlap():
    sky = np.array([[np.nan, 1.0, 1.0], [np.nan, np.nan, 2.0], [3.0, 3.0, np.nan]])
    found = matched_levels(sky, np.full((3, 3), 10.0))
    np.testing.assert_allclose(found, [0, 1, 2], atol=1e-12)
    sky[2] = np.nan
    assert np.isnan(matched_levels(sky, np.full((3, 3), 10.0))).all()


def test_sets_that_are_not_linked_are_each_about_their_own_zero(caplog):
    links = np.zeros((5, 5), bool)
    links[0, 1] = links[2, 3] = True
    found = matched_levels(*perfect([1, 2, 10, 13, 7], 0, links=links))
    np.testing.assert_allclose(found, [1, 2, 0, 3, np.nan], atol=1e-12)
    assert "fall into 2 sets" in caplog.text


def measured():
    """Two images of one unit and one of another."""
    overlap = np.array([[np.nan, 4.0], [np.nan, 6.0], [1.0, np.nan]])
    pixels = np.array([[0.0, 30], [0, 10], [50, 0]])
    return Measured(np.array([0, 0, 1]), overlap, pixels, np.array([3.9, 6.2, 1.1]))


def test_units_are_weighted_means_of_their_images():
    sky, pixels = unit_overlaps(measured())
    np.testing.assert_allclose(sky, [[np.nan, 4.5], [1.0, np.nan]])
    np.testing.assert_array_equal(pixels, [[0, 40], [50, 0]])


@pytest.mark.parametrize(
    ("method", "expected"),
    [("local", [3.9, 1.1]), ("global", [1.1, 1.1]), ("match", [3.5, 0]), ("global+match", [3.9, 0.4])],
)
def test_methods(method, expected):
    np.testing.assert_allclose(levels_of(measured(), method), expected, atol=1e-12)


def test_units_in_order_of_appearance():
    assert units_of(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
