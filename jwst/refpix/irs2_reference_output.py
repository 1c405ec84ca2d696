"""The time series of the reference output, with its gaps filled. Source: spec refpix.md §E7, step 4."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from jwst.refpix.irs2_layout import line_places, line_slots
from jwst.refpix.irs2_transform import SERIES, SLOTS, cyclic_places

__all__ = ["fill_gaps"]

_REACH = 15
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class _Gap:
    """Some neighbouring slots without samples, and the weights of the lines of samples near them.

    `late` is true for lines of the next column.
    """

    rows: slice
    lines: slice
    weights: np.ndarray
    late: bool


def fill_gaps(lines: np.ndarray, out: np.ndarray) -> None:
    """Make a series of a sector; what is missing is the weighted mean of what is within 15 clock ticks.

    Parameters
    ----------
    lines : (640, 2048) ndarray of float32, DN
        The sector, in the order of time. Samples that are exactly 0 count as missing too.
    out : (89, 16384) ndarray of float32, DN
        In the arrangement of the transform. 0 where nothing is near.
    """
    flat = out.reshape(-1)
    flat[line_places()] = lines
    total = _weighted(lines)
    missing = lines == 0
    if missing.any():
        weight = _weighted((~missing).astype(np.float32))
        flat[line_places()[missing]] = _near(lines, missing)
    else:
        weight = _weighted(np.ones((len(lines), 1), np.float32))
    flat[_gap_places()] = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


def _window() -> np.ndarray:
    """Weights of samples from 15 ticks before to 15 ticks after, (31,) float64."""
    return np.sin(np.pi * np.arange(1, 2 * _REACH + 2) / (2 * _REACH + 2))


def _gap_slots() -> np.ndarray:
    """Slots without samples, (72,) ndarray of int."""
    return np.setdiff1d(np.arange(SLOTS), line_slots())


@lru_cache(maxsize=1)
def _gaps() -> tuple[_Gap, ...]:
    """Gaps of a column, two slots at a time; before the start of a column there are gaps only."""
    slots, window = _gap_slots(), np.concatenate([_window(), [0.0]])
    gaps = []
    for start in range(0, len(slots), 2):
        rows = slice(start, start + 2)
        for late in (False, True):
            distance = line_slots() + SLOTS * late - slots[rows, None] + _REACH
            inside = (distance >= 0) & (distance <= 2 * _REACH)
            near = np.flatnonzero(inside.any(axis=0))
            if near.size:
                lines = slice(near[0], near[-1] + 1)
                weights = window[np.where(inside, distance, -1)][:, lines].astype(np.float32)
                gaps.append(_Gap(rows, lines, weights, late))
    return tuple(gaps)


@lru_cache(maxsize=1)
def _gap_places() -> np.ndarray:
    return cyclic_places(_gap_slots())


def _weighted(lines: np.ndarray) -> np.ndarray:
    """Weighted sums at the gaps, (72, ncolumns)."""
    total = np.zeros((len(_gap_slots()), lines.shape[1]), np.float32)
    for gap in _gaps():
        near = gap.weights @ lines[gap.lines]
        total[gap.rows] += np.roll(near, -1, axis=1) if gap.late else near
    return total


def _near(lines: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Weighted means around missing samples, in the order of ``missing``."""
    dense = np.zeros((lines.shape[1], SLOTS), np.float32)
    dense[:, line_slots()] = lines.T
    flat = dense.ravel()
    line, column = np.nonzero(missing)
    time = line_slots()[line] + SLOTS * column
    reach = np.arange(-_REACH, _REACH + 1)
    window = _window().astype(np.float32)
    result = np.empty(time.size, np.float32)
    for start in range(0, time.size, _CHUNK):
        samples = flat[(time[start : start + _CHUNK, None] + reach) % SERIES]
        total, weight = samples @ window, (samples != 0) @ window
        result[start : start + _CHUNK] = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return result
