"""Median of the finite values of parts of an image, without sorting them.

A sample of the pixels tells between which values the median must be; only values there are sorted, the others are
counted. Where the sample was wrong, all are ordered. Source: Floyd & Rivest 1975 (Commun. ACM 18, 165).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

__all__ = ["masked_median"]

Part = tuple[np.ndarray, np.ndarray]

SAMPLE = 1 << 16
"""Pixels of the sample, about."""

FEW = 1 << 10
"""Values of a sample below which all values are ordered at once."""

_MARGIN = 2.5
"""Half width of the range for the median: 5 standard errors of a rank, in units of the root of the sample's size."""

GOLDEN = (math.sqrt(5) - 1) / 2

_TILE = 1 << 16
_NONE = np.empty(0, np.float32)


def masked_median(parts: Sequence[Part]) -> np.float32:
    """Find the median of the finite values where masks are True.

    Parameters
    ----------
    parts : sequence of (values, mask)
        (h, w) ndarrays of float32 and bool; they need not be contiguous.

    Returns
    -------
    np.float32
        Mean of the two middle values of an even number; NaN where there are none.
    """
    bounds = _bounds(parts)
    if bounds is not None:
        below, total, values = _between(parts, *bounds)
        low, high = (total - 1) // 2 - below, total // 2 - below
        if low >= 0 and high < len(values):
            return _mean_of(values, low, high)
    values = np.concatenate([_NONE, *(tile[mask & np.isfinite(tile)] for tile, mask in _tiles(parts))])
    return _mean_of(values, (len(values) - 1) // 2, len(values) // 2) if len(values) else np.float32(np.nan)


def _mean_of(values: np.ndarray, low: int, high: int) -> np.float32:
    """Mean of the values of two ranks; ``values`` are sorted, which numpy does faster than `partition`."""
    values.sort()
    with np.errstate(over="ignore"):
        return np.float32((values[low] + values[high]) / np.float32(2))


def _bounds(parts: Sequence[Part]) -> tuple[np.float32, np.float32] | None:
    """Two values between which the median probably is; None where there are few."""
    share = min(1.0, SAMPLE / max(sum(values.size for values, _ in parts), 1))
    sample = np.concatenate([_NONE, *(_picked(values, mask, share) for values, mask in parts)])
    if len(sample) < FEW:
        return None
    half = int(_MARGIN * math.sqrt(len(sample))) + 2
    low, high = max(len(sample) // 2 - half, 0), min(len(sample) // 2 + half, len(sample) - 1)
    sample.sort()
    return sample[low], sample[high]


def _picked(values: np.ndarray, mask: np.ndarray, share: float) -> np.ndarray:
    """Values in use at a share of the pixels of a part."""
    pixels = _lattice(values.shape, int(values.size * share))
    picked = values[pixels]
    return picked[mask[pixels] & np.isfinite(picked)]


@lru_cache(maxsize=8)
def _lattice(shape: tuple[int, int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of pixels that lie evenly in both directions, since noise is alike along rows or columns.

    Source: the golden-ratio lattice, Niederreiter 1992 (Random Number Generation and Quasi-Monte Carlo Methods), §5.
    """
    number = np.arange(count)
    return number * shape[0] // max(count, 1), (number * GOLDEN % 1 * shape[1]).astype(np.intp)


def _between(parts: Sequence[Part], low: np.float32, high: np.float32) -> tuple[int, int, np.ndarray]:
    """Number of values below a range, of all values, and those within the range, both ends included."""
    below, total, found = 0, 0, []
    for tile, mask in _tiles(parts):
        used = np.isfinite(tile)
        used &= mask
        total += int(np.count_nonzero(used))
        less = tile < low
        less &= used
        below += int(np.count_nonzero(less))
        used &= tile <= high
        used ^= less
        found.append(tile[used])
    return below, total, np.concatenate(found)


def _tiles(parts: Sequence[Part]) -> Iterator[Part]:
    """Rows of the parts that fit the cache."""
    for values, mask in parts:
        rows = max(1, _TILE // max(values.shape[1], 1))
        for first in range(0, len(values), rows):
            yield values[first : first + rows], mask[first : first + rows]
