"""Cut flagged ramps into segments of consecutive good groups. Source: spec ramp_fit.md §5.1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import JUMP_DET, PERSISTENCE, SATURATED

__all__ = ["SegmentClass", "Segments", "find_segments"]

_IGNORED = np.uint8(255 - PERSISTENCE)


@dataclass(frozen=True)
class SegmentClass:
    """All segments that begin at the same group and have the same length.

    Parameters
    ----------
    start, length : int
        First group and number of groups.
    ramps : (n,) ndarray of int
        Indices of the ramps, each at most once.
    slots : (n,) ndarray of int
        How many segments of that ramp come before this one.
    """

    start: int
    length: int
    ramps: np.ndarray
    slots: np.ndarray


@dataclass(frozen=True)
class Segments:
    """Segments of many ramps.

    Parameters
    ----------
    classes : tuple of SegmentClass
    counted : int
        The largest number of segments of any ramp, as the optional product counts them: a ramp that has only
        segments of one group counts them all, though only the first is fitted.
    """

    classes: tuple[SegmentClass, ...]
    counted: int


def find_segments(groupdq: np.ndarray, *, first_saturated_ends: bool = True) -> Segments:
    """Find the segments of ramps.

    A segment is a longest run of groups without a flag (PERSISTENCE does not count). A group before the run whose
    only flag is JUMP_DET belongs to it. Where a ramp has a longer segment, those of one group are dropped; otherwise
    the first is kept.

    Parameters
    ----------
    groupdq : (ngroups, n) ndarray of uint8
        Flags of n ramps.
    first_saturated_ends : bool
        A ramp that is saturated from its first group has no segment.

    Returns
    -------
    Segments
    """
    ngroups, count = groupdq.shape
    flags = groupdq & _IGNORED
    good = flags == 0
    if first_saturated_ends:
        good &= (groupdq[0] & np.uint8(SATURATED)) == 0
    rows, starts, lengths = _runs(good, flags == JUMP_DET, ngroups)
    has_long = np.zeros(count, bool)
    has_long[rows[lengths > 1]] = True
    order = np.lexsort((starts, rows))
    rows, starts, lengths = rows[order], starts[order], lengths[order]
    long_rows = has_long[rows]
    raw_slots = _slots(rows)
    counted = int(raw_slots[~long_rows].max(initial=-1)) + 1
    keep = np.where(long_rows, lengths > 1, raw_slots == 0)
    rows, starts, lengths = rows[keep], starts[keep], lengths[keep]
    slots = _slots(rows)
    counted = max(counted, int(slots.max(initial=-1)) + 1)
    return Segments(tuple(_classes(rows, starts, lengths, slots, ngroups)), counted)


def _runs(good: np.ndarray, jump: np.ndarray, ngroups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ramp, first group and length of every run of good groups, with a leading jump group."""
    rows, starts, lengths = [], [], []
    start = np.zeros(good.shape[1], np.int32)
    for group in range(ngroups):
        begins = good[group] if group == 0 else good[group] & ~good[group - 1]
        where = np.flatnonzero(begins)
        start[where] = group if group == 0 else group - jump[group - 1, where]
        ends = good[group] if group == ngroups - 1 else good[group] & ~good[group + 1]
        where = np.flatnonzero(ends)
        rows.append(where)
        starts.append(start[where])
        lengths.append(group + 1 - start[where])
    return np.concatenate(rows), np.concatenate(starts), np.concatenate(lengths)


def _slots(rows: np.ndarray) -> np.ndarray:
    """Position of each entry among those of its ramp; ``rows`` is sorted."""
    index = np.arange(rows.size)
    first = np.ones(rows.size, bool)
    first[1:] = rows[1:] != rows[:-1]
    return index - np.maximum.accumulate(np.where(first, index, 0))


def _classes(
    rows: np.ndarray, starts: np.ndarray, lengths: np.ndarray, slots: np.ndarray, ngroups: int
) -> Iterator[SegmentClass]:
    """Group segments by first group and length."""
    key = starts.astype(np.int64) * (ngroups + 1) + lengths
    order = np.argsort(key, kind="stable")
    edges = np.flatnonzero(np.diff(key[order])) + 1
    for part in np.split(order, edges) if order.size else ():
        yield SegmentClass(int(starts[part[0]]), int(lengths[part[0]]), rows[part], slots[part])
