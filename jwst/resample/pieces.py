"""Pixels of a rectangle of the input that lie over the corner of four output pixels each.

The lines of the grid cut such a pixel into four quadrilaterals, whose areas are sums of two products. No two of these
pixels lie over the same corner of the grid, so that shares and values can be moved to the corners first, and be
multiplied and added there. Source: the square kernel of `drizzle` (Fruchter & Hook 2002, PASP 114, 144).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PIECES", "Cut", "cut"]

PIECES = 4

_GRAZE = 1e-7
"""Distance of a corner from a line of the grid, below which a pixel is left to others."""

_LONG = 1 << 24

_BLOCK = (16, 64)
"""Rows and columns that are moved at one time."""


@dataclass(frozen=True, eq=False)
class Cut:
    """Pixels of a rectangle, cut along the lines of the grid.

    Attributes
    ----------
    whole : (2, rows + 1, columns + 1) ndarray of float64
        Output column and row that the corners of the pixels fall into.
    part : (2, rows + 1, columns + 1) ndarray of float64
        Where in it, 0 to 1.
    regular : (rows, columns + 1) ndarray of bool
        Pixels with four pieces, all of them inside of the output; False in the last column.
    """

    whole: np.ndarray
    part: np.ndarray
    regular: np.ndarray

    @property
    def all_regular(self) -> bool:
        """Whether all pixels have four pieces."""
        return bool(self.regular[:, :-1].all())

    def corners(self, chosen: np.ndarray) -> np.ndarray:
        """Corners of some pixels, by their flat index: (2, 4, pixels), counter-clockwise from the lower left."""
        width = self.regular.shape[1]
        around = chosen + np.array([0, 1, width + 1, width])[:, None]
        return self.whole.reshape(2, -1)[:, around] + self.part.reshape(2, -1)[:, around]

    def shares(self, out: np.ndarray) -> None:
        """Compute the shares of the output pixels in the pixels.

        Parameters
        ----------
        out : (4, rows, columns + 1) ndarray of float32
            Lower left, lower right, upper left, upper right; of any value where the pixel is not regular.
        """
        x, y = self.part.reshape(2, -1)
        width, count = self.regular.shape[1], self.regular.size - 1
        at, right, up, across = (slice(start, start + count) for start in (0, 1, width, width + 1))
        to_x, to_y = 1 - x, 1 - y
        # where the sides of the pixels cross the lines: x on the left ones, y on the lower ones
        cross_x, cross_y = _crossing(x, y, to_y, width), _crossing(y, x, to_x, 1)
        rest_x, rest_y = 1 - cross_x, 1 - cross_y
        parts = (
            _two_products(rest_x[at], to_y[at], to_x[at], rest_y[at]),
            _two_products(rest_y[at], x[right], to_y[right], cross_x[right]),
            _two_products(cross_y[up], to_x[up], y[up], rest_x[at]),
            _two_products(cross_x[right], y[across], x[across], cross_y[up]),
        )
        scale = parts[0] + parts[1]
        scale += parts[2]
        scale += parts[3]
        np.divide(1, scale, out=scale)
        for part, plane in zip(parts, out.reshape(PIECES, -1)):
            np.multiply(part, scale, out=plane[at], casting="same_kind")

    def add_to(self, result: np.ndarray, stack: np.ndarray) -> None:
        """Add the regular pixels to sums.

        Parameters
        ----------
        result : (planes, rows, columns) ndarray of float32
            Sums of the output. Updated in place.
        stack : (4 + planes, rows, columns + 1) ndarray of float32
            Shares, and values.
        """
        if not self.regular.any():
            return
        _, ny, nx = result.shape
        (left, low), (right, high) = self.whole.min(axis=(1, 2)), self.whole.max(axis=(1, 2))
        x0, y0 = max(int(left), 0), max(int(low), 0)
        columns, rows = min(int(right), nx - 2) + 1 - x0, min(int(high), ny - 2) + 1 - y0
        moved = np.zeros((len(stack), rows, columns), dtype=np.float32)
        self._move(stack, moved, (x0, y0))
        product = np.empty(moved.shape[1:], dtype=np.float32)
        for values, sums in zip(moved[PIECES:], result):
            for number in range(PIECES):
                down, across = divmod(number, 2)
                np.multiply(values, moved[number], out=product)
                target = sums[y0 + down : y0 + down + rows, x0 + across : x0 + across + columns]
                np.add(target, product, out=target)

    def _move(self, stack: np.ndarray, moved: np.ndarray, corner: tuple[int, int]) -> None:
        """Move regular pixels to the places of their lower left pieces; neighbours go to neighbouring places."""
        regular = self.regular[:, :-1]
        ny, nx = regular.shape
        if self.all_regular:
            self._move_block(stack, moved, corner, (0, 0, ny, nx))
            return
        rest = self.regular.copy()
        tops, sides = np.arange(0, ny, _BLOCK[0]), np.arange(0, nx, _BLOCK[1])
        clean = np.logical_and.reduceat(np.logical_and.reduceat(regular, tops, axis=0), sides, axis=1)
        for index in np.argwhere(clean).tolist():
            row, column = index[0] * _BLOCK[0], index[1] * _BLOCK[1]
            last_row, last_column = min(row + _BLOCK[0], ny), min(column + _BLOCK[1], nx)
            self._move_block(stack, moved, corner, (row, column, last_row, last_column))
            rest[row:last_row, column:last_column] = False
        chosen = np.flatnonzero(rest)
        x, y = (plane.reshape(-1)[chosen] - start for plane, start in zip(self.whole, corner))
        place = (y * moved.shape[2] + x).astype(np.intp)
        for plane, source in zip(moved, stack):
            plane.reshape(-1)[place] = source.reshape(-1)[chosen]

    def _move_block(
        self, stack: np.ndarray, moved: np.ndarray, corner: tuple[int, int], block: tuple[int, int, int, int]
    ) -> None:
        """Move a rectangle of pixels, all regular: first row and column, and one after the last."""
        row, column, last_row, last_column = block
        x, y = (int(plane[row, column]) - start for plane, start in zip(self.whole, corner))
        part = stack[:, row:last_row, column:last_column]
        moved[:, y : y + last_row - row, x : x + last_column - column] = part


def cut(corners: np.ndarray, shape: tuple[int, int] | None = None) -> Cut:
    """Cut pixels along the lines of the grid.

    Parameters
    ----------
    corners : (2, rows + 1, columns + 1) ndarray of float64
        Given up. Output pixel k goes from k to k + 1.
    shape : (int, int), optional
        Rows and columns of the output; without end by default.

    Returns
    -------
    Cut
    """
    whole = np.floor(corners)
    part = np.subtract(corners, whole, out=corners)
    _, ny, nx = whole.shape
    # the same for neighbours that fall into neighbouring output pixels; lines are too long to be mixed up with columns
    offset = (whole[1] - np.arange(ny)[:, None]) * _LONG
    offset += whole[0]
    offset -= np.arange(nx)
    spoiled = _spoiled(whole, part, shape)
    if spoiled is not None:
        offset[spoiled] = np.nan
    flat, count = offset.reshape(-1), (ny - 1) * nx - 1
    regular = np.zeros((ny - 1, nx), dtype=bool)
    found = regular.reshape(-1)[:count]
    np.equal(flat[:count], flat[1 : count + 1], out=found)
    for distance in (nx, nx + 1):
        found &= flat[:count] == flat[distance : distance + count]
    regular[:, -1] = False
    return Cut(whole, part, regular)


def _crossing(along: np.ndarray, across: np.ndarray, to_line: np.ndarray, distance: int) -> np.ndarray:
    """Where lines between neighbours at a distance in memory cross the line of the grid between them."""
    result = to_line[:-distance] / (across[distance:] + to_line[:-distance])
    result *= along[distance:] - along[:-distance]
    result += along[:-distance]
    return result


def _spoiled(whole: np.ndarray, part: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray | None:
    """Corners that graze a line or lie beyond the output; None where there are none."""
    spoiled: np.ndarray | None = None
    if part.min() < _GRAZE or part.max() > 1 - _GRAZE:
        spoiled = np.any((part < _GRAZE) | (part > 1 - _GRAZE), axis=0)
    if shape is None:
        return spoiled
    last = np.array(shape[::-1])[:, None, None] - 1
    if whole.min() >= 0 and (whole.max(axis=(1, 2)) <= last[:, 0, 0]).all():
        return spoiled
    beyond: np.ndarray = np.any((whole < 0) | (whole > last), axis=0)
    return beyond if spoiled is None else np.logical_or(spoiled, beyond)


def _two_products(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    result = a * b
    result += c * d
    return result
