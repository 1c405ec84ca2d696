"""Sigma clipping of the background, and its level. Source: spec clean_flicker_noise.md §7.

Nothing here touches a mask that is an image: what is background is a range of values (`Bounds`), which follows from the
order statistics of the values alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from jwst.lib.sample import OrderedSample, float32_above, float32_below

__all__ = ["EVERYTHING", "Bounds", "background_bounds", "lower_half_deviation", "sigma_clipped"]

ROUNDS = 5
CLIP = 3.0


@dataclass(frozen=True)
class Bounds:
    """What is background: values from ``low`` to ``high``, both included.

    Parameters
    ----------
    low, high : float
        NaN for a range without any value.
    """

    low: float = -math.inf
    high: float = math.inf

    @property
    def empty(self) -> bool:
        """Whether nothing can be within."""
        return not self.low <= self.high

    @property
    def limits(self) -> tuple[np.float32, np.float32]:
        """The same range in float32 numbers."""
        return np.float32(float32_above(self.low)), np.float32(float32_below(self.high))

    def ranks(self, sample: OrderedSample) -> tuple[int, int]:
        """First rank within, and the first one above."""
        if self.empty:
            return 0, 0
        first = 0 if self.low == -math.inf else sample.rank(self.low, inclusive=False)
        last = sample.count if self.high == math.inf else sample.rank(self.high, inclusive=True)
        return first, max(first, last)

    def within(self, values: np.ndarray) -> np.ndarray:
        """Where values of float32 are within."""
        if self.empty:
            return np.zeros(values.shape, bool)
        low, high = self.limits
        inside = values >= low
        inside &= values <= high
        return inside


EVERYTHING = Bounds()


def sigma_clipped(sample: OrderedSample) -> tuple[float, float, float]:
    """Mean, median and standard deviation after clipping at three sigma.

    Parameters
    ----------
    sample : OrderedSample

    Returns
    -------
    mean, median, std : float
        NaN where nothing is left.

    Notes
    -----
    As ``astropy.stats.sigma_clipped_stats`` with its defaults: about the median, at most five rounds, and the bounds of
    the last round applied to all values.
    """
    ranks, bounds = (0, sample.count), EVERYTHING
    for _ in range(ROUNDS):
        if ranks[1] <= ranks[0]:
            break
        centre, deviation = _median(sample, ranks), sample.moments(*ranks)[1]
        bounds = Bounds(centre - CLIP * deviation, centre + CLIP * deviation)
        first, last = bounds.ranks(sample)
        before, ranks = ranks, (max(first, ranks[0]), min(last, ranks[1]))
        if ranks == before:
            break
    ranks = bounds.ranks(sample)
    if ranks[1] <= ranks[0]:
        return math.nan, math.nan, math.nan
    mean, deviation = sample.moments(*ranks)
    return mean, _median(sample, ranks), deviation


def _median(sample: OrderedSample, ranks: tuple[int, int]) -> float:
    low, high = sample.middle(*ranks)
    return (float(low) + float(high)) / 2


def lower_half_deviation(sample: OrderedSample, centre: float) -> float:
    """Clipped standard deviation of the values up to a centre and of their mirror images.

    Parameters
    ----------
    sample : OrderedSample
    centre : float

    Returns
    -------
    float
        NaN where there are none.
    """
    last = sample.rank(centre, inclusive=True)
    first, low = 0, -math.inf
    for _ in range(ROUNDS):
        if last <= first:
            return math.nan
        low = centre - CLIP * _mirrored(sample, (first, last), centre)
        rank = max(first, sample.rank(low, inclusive=False))
        if rank == first:
            break
        first = rank
    first = 0 if low == -math.inf else sample.rank(low, inclusive=False)
    return _mirrored(sample, (first, last), centre)


def _mirrored(sample: OrderedSample, ranks: tuple[int, int], centre: float) -> float:
    """Standard deviation of values and their mirror images."""
    mean, deviation = sample.moments(*ranks)
    return math.hypot(deviation, mean - centre)


def background_bounds(sample: OrderedSample, lower: float, upper: float) -> Bounds:
    """Range of the background from the lower half of its distribution.

    Parameters
    ----------
    sample : OrderedSample
    lower, upper : float
        Widths below and above the centre, sigma.

    Returns
    -------
    Bounds
        Empty where there are no values.
    """
    centre = sigma_clipped(sample)[1]
    deviation = lower_half_deviation(sample, centre)
    return Bounds(centre - lower * deviation, centre + upper * deviation)
