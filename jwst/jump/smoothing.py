"""Means over a ring around each pixel, without the pixels that are not finite. Source: spec jump.md §7.4, step 5."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ring"]

_UINT8 = 256


class Ring:
    """A flat ring-shaped kernel.

    Parameters
    ----------
    inner, outer : float, pixel
        Pixels at these distances, and between them, belong to the ring.
    """

    def __init__(self, inner: float, outer: float) -> None:
        self.radius = max(math.floor(outer), 0)
        reach = range(self.radius + 1)
        inside = [[inner <= math.hypot(dx, dy) <= outer for dy in reach] for dx in reach]
        self._rows = [[dy for dy in reach if inside[dx][dy]] for dx in reach]
        self._counter = np.uint8 if (2 * self.radius + 1) ** 2 < _UINT8 else np.uint32

    def mean(self, padded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average over the ring.

        Parameters
        ----------
        padded : (ny + 2 r, nx + 2 r) ndarray of float64
            An image with a border as wide as the radius r of the ring. The border is 0 outside the detector, where
            pixels count as valid. Changed.

        Returns
        -------
        (ny, nx) ndarray of float64
            NaN where the pixel itself is not finite, or nothing in its ring is.
        """
        valid = np.isfinite(padded)
        middle = slice(self.radius, -self.radius or None)
        np.copyto(padded, 0.0, where=~valid)
        count = self._sum(valid.astype(self._counter))
        result = self._sum(padded)
        np.divide(result, count, out=result, where=count > 0)
        np.copyto(result, np.nan, where=~valid[middle, middle] | (count == 0))
        return result

    def _sum(self, padded: NDArray) -> NDArray:
        """Add the pixels of the ring: first rows that lie alike above and below, then columns left and right."""
        r = self.radius
        ny, nx = padded.shape[0] - 2 * r, padded.shape[1] - 2 * r
        rows = [padded[r : r + ny]]
        rows += [padded[r - dy : r - dy + ny] + padded[r + dy : r + dy + ny] for dy in range(1, r + 1)]
        total = np.zeros((ny, nx), padded.dtype)
        for dx, members in enumerate(self._rows):
            if not members:
                continue
            column = rows[members[0]].copy()
            for dy in members[1:]:
                column += rows[dy]
            total += column[:, r - dx : r - dx + nx]
            if dx:
                total += column[:, r + dx : r + dx + nx]
        return total
