"""Pixels that lie on the grid in no simple way, clipped by each output pixel that they reach.

The area of a quadrilateral within a square is the sum of the areas below its sides (Sutherland, boxer of drizzle).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Irregular", "add_clipped"]

_CHUNK = 1 << 12
_NOISE = 1e-13
"""Parts of a pixel that are nothing but rounding."""

_CELLS = 3
"""Output pixels along an axis that a pixel can reach; larger ones are not done here."""


@dataclass
class Irregular:
    """Pixels that have not four pieces, collected.

    Attributes
    ----------
    corners : list of (2, 4, pixels) ndarray of float64
        x and y of the corners, counter-clockwise from that at the lower left.
    values : list of (planes, pixels) ndarray of float32
        Weights, and weights times values.
    """

    corners: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def add_to(self, result: np.ndarray) -> None:
        """Add all of them to sums, (planes, rows, columns) float32."""
        for corners, values in self._chunks():
            add_clipped(result, corners, values)

    def _chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Corners and values of some pixels."""
        if not self.corners:
            return
        corners, values = np.concatenate(self.corners, axis=2), np.concatenate(self.values, axis=1)
        for start in range(0, values.shape[1], _CHUNK):
            yield corners[:, :, start : start + _CHUNK], values[:, start : start + _CHUNK]


def add_clipped(result: np.ndarray, corners: np.ndarray, values: np.ndarray) -> None:
    """Add pixels to sums, clipped by each output pixel.

    Parameters
    ----------
    result : (planes, rows, columns) ndarray of float32
        Sums, C-contiguous. Updated in place.
    corners : (2, 4, pixels) ndarray of float64
    values : (planes, pixels) ndarray of float32
    """
    base = np.floor(corners.min(axis=1))
    reach = np.floor(corners.max(axis=1)) - base
    area = _quad_area(corners)
    _, ny, nx = result.shape
    for down in range(_CELLS):
        for right in range(_CELLS):
            origin = base + np.array([right, down])[:, None]
            reached = (reach[0] >= right) & (reach[1] >= down) & (origin >= 0).all(axis=0)
            chosen = np.flatnonzero(reached & (origin[0] < nx) & (origin[1] < ny))
            origin = origin[:, chosen]
            share = _clipped_area(corners[:, :, chosen] - origin[:, None]) / area[chosen]
            inside = share > _NOISE
            place = (origin[1, inside] * nx + origin[0, inside]).astype(np.intp)
            added = (share[inside] * values[:, chosen[inside]]).astype(np.float32)
            for plane, row in zip(result, added):
                np.add.at(plane.reshape(-1), place, row)


def _quad_area(corners: np.ndarray) -> np.ndarray:
    """Areas of quadrilaterals."""
    (x0, x1, x2, x3), (y0, y1, y2, y3) = corners
    return 0.5 * ((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0))


def _clipped_area(corners: np.ndarray) -> np.ndarray:
    """Areas of quadrilaterals within the square from 0 to 1: sums of those below their sides."""
    after = corners[:, [1, 2, 3, 0]]
    return -_below(corners[0], corners[1], after[0], after[1]).sum(axis=0)


def _below(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
    """Area below a line within the square from 0 to 1; negative for a line that goes left."""
    dx = x1 - x0
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(dx != 0, (y1 - y0) / dx, 0.0)
    start, end = (np.minimum(np.maximum(x, 0), 1) for x in (x0, x1))
    low, high = y0 + slope * (start - x0), y0 + slope * (end - x0)
    return (end - start) * (_mean_positive(low, high) - _mean_positive(low - 1, high - 1))


def _mean_positive(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean of the positive part of a linear function with two end values."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = high * high / (2 * (high - low))
    same = 0.5 * (np.maximum(low, 0) + np.maximum(high, 0))
    return np.where((low < 0) & (high > 0), crossing, same)
