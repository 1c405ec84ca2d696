"""Medians and clipped means of many values, without sorting all of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["OrderStatistics", "clipped_mean", "median"]

SIGMAS = 3.0
PASSES = 5

FEW = 2048
"""Up to this number of values all are sorted."""

_SAMPLES = 512
_WINDOW = slice(int(0.40 * _SAMPLES), int(0.60 * _SAMPLES))


class OrderStatistics:
    """Values of given rank, quick near the median: only what lies near the median of a sample is sorted.

    Parameters
    ----------
    values : (n,) ndarray of float32, n > 0
        Finite.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._values = values
        if values.size <= FEW:
            self._below, self._window = 0, np.sort(values)
            return
        near = np.sort(values[:: values.size // _SAMPLES])[_WINDOW]
        inside = values >= near[0]
        self._below = values.size - int(np.count_nonzero(inside))
        inside &= values <= near[-1]
        self._window = np.sort(values[inside])

    def __getitem__(self, rank: int) -> float:
        place = rank - self._below
        if 0 <= place < self._window.size:
            return float(self._window[place])
        return float(np.partition(self._values, rank)[rank])

    def middle(self, first: int, count: int) -> float:
        """Median of the ``count`` values from rank ``first`` on."""
        return (self[first + (count - 1) // 2] + self[first + count // 2]) / 2


def median(values: NDArray[np.float32]) -> float:
    """Median of values of any shape; NaN if one of them is NaN.

    Parameters
    ----------
    values : ndarray of float32

    Returns
    -------
    float
    """
    flat = values.reshape(-1)
    if flat.size == 0 or not np.isfinite(flat.sum(dtype=np.float64)):
        return float(np.median(flat)) if flat.size else math.nan
    return OrderStatistics(flat).middle(0, flat.size)


def clipped_mean(values: NDArray[np.float32]) -> float:
    """Mean without the values more than 3 standard deviations from the median, removed in up to five passes.

    Parameters
    ----------
    values : (n,) ndarray of float32
        Values that are not finite are left out.

    Returns
    -------
    float
        NaN without a value. The semantics are those of `astropy.stats.sigma_clip`.
    """
    total = float(values.sum(dtype=np.float64))
    if not math.isfinite(total):
        values = values[np.isfinite(values)]
        total = float(values.sum(dtype=np.float64))
    if values.size == 0:
        return math.nan
    order, count, first = OrderStatistics(values), values.size, 0
    squares = float(np.einsum("i,i", values, values, dtype=np.float64))
    low, high = -math.inf, math.inf
    for _ in range(PASSES):
        centre = order.middle(first, count)
        reach = SIGMAS * math.sqrt(max(squares / count - (total / count) ** 2, 0.0))
        removed = values[np.flatnonzero((values < centre - reach) | (values > centre + reach))].astype(np.float64)
        removed = removed[(removed >= low) & (removed <= high)]
        if removed.size in (0, count):
            break
        low, high = max(low, centre - reach), min(high, centre + reach)
        count -= removed.size
        first += int(np.count_nonzero(removed < centre))
        total -= float(removed.sum())
        squares -= float(removed @ removed)
    return total / count
