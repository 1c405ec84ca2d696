"""Medians and clipped means are those of numpy and astropy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jwst.emicorr.phase_bins import PhaseBins
from jwst.lib.order_statistics import FEW, OrderStatistics, clipped_mean, median


@pytest.mark.parametrize("size", [1, 2, 9, 10, FEW, FEW + 1, 20001])
@pytest.mark.parametrize("kind", ["noise", "outliers", "one-sided", "equal", "sorted"])
def test_against_numpy_and_astropy(size, kind):
    from astropy.stats import sigma_clipped_stats

    rng = np.random.default_rng(size)
    values = rng.normal(0, 3, size)
    if kind in ("outliers", "one-sided"):
        struck = rng.random(size) < 0.1
        values[struck] += rng.normal(0, 1000, struck.sum()) if kind == "outliers" else 500
    values = np.full(size, 7.25) if kind == "equal" else np.sort(values) if kind == "sorted" else values
    values = values.astype(np.float32)
    assert median(values) == pytest.approx(np.median(values), rel=1e-6)
    mean = sigma_clipped_stats(values.astype(np.float64))[0]
    assert clipped_mean(values) == pytest.approx(mean, rel=1e-6, abs=1e-9)


def test_ranks_far_from_the_middle():
    values = np.random.default_rng(1).normal(size=9000).astype(np.float32)
    order = OrderStatistics(values)
    assert [order[rank] for rank in (0, 4500, 8999)] == np.sort(values)[[0, 4500, 8999]].tolist()


def test_values_that_are_not_finite():
    values = np.array([1, 2, np.nan, 3, np.inf], np.float32)
    assert clipped_mean(values) == 2
    assert math.isnan(median(values))
    assert math.isnan(clipped_mean(values[2:3]))
    assert math.isnan(clipped_mean(values[:0]))
    assert math.isnan(median(values[:0]))


@pytest.mark.parametrize("count", [1, 20, 128, 500])
def test_bins_against_their_definition(count):
    phase = np.concatenate([np.arange(600) / 1000, np.arange(256) / 256, np.arange(count) / count])
    values = np.arange(phase.size, dtype=np.float32)
    bins = PhaseBins(count)
    bins.add(values[:700], phase[:700])
    bins.add(values[700:], phase[700:])
    for b in range(count):
        inside = (phase > b / count) & (phase <= (b + 1) / count)
        np.testing.assert_array_equal(np.sort(bins._members(b)), values[inside])
