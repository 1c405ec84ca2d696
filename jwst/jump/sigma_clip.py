"""Jump detection by sigma clipping: one group compared across many integrations.

Source: spec jump.md §5a; the clipping is that of ``astropy.stats.sigma_clip`` with its defaults (median, population
standard deviation, at most five rounds). Columns in which nothing can be clipped are recognised from their sums and
extremes alone, without a sort.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jwst.jump.differences import UNUSABLE, Ramps
from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET

__all__ = ["clip_bounds", "clip_jumps", "reset_lost_planes"]

MAX_ROUNDS = 5
SLACK = 0.999
"""The screen lowers the threshold by this factor against errors of single-precision sums."""

TILE_BYTES = 1 << 20


def clip_jumps(ramps: Ramps, threshold: float, *, only_integrations: bool, first: int, last: int) -> None:
    """Set JUMP_DET on the group after every difference that sigma clipping rejects, in place.

    Parameters
    ----------
    ramps : Ramps
        Its ``groupdq`` is updated in place.
    threshold : float
        Distance from the median in standard deviations.
    only_integrations : bool
        Compare each difference across integrations; otherwise all differences of a pixel together.
    first, last : int
        Range of flat pixel numbers to look at.
    """
    members = ramps.data.shape[0] if only_integrations else len(ramps.pairs)
    if members == 0:
        return
    size = max(TILE_BYTES // (4 * max(members, 1)), 64)
    work = _clip_tile_by_group if only_integrations else _clip_tile_jointly
    with np.errstate(all="ignore"):
        for start in range(first, last, size):
            work(ramps, threshold, slice(start, min(start + size, last)))


def _clip_tile_by_group(ramps: Ramps, threshold: float, tile: slice) -> None:
    earlier = np.multiply(ramps.data[:, 0, tile], ramps.gain[tile])
    later, block = np.empty_like(earlier), np.empty_like(earlier)
    bad_before = (ramps.groupdq[:, 0, tile] & UNUSABLE) != 0
    for g in range(1, ramps.data.shape[1]):
        np.multiply(ramps.data[:, g, tile], ramps.gain[tile], out=later)
        bad_after = (ramps.groupdq[:, g, tile] & UNUSABLE) != 0
        np.subtract(later, earlier, out=block)
        integration, column = _rejected(block, bad_before | bad_after, threshold)
        ramps.groupdq[integration, g, column + tile.start] |= np.uint8(JUMP_DET)
        earlier, later, bad_before = later, earlier, bad_after


def _clip_tile_jointly(ramps: Ramps, threshold: float, tile: slice) -> None:
    block = np.empty((len(ramps.pairs), tile.stop - tile.start), dtype=np.float32)
    ramps.tile(tile, block)
    bad = np.empty(block.shape, dtype=bool)
    for row, (i, g) in zip(bad, ramps.pairs):
        row[:] = ((ramps.groupdq[i, g, tile] | ramps.groupdq[i, g + 1, tile]) & UNUSABLE) != 0
    pair, column = _rejected(block, bad, threshold)
    integration, group = np.divmod(ramps.pair_planes[pair], ramps.data.shape[1])
    ramps.groupdq[integration, group, column + tile.start] |= np.uint8(JUMP_DET)


def _rejected(
    block: NDArray[np.float32], bad: NDArray[np.bool_], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give (member, column) of the rejected values of a (members, columns) block."""
    keep, deviation = _may_clip(block, bad, threshold)
    some = np.flatnonzero(keep)
    columns = block[:, some].T
    columns[bad[:, some].T] = np.nan
    chosen = ~_all_near_median(columns, deviation[some] * np.float32(threshold * SLACK))
    some, columns = some[chosen], columns[chosen]
    low, high = clip_bounds(columns, threshold)
    column, member = np.nonzero(((columns < low[:, None]) | (columns > high[:, None])) & np.isfinite(columns))
    return member, some[column]


def _all_near_median(columns: NDArray[np.float32], reach: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell in which rows no member is farther than ``reach`` from the median; False for infinite members."""
    ordered = np.sort(columns, axis=1)
    count, row = ordered.shape[1] - np.isnan(columns).sum(axis=1), np.arange(ordered.shape[0])
    last = np.maximum(count - 1, 0)
    median = (ordered[row, last // 2] + ordered[row, np.minimum(count // 2, last)]) * np.float32(0.5)
    return np.maximum(ordered[row, last] - median, median - ordered[:, 0]) <= reach


def _may_clip(block: NDArray[np.float32], bad: NDArray[np.bool_], threshold: float) -> tuple[NDArray, NDArray]:
    """Tell in which columns anything can be rejected, and give the standard deviations.

    The median is at most one standard deviation from the mean, so a column whose members are all within
    ``threshold - 1`` standard deviations of the mean is left alone. Members are taken relative to one of them, which
    keeps the sums well conditioned.
    """
    any_bad = bool(bad.any())
    count = np.float32(block.shape[0]) - bad.sum(axis=0, dtype=np.float32)
    centred = block - (_any_good_member(block, bad) if any_bad else block[0])
    if any_bad:
        np.copyto(centred, np.float32(0.0), where=bad)
    reach = np.maximum.reduce(centred, axis=0)
    lowest = np.minimum.reduce(centred, axis=0)
    mean = np.add.reduce(centred, axis=0)
    mean /= count
    np.multiply(centred, centred, out=centred)
    variance = np.add.reduce(centred, axis=0)
    variance /= count
    variance -= mean * mean
    np.maximum(reach - mean, mean - lowest, out=reach)
    deviation = np.sqrt(np.maximum(variance, 0))
    limit = deviation * np.float32(max(threshold - 1, 0.0) * SLACK)
    return ~(reach <= limit) & (count > 0), deviation


def _any_good_member(block: NDArray[np.float32], bad: NDArray[np.bool_]) -> NDArray[np.float32]:
    member = block[0].copy()
    missing = np.flatnonzero(bad[0])
    for row, bad_row in zip(block[1:], bad[1:]):
        if missing.size == 0:
            break
        member[missing] = row[missing]
        missing = missing[bad_row[missing]]
    return member


def clip_bounds(columns: NDArray[np.floating], threshold: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the limits at which sigma clipping ends.

    Parameters
    ----------
    columns : (ncolumns, nmembers) ndarray of float
        Values that are not finite take no part.
    threshold : float
        Distance from the median in standard deviations.

    Returns
    -------
    low, high : (ncolumns,) ndarray of float64
        NaN for a column without a finite member.
    """
    ordered = np.where(np.isfinite(columns), columns, np.nan)
    ordered.sort(axis=1)
    start = np.zeros(ordered.shape[0], dtype=np.intp)
    stop = np.isfinite(ordered).sum(axis=1)
    low, high = np.full(start.size, np.nan), np.full(start.size, np.nan)
    live = np.flatnonzero(stop > 0)
    for _ in range(MAX_ROUNDS):
        if live.size == 0:
            break
        members = ordered[live].astype(np.float64)
        median, deviation = _spread(members, start[live], stop[live])
        low[live], high[live] = median - threshold * deviation, median + threshold * deviation
        inside = (members >= low[live, None]) & (members <= high[live, None])
        position = np.arange(members.shape[1])
        inside &= (position >= start[live, None]) & (position < stop[live, None])
        kept = inside.sum(axis=1)
        going = (kept < stop[live] - start[live]) & (kept > 0)
        live, begin = live[going], inside[going].argmax(axis=1)
        start[live], stop[live] = begin, begin + kept[going]
    return low, high


def _spread(
    members: NDArray[np.float64], start: NDArray[np.intp], stop: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and population standard deviation of ``members[k, start[k]:stop[k]]``, each row sorted."""
    count, row = stop - start, np.arange(start.size)
    median = 0.5 * (members[row, start + (count - 1) // 2] + members[row, start + count // 2])
    position = np.arange(members.shape[1])
    outside = (position < start[:, None]) | (position >= stop[:, None])
    values = np.where(outside, 0.0, members)
    mean = values.sum(axis=1) / count
    values -= mean[:, None]
    values[outside] = 0.0
    return median, np.sqrt(np.einsum("ij,ij->i", values, values) / count)


def reset_lost_planes(groupdq: NDArray[np.uint8]) -> None:
    """Withdraw JUMP_DET from groups in which no pixel is left, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, npixels) ndarray of uint8
        Where every pixel of a group is JUMP_DET or DO_NOT_USE, pixels with JUMP_DET alone become 0.
    """
    lost = np.uint8(JUMP_DET | DO_NOT_USE)
    for i, g in np.argwhere((groupdq[:, :, 0] & lost) != 0):
        plane = groupdq[i, g]
        if (plane & lost).all():
            plane[plane == JUMP_DET] = 0
