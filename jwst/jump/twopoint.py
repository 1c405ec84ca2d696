"""Two-point difference detection: every ramp in a quick screen, the suspects exactly.

The screen works on whole planes in single precision with a safety margin and only drops pixels that cannot have a hit;
what it keeps is decided in the precision of spec jump.md §5. Source: Anderson & Gordon 2011 (PASP 123, 1237), spec
jump.md §5b, §5c, §12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.jump.differences import UNUSABLE, Ramps, middle, scatter, signed_median
from jwst.lib.dqflags import JUMP_DET
from jwst.lib.selection import middle_ranks, select_ranks, sort_columns

__all__ = ["Thresholds", "iterative_hits", "single_pass_hits", "suspects"]

MARGIN = np.float32(0.999)
"""The screen lowers the squared threshold by this factor; single-precision errors stay far below it."""

TILE_BYTES = 1 << 20
"""Size of the block of differences of a tile."""


@dataclass(frozen=True)
class Thresholds:
    """Rejection thresholds in units of the expected scatter.

    Attributes
    ----------
    many, three, two : float
        For at least four, exactly three and exactly two usable differences.
    single_pass : bool
        All hits at once with ``many`` as the only threshold, instead of one hit for each pass.
    """

    many: float = 4.0
    three: float = 5.0
    two: float = 6.0
    single_pass: bool = False

    def by_count(self, longest: int) -> NDArray[np.float64]:
        """Threshold for each count of usable differences from 0 to ``longest``; infinite below two."""
        table = np.full(max(longest, 3) + 1, self.many)
        table[:4] = np.inf, np.inf, self.two, self.three
        return table


def suspects(ramps: Ramps, thresholds: Thresholds, *, first: int, last: int) -> NDArray[np.intp]:
    """Find the pixels that may have a hit, have a flagged group, or have values that are no numbers.

    Parameters
    ----------
    ramps : Ramps
    thresholds : Thresholds
    first, last : int
        Range of flat pixel numbers to look at.

    Returns
    -------
    (n,) ndarray of intp
        Flat pixel numbers, ascending.
    """
    usual = ramps.usual()
    expected = usual.excluded & ~ramps.excluded
    npairs = len(usual.pairs)
    size = max(min(TILE_BYTES // (4 * max(npairs, 1)), last - first), 1)
    block, attention = np.empty((npairs, size), dtype=np.float32), np.empty(size, dtype=np.uint8)
    screen = _screen_single_pass if thresholds.single_pass else _screen_iterative
    found = []
    with np.errstate(all="ignore"):
        for start in range(first, last, size):
            tile = slice(start, min(start + size, last))
            flags, differences = attention[: tile.stop - start], block[:, : tile.stop - start]
            ramps.flags(tile, flags, expected)
            keep = (flags & (UNUSABLE | np.uint8(JUMP_DET))) != 0
            usual.tile(tile, differences)
            keep |= screen(differences, ramps.read_variance(tile) / np.float32(ramps.nframes), thresholds)
            found.append(np.flatnonzero(keep) + start)
    return np.concatenate(found) if found else np.empty(0, dtype=np.intp)


def _screen_iterative(
    block: NDArray[np.float32], noise: NDArray[np.float32], thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Tell which columns of ``block`` (destroyed) may have a hit in the first pass of the iterative search."""
    npairs = block.shape[0]
    if npairs < 2:
        return np.zeros(noise.size, dtype=bool)
    np.abs(block, out=block)
    rest = npairs - 1 if npairs != 3 else 3
    below, above = middle_ranks(rest)
    runner_up = npairs - 2 if npairs > 3 else 0
    lowest, lower, upper, second, highest = _picked(block, (0, below, above, runner_up, npairs - 1))
    limit = np.float32(thresholds.by_count(npairs)[npairs] ** 2) * MARGIN
    tied = second == highest if npairs > 3 else np.zeros(noise.size, dtype=bool)
    keep = _exceeds((lowest, lower, upper, highest), noise, limit)
    if tied.any():
        some = np.flatnonzero(tied)
        keep[some] = (highest[some] - lowest[some]) ** 2 > limit * (lowest[some] + noise[some])
    return keep


def _screen_single_pass(
    block: NDArray[np.float32], noise: NDArray[np.float32], thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Tell which columns of ``block`` (destroyed) may have a hit in the single-pass search."""
    npairs = block.shape[0]
    if npairs < 1:
        return np.zeros(noise.size, dtype=bool)
    below, above = middle_ranks(npairs)
    lowest, lower, upper, highest = _picked(block, (0, below, above, npairs - 1))
    return _exceeds((lowest, lower, upper, highest), noise, np.float32(thresholds.many**2) * MARGIN)


def _picked(block: NDArray[np.float32], ranks: tuple[int, ...]) -> list[NDArray[np.float32]]:
    distinct = tuple(sorted(set(ranks)))
    planes = dict(zip(distinct, select_ranks(block, distinct)))
    return [planes[rank] for rank in ranks]


def _exceeds(
    order: tuple[NDArray[np.float32], ...], noise: NDArray[np.float32], limit: np.float32
) -> NDArray[np.bool_]:
    """Compare the larger deviation from the median with the scatter, both squared; True when in doubt."""
    lowest, lower, upper, highest = order
    centre = lower if lower is upper else (lower + upper) * np.float32(0.5)
    deviation = highest - centre
    np.maximum(deviation, centre - lowest, out=deviation)
    np.multiply(deviation, deviation, out=deviation)
    variance = np.abs(centre)
    variance += noise
    variance *= limit
    keep = np.less_equal(deviation, variance)
    return np.logical_not(keep, out=keep)


def single_pass_hits(
    ramps: Ramps, pixels: NDArray[np.intp], differences: NDArray[np.float32], *, thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Find all hits of chosen pixels at once, against the median that includes them (spec jump.md §5b).

    Parameters
    ----------
    ramps : Ramps
    pixels : (n,) ndarray of intp
    differences : (npairs, n) ndarray of float32, electron
        Of these pixels; NaN where unusable.
    thresholds : Thresholds

    Returns
    -------
    (npairs, n) ndarray of bool
    """
    median = signed_median(differences)
    sigma = scatter(ramps, pixels, median)
    ratio = np.subtract(differences, median, dtype=np.float64)
    np.abs(ratio, out=ratio)
    ratio /= sigma
    return (ratio > thresholds.many) & np.isfinite(differences)


def iterative_hits(
    ramps: Ramps, pixels: NDArray[np.intp], differences: NDArray[np.float32], *, thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Find the hits of chosen pixels one after the other, largest first (spec jump.md §5c).

    Parameters and result are those of `single_pass_hits`.
    """
    hits = np.zeros(differences.shape, dtype=bool)
    size = np.abs(differences)
    size[~np.isfinite(size)] = np.inf
    live = np.arange(pixels.size)
    for step in range(ramps.excluded.shape[0] * (ramps.excluded.shape[1] - 1)):
        current = size[:, live] if step else size
        median, count, extremes = _median_without_peak(current)
        if step:
            median = median.astype(np.float32).astype(np.float64)
        sigma = scatter(ramps, pixels[live], median)
        limit = thresholds.by_count(size.shape[0])[count]
        largest = np.maximum(_ratio(extremes[0], median, sigma), _ratio(extremes[1], median, sigma))
        hot = np.flatnonzero(largest > limit)
        if hot.size == 0:
            break
        members = current[:, hot]
        new = _ratio(members, median[hot], sigma[hot]) == largest[hot]
        new &= np.isfinite(members)
        live = live[hot]
        hits[:, live] |= new
        members[new] = np.inf
        size[:, live] = members
    return hits


def _ratio(size: NDArray[np.float32], median: NDArray[np.float64], sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviation from the median in units of the scatter, the deviation rounded to single precision."""
    deviation = np.subtract(size, median, dtype=np.float64).astype(np.float32)
    return np.abs(deviation) / sigma


def _median_without_peak(
    size: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.intp], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Median of each column, with every member equal to its maximum left out when there are four or more.

    ``size`` has infinity for missing members. Returns the median, the number of members, and (smallest, largest).
    """
    finite = np.isfinite(size)
    count = finite.sum(axis=0)
    ordered = sort_columns(size.copy())
    largest = ordered[np.maximum(count - 1, 0), np.arange(count.size)]
    rest = np.where(count == 3, 3, np.where(count > 1, count - 1, 0))
    runner_up = ordered[np.maximum(count - 2, 0), np.arange(count.size)]
    tied = np.flatnonzero((runner_up == largest) & (count > 3))
    if tied.size:
        rest[tied] = (ordered[:, tied] < largest[tied]).sum(axis=0)
    return middle(ordered, rest), count, (ordered[0], largest)
