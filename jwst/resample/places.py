"""Where centres and corners of pixels fall in the output, by rectangles of the input.

Nobody needs the positions of all pixels at one time. Corners are the means of four centres, as in the `drizzle`
library; beside the image the map goes on in straight lines. Source: spec resample.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from jwst.resample.pixmap import PixelMap, Window
from jwst.resample.smooth_map import SmoothMap

__all__ = ["ArrayPlaces", "Places", "SmoothPlaces", "edges_of", "places_of"]

_HALF = 0.5


class Places(Protocol):
    """Positions of the pixels of an input.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the input.
    is_smooth : bool
        Whether the map is known to have no jumps, and no NaN.
    """

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def is_smooth(self) -> bool: ...

    def array(self) -> np.ndarray:
        """Positions of all centres, (ny, nx, 2) float64."""

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Positions of the centres of the pixels at some rows and columns, (rows, columns, 2) float64."""

    def corners(self, rows: slice, columns: slice) -> np.ndarray:
        """Corners of pixels, (2, rows + 1, columns + 1) float64; output pixel k goes from k to k + 1."""

    def moved(self, x: int, y: int) -> Places:
        """The same, counted from another pixel of the output."""


def places_of(found: PixelMap) -> Places:
    """Take positions from a map: by rectangles where it is smooth and for the whole image, else all at once.

    Parameters
    ----------
    found : PixelMap
    """
    ny, nx = found.shape
    if isinstance(found.kernel, SmoothMap) and found.window == Window(0, nx, 0, ny) and min(ny, nx) > 1:
        return SmoothPlaces((ny, nx), found.kernel)
    return ArrayPlaces(found.array())


def edges_of(places: Places) -> np.ndarray:
    """Positions of the centres of the outermost pixels, (n, 2) float64."""
    ny, nx = places.shape
    ends = [np.array([0, n - 1]) for n in (ny, nx)]
    above, beside = places.block(ends[0], np.arange(nx)), places.block(np.arange(ny), ends[1])
    return np.concatenate([above.reshape(-1, 2), beside.reshape(-1, 2)])


@dataclass(frozen=True, eq=False)
class ArrayPlaces:
    """Positions in an array.

    Attributes
    ----------
    pixmap : (ny, nx, 2) ndarray of float64, pixel
        x and y of each pixel centre.
    """

    pixmap: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """See `Places`."""
        return self.pixmap.shape[0], self.pixmap.shape[1]

    @property
    def is_smooth(self) -> bool:
        """Nothing is known of an array."""
        return False

    def array(self) -> np.ndarray:
        """See `Places`."""
        return self.pixmap

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """See `Places`."""
        return self.pixmap[rows[:, None], columns]

    def moved(self, x: int, y: int) -> ArrayPlaces:
        """See `Places`. The map is changed in place."""
        if x or y:
            self.pixmap[...] -= np.array([x, y], dtype=np.float64)
        return self

    def corners(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Places`."""
        padded = self._padded(rows, columns)
        across = padded[:-1] + padded[1:]
        corners = np.empty((2, across.shape[0], across.shape[1] - 1))
        for axis in (0, 1):
            np.add(across[:, :-1, axis], across[:, 1:, axis], out=corners[axis])
        corners *= 0.25
        corners += _HALF
        return corners

    def _padded(self, rows: slice, columns: slice) -> np.ndarray:
        """Map of a rectangle with the pixels around it."""
        ny, nx = self.shape
        low, high = max(rows.start - 1, 0), min(rows.stop + 1, ny)
        left, right = max(columns.start - 1, 0), min(columns.stop + 1, nx)
        part = self.pixmap[low:high, left:right]
        if low == rows.start:
            part = np.concatenate([2 * part[:1] - part[1:2], part])
        if high == rows.stop:
            part = np.concatenate([part, 2 * part[-1:] - part[-2:-1]])
        if left == columns.start:
            part = np.concatenate([2 * part[:, :1] - part[:, 1:2], part], axis=1)
        if right == columns.stop:
            part = np.concatenate([part, 2 * part[:, -1:] - part[:, -2:-1]], axis=1)
        return part


@dataclass(frozen=True, eq=False)
class SmoothPlaces:
    """Positions that a smooth map gives.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the input.
    kernel : SmoothMap
        Of all its pixels.
    """

    shape: tuple[int, int]
    kernel: SmoothMap

    @property
    def is_smooth(self) -> bool:
        """It is."""
        return True

    @cached_property
    def _corner_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """What the rows and the columns of corners have to do with them, (ny + 1, n) and (2, n, nx + 1)."""
        along_y, along_x = (_between(part) for part in self.kernel.bases(*(np.arange(n) for n in self.shape)))
        return along_y, self.kernel.coefficients @ along_x.T

    def array(self) -> np.ndarray:
        """See `Places`."""
        positions = np.empty((*self.shape, 2))
        self.kernel.fill(positions, 0, 0)
        return positions

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """See `Places`."""
        along_y, along_x = self.kernel.bases(rows, columns)
        return np.moveaxis(along_y @ (self.kernel.coefficients @ along_x.T), 0, -1)

    def corners(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Places`."""
        along_y, along_x = self._corner_terms
        corners = along_y[rows.start : rows.stop + 1] @ along_x[:, :, columns.start : columns.stop + 1]
        corners += _HALF
        return corners

    def moved(self, x: int, y: int) -> SmoothPlaces:
        """See `Places`."""
        coefficients = self.kernel.coefficients.copy()
        coefficients[:, 0, 0] -= (x, y)
        return replace(self, kernel=replace(self.kernel, coefficients=coefficients))


def _between(basis: np.ndarray) -> np.ndarray:
    """Means of neighbouring points (rows), with one more at each end."""
    padded = np.concatenate([2 * basis[:1] - basis[1:2], basis, 2 * basis[-1:] - basis[-2:-1]])
    return (padded[:-1] + padded[1:]) / 2
