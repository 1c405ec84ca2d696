"""Straight-line drift of an IRS2 output within a frame. Source: spec refpix.md §E7, step 3."""

from __future__ import annotations

import numpy as np

from jwst.refpix.irs2_layout import line_slots
from jwst.refpix.irs2_transform import SLOTS

__all__ = ["without_drift"]

_BORDER = 4
_TILE_LINES = 16


def without_drift(lines: np.ndarray, mean: np.ndarray, out: np.ndarray) -> None:
    """Subtract the mean group from a sector, and then a straight line in time.

    Parameters
    ----------
    lines : (640, 2048) ndarray of float32, DN
        A sector, its lines in the order of time; columns are read one after the other.
    mean : (640, 2048) ndarray of float64, DN
    out : (640, 2048) ndarray of float32, DN
        The line is fitted to the first and last four columns. Samples equal to the mean count as missing: they take no
        part, and are 0.

    Notes
    -----
    All is in single precision, with the sums in the order of time, so that the result is that of the released pipeline
    to the last bit: what equals the line exactly is 0 and counts as missing later on.
    """
    slope, level = _drift(lines, mean)
    columns, slots = _times(lines.shape[1])
    drift, used = np.empty((_TILE_LINES, lines.shape[1]), np.float32), np.empty((_TILE_LINES, lines.shape[1]), bool)
    for first in range(0, len(lines), _TILE_LINES):
        rows = slice(first, first + _TILE_LINES)
        tile = out[rows]
        np.subtract(lines[rows], mean[rows], out=tile, casting="same_kind")
        np.not_equal(tile, 0, out=used)
        np.add(columns, slots[rows], out=drift)
        np.multiply(drift, slope, out=drift)
        np.add(drift, level, out=drift)
        np.multiply(drift, used, out=drift)
        np.subtract(tile, drift, out=tile)


def _times(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Start of each column after the middle of the frame, and ticks from there to each line, (640, 1); float32."""
    middle = (SLOTS * number - 1) / 2
    columns = SLOTS * np.arange(number) - middle
    return columns.astype(np.float32), line_slots()[:, None].astype(np.float32)


def _drift(lines: np.ndarray, mean: np.ndarray) -> tuple[np.float32, np.float32]:
    """Slope of the fitted line, DN per tick, and its value in the middle of the frame, DN."""
    number = lines.shape[1]
    border = np.r_[0:_BORDER, number - _BORDER : number]
    values = (lines[:, border] - mean[:, border]).astype(np.float32).T
    columns, slots = _times(number)
    used = values != 0
    time, values = (columns[border, None] + slots[:, 0])[used], values[used]
    count, zero = np.float32(values.size), np.float32(0)
    if count == 0:
        return zero, zero
    centre, level = time.mean(), values.mean()
    spread = (time * time).sum() - count * centre**2
    slope = ((time * values).sum() - count * centre * level) / spread if spread > 0 else zero
    return slope, level - slope * centre
