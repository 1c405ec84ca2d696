"""The sky level of a list of pixels: mode, median, mean or midpoint after clipping.

Source: spec skymatch.md §2. Sums are those of double precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["SkyStatistic", "SkyValue", "sky_value"]

TILE = 16384  # pixels that stay in the cache, with their work arrays
_TINY = 10 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class SkyStatistic:
    """Which statistic, and of which pixels.

    Parameters
    ----------
    name : str
        "mode", "median", "mean" or "midpt".
    lower, upper : float, optional
        Range of the values that are used at all.
    nclip : int
        Number of clips.
    lsigma, usigma : float
        How far below and above the mean values are kept, sigma.
    binwidth : float
        Width of the bins of the histogram, sigma.
    """

    name: str = "mode"
    lower: float | None = None
    upper: float | None = None
    nclip: int = 5
    lsigma: float = 4.0
    usigma: float = 4.0
    binwidth: float = 0.1


@dataclass(frozen=True)
class SkyValue:
    """A sky level, and of how many pixels it is."""

    level: float
    count: int


@dataclass(frozen=True)
class _Sums:
    """Number of values, and the sums of their differences from a pivot and of the squares of these."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def moments(self, pivot: float) -> tuple[float, float]:
        """Mean, and standard deviation of the sample."""
        mean = self.total / self.count
        spread = self.squares - self.count * mean * mean
        return mean + pivot, math.sqrt(max(spread, 0.0) / (self.count - 1))


def sky_value(values: np.ndarray, statistic: SkyStatistic) -> SkyValue | None:
    """Measure the sky level.

    Parameters
    ----------
    values : (n,) ndarray of float32
        Finite.
    statistic : SkyStatistic

    Returns
    -------
    SkyValue or None
        With the number of pixels after the last clip; None where fewer than two are left, of which nothing can be said.

    Notes
    -----
    Every clip is of all values in the range, not only of those that the clip before has left.
    """
    if values.size == 0:
        return None
    low = float(values.min()) if statistic.lower is None else statistic.lower
    high = float(values.max()) if statistic.upper is None else statistic.upper
    sample = _Sample(values, min(statistic.lsigma, statistic.usigma))
    limits = low, high
    for clip in range(statistic.nclip + 1):
        sums = sample.sums(*limits)
        if sums.count < 2:
            return None
        mean, sigma = sums.moments(sample.pivot)
        if clip < statistic.nclip:
            limits = max(low, mean - statistic.lsigma * sigma), min(high, mean + statistic.usigma * sigma)
    level = _level(statistic, sample, limits, (mean, sigma))
    return SkyValue(level, sums.count) if math.isfinite(level) else None


def _level(
    statistic: SkyStatistic, sample: _Sample, limits: tuple[float, float], moments: tuple[float, float]
) -> float:
    """The statistic of the values within limits."""
    if statistic.name == "mean":
        return moments[0]
    if statistic.name == "median":
        values = sample.values
        return float(np.median(_within(values, *limits) if statistic.nclip else values))
    bins = _Bins.of(sample.extremes(*limits), statistic.binwidth * moments[1])
    return _mode(bins, sample.values) if statistic.name == "mode" else _midpoint(bins, sample.values)


class _Sample:
    """Values of which sums over one range after the other are wanted.

    The sums of a core, and the values outside of it, are kept: as long as a range holds the core, only those outside
    are looked at. ``reach`` is how many standard deviations from the mean the ranges will end.
    """

    def __init__(self, values: np.ndarray, reach: float) -> None:
        self.values = values
        some = values[:: max(1, values.size // 2000)].astype(np.float64)
        self.pivot = float(np.median(some))
        half = 0.75 * reach * 1.48 * float(np.median(np.abs(some - self.pivot)))
        self._work = np.empty(min(TILE, values.size))
        self._split(self.pivot - half, self.pivot + half)

    def sums(self, low: float, high: float) -> _Sums:
        """Sums of the values from ``low`` to ``high``, both included."""
        if not (low <= self._limits[0] and self._limits[1] <= high):
            quarter = 0.25 * (high - low)
            self._split(low + quarter, high - quarter)
        return self._core + self._sums_of(_within(self._wings, low, high))

    def extremes(self, low: float, high: float) -> tuple[float, float]:
        """Least and greatest value from ``low`` to ``high``; there is one.

        Notes
        -----
        The released pipeline begins the search with the first value, moved into the range. Where this lies outside, one
        of the extremes is a limit.
        """
        values = _within(self._wings, low, high)
        if not values.size or values.min() >= self._limits[0] or values.max() <= self._limits[1]:
            values = _within(self.values, low, high)
        first = min(max(float(self.values[0]), low), high)
        return min(first, float(values.min())), max(first, float(values.max()))

    def _split(self, low: float, high: float) -> None:
        """Make a range the core."""
        core, wings = _Sums(), []
        for tile in _tiles(self.values):
            outside = tile[:0]
            if tile.min() < low or tile.max() > high:
                outside = np.flatnonzero((tile < low) | (tile > high))
                wings.append(tile[outside])
            core += self._sums_of_tile(tile, outside)
        self._limits, self._core = (low, high), core
        self._wings = np.concatenate(wings) if wings else self.values[:0]

    def _sums_of(self, values: np.ndarray) -> _Sums:
        """Sums of any number of values."""
        sums = _Sums()
        for tile in _tiles(values):
            sums += self._sums_of_tile(tile, tile[:0])
        return sums

    def _sums_of_tile(self, tile: np.ndarray, without: np.ndarray) -> _Sums:
        """Sums of some values, except those at some positions."""
        offsets = self._work[: tile.size]
        np.subtract(tile, self.pivot, out=offsets, dtype=np.float64)
        if without.size:
            offsets[without] = 0.0
        # not a matrix product: for such a short one threads cost more than they save
        return _Sums(tile.size - without.size, float(offsets.sum()), float(np.einsum("i,i", offsets, offsets)))


def _tiles(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, values.size, TILE):
        yield values[start : start + TILE]


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The values from ``low`` to ``high``, both included."""
    return values[(values >= low) & (values <= high)]


@dataclass(frozen=True)
class _Bins:
    """Bins of a histogram.

    Parameters
    ----------
    start : float
        Lower limit of the first one.
    count : int
        How many there are.
    step : float
        Distance between their limits when values are counted.
    width : float
        Width that the results are in units of; the released pipeline tells the two apart, and so do we.
    """

    start: float
    count: int
    step: float
    width: float

    @classmethod
    def of(cls, extremes: tuple[float, float], width: float) -> _Bins:
        low, high = extremes
        extent = high - low
        if width < _TINY or abs(extent) < _TINY or width > extent:
            return cls(low, 1, width, width)
        count = int(extent / width) + 1
        return cls(low, count, extent / (count - 1), width)

    def histogram(self, values: np.ndarray) -> np.ndarray:
        """Number of values in each bin."""
        counts = np.zeros(self.count + 2, np.int64)
        start, step = np.float32(self.start), np.float32(self.step)
        for tile in _tiles(values):
            places = np.subtract(tile, start)
            np.divide(places, step, out=places)
            np.floor(places, out=places)
            np.clip(places, -1, self.count, out=places)
            counts += np.bincount(places.astype(np.intp) + 1, minlength=self.count + 2)
        return counts[1:-1]

    def at(self, position: float) -> float:
        """Value at a position counted in bins."""
        return self.start + position * self.width


def _mode(bins: _Bins, values: np.ndarray) -> float:
    """Where the histogram has its peak, from a parabola through three bins."""
    if bins.count == 1:
        return bins.at(0.5)
    counts = bins.histogram(values)
    peak = int(np.argmax(counts))
    if bins.count == 2:
        return bins.at(1.0 if counts[0] == counts[1] else peak + 0.5)
    if peak in (0, bins.count - 1):
        return bins.at(peak + 0.5)
    rise, fall = int(counts[peak] - counts[peak - 1]), int(counts[peak] - counts[peak + 1])
    shift = 0.5 * (rise - fall) / (rise + fall) if rise + fall else 0.0
    return bins.at(peak + 0.5 + shift)


def _midpoint(bins: _Bins, values: np.ndarray) -> float:
    """Where the cumulative histogram reaches one half."""
    if bins.count == 1:
        return bins.at(0.5)
    counts = bins.histogram(values)
    shares = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    place = int(np.argmax(shares[1:] >= 0.5))
    share = shares[place + 1] - shares[place]
    return bins.at(place + (0.5 - shares[place]) / share if share else place)
