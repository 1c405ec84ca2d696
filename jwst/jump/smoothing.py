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

    Attributes
    ----------
    radius : int, pixel
        Largest offset of a pixel of the ring along an axis, or more.
    size : int
        Number of pixels of the ring.
    """

    def __init__(self, inner: float, outer: float) -> None:
        self.radius = max(math.floor(outer), 0)
        reach = range(self.radius + 1)
        inside = [[inner <= math.hypot(dx, dy) <= outer for dy in reach] for dx in reach]
        self._rows = [[dy for dy in reach if inside[dx][dy]] for dx in reach]
        self.size = sum((1 + (dx > 0)) * (1 + (dy > 0)) for dx in reach for dy in self._rows[dx])
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

    def add(
        self, padded: NDArray[np.float32], stride: int, *, out: NDArray[np.float32], scratch: NDArray[np.float32]
    ) -> None:
        """Add the pixels of the ring around each pixel of an image whose rows lie one after the other.

        Parameters
        ----------
        padded : (2 r + (ny + 2 r) stride,) ndarray of float32
            r zeros, then the rows of an image with r rows of border above and below. The last r pixels of each row are
            0: the border on its right and that on the left of the next one. r zeros come last.
        stride : int
            Length of a row with its border.
        out : (ny stride,) ndarray of float32
            Receives the sums; those at the border on the right mean nothing. No partial sum is formed by subtraction,
            and none of more than 3 r + 3 additions.
        scratch : (2, n) ndarray of float32
            With n not less than the length of ``padded``.
        """
        r, length = self.radius, out.size
        span, middle = length + 2 * r, r * stride

        def pair(dy: int, into: NDArray[np.float32]) -> NDArray[np.float32]:
            """Rows dy above and below; the row itself for 0."""
            above, below = (padded[middle + step : middle + step + span] for step in (-dy * stride, dy * stride))
            return np.add(above, below, out=into[:span]) if dy else above

        done: list[int] = []
        column = total = None
        for dx in reversed(range(r + 1)):
            members = self._rows[dx]
            if not members:
                continue
            if column is None or members[: len(done)] != done:
                column, done = pair(members[0], scratch[0]), members[:1]
            for dy in members[len(done) :]:
                column = np.add(column, pair(dy, scratch[1]), out=scratch[0, :span])
            done = members
            for side in sorted({r - dx, r + dx}):
                part = column[side : side + length]
                total = part if total is None else np.add(total, part, out=out)
        if total is not out:
            out[:] = 0 if total is None else total

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
