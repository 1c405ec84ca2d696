"""Order statistics and moments of many numbers, most of which are never sorted.

Sigma clipping asks for medians, for ranks of bounds, and for sums between ranks. An `OrderedSample` answers from zones
of consecutive ranks: a zone is sorted, or only its count and its sums are known. `with_sample` rehearses a computation
on a small part of the numbers, sees where it asks, and sorts the numbers of these places only; a question elsewhere
sorts everything. The answers are the same. Source: spec clean_flicker_noise.md §7.1, §12.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

__all__ = ["OrderedSample", "float32_above", "float32_below", "ordered", "with_sample"]

T = TypeVar("T")

LARGE = 1 << 18
"""Samples from this size on are sorted in part."""

REHEARSAL = 1 << 16
_MARGIN = 5.0
"""Half width of a sorted zone, in standard errors of the quantiles of the rehearsal."""

_ENDS = 0.05
"""Questions about this fraction of the numbers at either end have that end sorted."""

_JOINED = 0.02
"""Gap between zones, as a fraction of all numbers, that is sorted too."""

_TILE = 1 << 17
_LINE = 256


class _UnsortedError(Exception):
    """A question about numbers within a zone that is not sorted."""


@dataclass(frozen=True)
class _Zone:
    """Consecutive ranks.

    Parameters
    ----------
    lower : float
        All values of this zone and of those after it are at least this; all before it are not above it.
    count : int
    total, squares : float
        Sums of x - pivot and of its square.
    values : (count,) ndarray of float32, optional
        Sorted, where they are known.
    sums : (2, count + 1) ndarray of float64, optional
        Running sums.
    """

    lower: float
    count: int
    total: float
    squares: float
    values: np.ndarray | None = None
    sums: np.ndarray | None = None

    @classmethod
    def of(cls, values: np.ndarray, pivot: float, lower: float = -math.inf) -> _Zone:
        """Zone of sorted values."""
        distance = values.astype(np.float64)
        distance -= pivot
        sums = np.zeros((2, len(values) + 1))
        np.cumsum(distance, out=sums[0, 1:])
        np.multiply(distance, distance, out=distance)
        np.cumsum(distance, out=sums[1, 1:])
        return cls(lower, len(values), float(sums[0, -1]), float(sums[1, -1]), values, sums)

    def moments(self, first: int, last: int) -> tuple[float, float]:
        """Sums between two ranks of the zone."""
        if first == 0 and last == self.count:
            return self.total, self.squares
        if self.sums is None:
            raise _UnsortedError
        return float(self.sums[0, last] - self.sums[0, first]), float(self.sums[1, last] - self.sums[1, first])

    def part(self, ranks: tuple[int, int], shift: np.float32, pivots: tuple[float, float]) -> _Zone:
        """Ranks of the zone less a constant; ``pivots`` are the old and the new one."""
        lower = float(np.float32(self.lower) - shift)
        if self.values is not None:
            return _Zone.of(self.values[slice(*ranks)] - shift, pivots[1], lower)
        if ranks != (0, self.count):
            raise _UnsortedError
        offset = pivots[0] - float(shift) - pivots[1]
        squares = self.squares + 2 * offset * self.total + self.count * offset * offset
        return _Zone(lower, self.count, self.total + self.count * offset, squares)


@dataclass(frozen=True)
class OrderedSample:
    """Numbers in order.

    Parameters
    ----------
    zones : tuple of _Zone
        In order of rank.
    pivot : float
        From which sums are taken.
    asked : list of float, optional
        Receives the values about which questions are asked.
    """

    zones: tuple[_Zone, ...]
    pivot: float = 0.0
    asked: list[float] | None = field(default=None, compare=False)

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(zone.count for zone in self.zones)

    def value(self, rank: int) -> np.float32:
        """Value of a rank, 0 for the smallest."""
        for zone in self.zones:
            if rank < zone.count:
                if zone.values is None:
                    raise _UnsortedError
                self._note(float(zone.values[rank]))
                return zone.values[rank]
            rank -= zone.count
        raise IndexError("There is no such rank")

    def middle(self, first: int, last: int) -> tuple[np.float32, np.float32]:
        """The two values (twice one for an odd number) whose mean is the median between two ranks."""
        return self.value((first + last - 1) // 2), self.value((first + last) // 2)

    def rank(self, bound: float, *, inclusive: bool) -> int:
        """Number of values below a bound, or with ``inclusive`` not above it."""
        if math.isnan(bound):
            return 0
        self._note(bound)
        limit = float32_below(bound) if inclusive else float32_above(bound)
        before, found = 0, None
        for zone in self.zones:
            if zone.lower > limit:
                break
            before += found.count if found is not None else 0
            found = zone
        if found is None:
            return 0
        if found.values is None or (found is not self.zones[0] and limit == found.lower):
            raise _UnsortedError
        return before + int(np.searchsorted(found.values, limit, side="right" if inclusive else "left"))

    def moments(self, first: int, last: int) -> tuple[float, float]:
        """Mean and standard deviation of the values between two ranks; NaN for none."""
        if last <= first:
            return math.nan, math.nan
        total = squares = 0.0
        for zone, ranks in self._pieces(first, last):
            one, two = zone.moments(*ranks)
            total, squares = total + one, squares + two
        mean = total / (last - first)
        return self.pivot + mean, math.sqrt(max(squares / (last - first) - mean * mean, 0.0))

    def shifted(self, first: int, last: int, shift: np.float32) -> OrderedSample:
        """The values between two ranks less a constant, rounded to float32."""
        pivot = float(np.float32(self.pivot) - shift)
        zones = tuple(zone.part(ranks, shift, (self.pivot, pivot)) for zone, ranks in self._pieces(first, last))
        return replace(self, zones=zones, pivot=pivot)

    def _pieces(self, first: int, last: int) -> Iterator[tuple[_Zone, tuple[int, int]]]:
        """Zones with ranks from ``first`` to ``last``, and which of their own ranks these are."""
        begin = 0
        for zone in self.zones:
            low, high = max(first - begin, 0), min(last - begin, zone.count)
            if low < high:
                yield zone, (low, high)
            begin += zone.count

    def _note(self, value: float) -> None:
        if self.asked is not None:
            self.asked.append(value)


def float32_above(bound: float) -> float:
    """The smallest float32 that is not below a bound."""
    near = np.float32(bound)
    return float(near if float(near) >= bound else np.nextafter(near, np.float32(np.inf)))


def float32_below(bound: float) -> float:
    """The largest float32 that is not above a bound."""
    near = np.float32(bound)
    return float(near if float(near) <= bound else np.nextafter(near, np.float32(-np.inf)))


def ordered(values: np.ndarray) -> OrderedSample:
    """Sort numbers.

    Parameters
    ----------
    values : (n,) ndarray of float32
        Finite. Not changed.

    Returns
    -------
    OrderedSample
    """
    values = np.sort(values)
    pivot = float(values[len(values) // 2]) if len(values) else 0.0
    return OrderedSample((_Zone.of(values, pivot),), pivot)


def with_sample(image: np.ndarray, mask: np.ndarray, compute: Callable[[OrderedSample], T], *, sums: bool = True) -> T:
    """Run a computation on the numbers of an image.

    Parameters
    ----------
    image : ndarray of float32, C-contiguous
    mask : ndarray of bool, same shape
        True for numbers to use; they must be finite.
    compute : callable
        Gets an `OrderedSample`. It may be called several times and must not keep anything between its calls.
    sums : bool
        False if it asks for values and ranks alone, and not for moments.

    Returns
    -------
    object
        What ``compute`` returned.
    """
    values, used = image.reshape(-1), mask.reshape(-1)
    step = len(values) // REHEARSAL | 1
    if len(values) >= LARGE:
        rehearsal, asked = ordered(values[::step][used[::step]]), list[float]()
        if rehearsal.count > REHEARSAL // 16:
            compute(replace(rehearsal, asked=asked))
            windows = _windows(rehearsal, asked)
            if any(low <= rehearsal.pivot < high for low, high in windows):
                with suppress(_UnsortedError):
                    return compute(_zoned(values, used, (windows, rehearsal.pivot), sums=sums))
    return compute(ordered(values[used]))


def _windows(rehearsal: OrderedSample, asked: list[float]) -> list[tuple[float, float]]:
    """Ranges of values in which questions are to be expected, apart from each other.

    The first and the last one are open; they are empty where nothing is asked about the ends.
    """
    values = rehearsal.zones[0].values
    assert values is not None
    count = len(values)
    ranks = np.searchsorted(values, np.array([rehearsal.pivot, *asked]))
    half = (_MARGIN * np.sqrt(ranks * (count - ranks) / count) + 10).astype(int)
    windows: list[list[int]] = []
    for low, high in sorted(zip(ranks - half, ranks + half)):
        if windows and low - windows[-1][1] < count * _JOINED:
            windows[-1][1] = max(windows[-1][1], high)
        else:
            windows.append([low, high])
    edges = [(float(values[max(low, 0)]), float(values[min(high, count - 1)])) for low, high in windows]
    if windows[0][0] < count * _ENDS:
        edges[0] = (-math.inf, edges[0][1])
    else:
        edges.insert(0, (-math.inf, -math.inf))
    if windows[-1][1] > count * (1 - _ENDS):
        edges[-1] = (edges[-1][0], math.inf)
    else:
        edges.append((math.inf, math.inf))
    return [(low, high) for low, high in edges if low < high or math.isinf(low)]


def _zoned(
    values: np.ndarray, used: np.ndarray, places: tuple[list[tuple[float, float]], float], *, sums: bool
) -> OrderedSample:
    """Sort the values in some windows; of the gaps between them only take the sums.

    ``places`` are the windows, and a value in one of them that stands for what is not used.
    """
    windows, middle = places[0], np.float32(places[1])
    gaps = [_Gap.between(low[1], high[0], float(middle)) for low, high in zip(windows, windows[1:])]
    found: list[list[np.ndarray]] = [[] for _ in windows]
    measured, total = np.zeros((len(gaps), 3)), 0
    scratch = np.empty((2, _TILE), np.float32)
    for first in range(0, len(values), _TILE):
        tile, inside = values[first : first + _TILE], used[first : first + _TILE]
        block, spare = scratch[0, : len(tile)], scratch[1, : len(tile)]
        block[:] = middle
        np.copyto(block, tile, where=inside)
        total += int(np.count_nonzero(inside))
        for pieces, window in zip(found, windows):
            pieces.append(_between(block, window, inside if window[0] <= middle < window[1] else None))
        for number, (entry, gap) in enumerate(zip(measured, gaps)):
            entry[0] += gap.count_below(block) if number < len(gaps) - 1 else 0
            entry[1:] += gap.sums(block, spare) if sums else math.nan
    pieces = [np.sort(np.concatenate(pieces)) for pieces in found]
    return _assembled(places, pieces, gaps, (measured, total, len(values) - total))


def _between(block: np.ndarray, window: tuple[float, float], inside: np.ndarray | None) -> np.ndarray:
    """Values within a window, of those that are ``inside``."""
    low, high = np.float32(window[0]), np.float32(window[1])
    chosen = block >= low if low > -np.inf else block < high
    if low > -np.inf and high < np.inf:
        chosen &= block < high
    if inside is not None:
        chosen &= inside
    return block[np.flatnonzero(chosen)]


@dataclass(frozen=True)
class _Gap:
    """Values between two windows, of which only sums are taken.

    Parameters
    ----------
    low, high : float
        The values are from ``low`` on and below ``high``.
    below : bool
        They are below the value that stands for what is not used.
    """

    low: float
    high: float
    below: bool

    @classmethod
    def between(cls, low: float, high: float, middle: float) -> _Gap:
        """Gap between two windows, one of which has the value for what is not used or is nearer to it."""
        return cls(low, high, high <= middle)

    @property
    def near(self) -> float:
        """The end from which distances are taken, so that what is not used adds nothing."""
        return self.high if self.below else self.low

    @property
    def width(self) -> float:
        """Distance of what lies beyond the other end, once it is clipped."""
        return self.low - self.high if self.below else self.high - self.low

    def count_below(self, block: np.ndarray) -> int:
        """Number of values below the upper end."""
        return int(np.count_nonzero(block < np.float32(self.high)))

    def sums(self, block: np.ndarray, spare: np.ndarray) -> tuple[float, float]:
        """Sums of clipped distances and of their squares."""
        np.clip(block, np.float32(self.low), np.float32(self.high), out=spare)
        spare -= np.float32(self.near)
        lines = spare.reshape(-1, _LINE) if len(spare) % _LINE == 0 else spare[None]
        total = float(np.vecdot(lines, np.ones(lines.shape[1], np.float32)).sum(dtype=np.float64))
        return total, float(np.vecdot(lines, lines).sum(dtype=np.float64))


def _assembled(
    places: tuple[list[tuple[float, float]], float],
    found: list[np.ndarray],
    gaps: list[_Gap],
    measured: tuple[np.ndarray, int, int],
) -> OrderedSample:
    """Put sorted windows and gaps together; ``measured`` are the sums of the gaps, and how many are used and unused."""
    (windows, pivot), (sums, used, unused) = places, measured
    zones, counted = [_Zone.of(found[0], pivot, windows[0][0])], len(found[0])
    for number, (gap, (below, total, squares)) in enumerate(zip(gaps, sums)):
        last = number == len(gaps) - 1
        below = used - len(found[-1]) if last else int(below) - (0 if gap.below else unused)
        outside = counted if gap.below else used - below
        if outside:
            total, squares = total - outside * gap.width, squares - outside * gap.width**2
        count, offset = below - counted, gap.near - pivot
        moved = squares + 2 * offset * total + count * offset * offset
        zones.append(_Zone(gap.low, count, total + count * offset, moved))
        zones.append(_Zone.of(found[number + 1], pivot, windows[number + 1][0]))
        counted = below + len(found[number + 1])
    return OrderedSample(tuple(zones), pivot)
