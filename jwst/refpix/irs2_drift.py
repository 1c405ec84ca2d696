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
    """
    start, rise = _drift(lines, mean)
    drift, used = np.empty((_TILE_LINES, lines.shape[1]), np.float32), np.empty((_TILE_LINES, lines.shape[1]), bool)
    for first in range(0, len(lines), _TILE_LINES):
        rows = slice(first, first + _TILE_LINES)
        tile = out[rows]
        np.subtract(lines[rows], mean[rows], out=tile, casting="same_kind")
        np.not_equal(tile, 0, out=used)
        np.add(start, rise[rows], out=drift)
        np.multiply(drift, used, out=drift)
        np.subtract(tile, drift, out=tile)


def _drift(lines: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fitted line at the start of each column, and how far it rises until each line; float32."""
    number = lines.shape[1]
    columns = np.r_[0:_BORDER, number - _BORDER : number]
    values = (lines[:, columns] - mean[:, columns]).astype(np.float32).astype(np.float64)
    used = values != 0
    count = np.count_nonzero(used)
    if count == 0:
        return np.zeros(number, np.float32), np.zeros((len(lines), 1), np.float32)
    slots = line_slots()[:, None]
    time = slots + SLOTS * columns.astype(np.float64)
    centre = time[used].mean()
    offset = (time - centre) * used
    spread = (offset**2).sum()
    slope = (offset * values).sum() / spread if spread > 0 else 0.0
    start = values.sum() / count + slope * (SLOTS * np.arange(number) - centre)
    return start.astype(np.float32), (slope * slots).astype(np.float32)
