"""Clipped means: spec refpix.md, "Clipped mean"."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jwst.refpix.clipped_mean import clipped_means


def one_by_one(values, good, limit):
    """The definition, for one set."""
    kept = values[good].astype(np.float64)
    while True:
        inside = np.abs(kept - kept.mean()) <= limit * kept.std()
        if inside.all() or kept.std() == 0:
            return kept.mean()
        kept = kept[inside]


@given(seed=st.integers(0, 1000), limit=st.floats(1.0, 5.0))
def test_equals_the_definition_set_by_set(seed, limit):
    rng = np.random.default_rng(seed)
    values = rng.normal(10, 3, (6, 50)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] += 100
    good = rng.random(values.shape) < 0.8
    good[:, 0] = True
    expected = [one_by_one(*one, limit) for one in zip(values, good)]
    np.testing.assert_allclose(clipped_means(values, good, limit), expected, rtol=1e-6)
    np.testing.assert_allclose(clipped_means(values.astype(np.float64), good, limit), expected, rtol=1e-12)


def test_the_mean_is_that_of_numpy_to_the_last_bit():
    values = np.random.default_rng(4).normal(12000, 4, (5, 1024)).astype(np.float32)
    good = np.ones(values.shape, bool)
    good[2:, 7] = False
    expected = [row[keep].mean() for row, keep in zip(values, good)]
    np.testing.assert_array_equal(clipped_means(values, good, 50.0), np.array(expected, np.float32))


def test_constant_values_are_their_own_mean():
    values = np.full((1, 7), 0.1, np.float32)
    assert clipped_means(values, np.ones((1, 7), bool), 3.0)[0] == np.mean(values)


def test_one_nan_spoils_its_set_unless_it_is_bad():
    values, good = np.ones((3, 5), np.float32), np.ones((3, 5), bool)
    values[:2, 2] = np.nan
    good[1, 2] = False
    np.testing.assert_array_equal(clipped_means(values, good, 3.0), [np.nan, 1, 1])
