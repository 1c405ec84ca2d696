"""Drizzle of several planes at once, for whole pixels on a grid that is nearly parallel to them: arrays in, arrays out.

The areas of overlap are the same for all planes of an input. Here they are found once, by numpy, and used for all;
the `drizzle` library finds them anew for each plane. Nearly parallel means that nearly all pixels lie over the corner
of four output pixels: then the lines of the grid cut them into four quadrilaterals, whose areas are products of a few
coordinates. The few pixels that lie otherwise are clipped by each output pixel (Sutherland, boxer of drizzle).
Source: spec resample.md §4, and the square kernel of `drizzle` (Fruchter & Hook 2002, PASP 114, 144).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["is_nearly_parallel", "overlap_sums"]

_TILE = 1 << 15
"""Pixels of a tile."""

_CHUNK = 1 << 12
_FAR = 1 << 30
_GRAZE = 1e-7
_NOISE = 1e-13
"""Parts of a pixel that are nothing but rounding."""

_MOST_IRREGULAR = 0.12
_CELLS = 3
"""Output pixels along an axis that a pixel can reach; larger ones are not done here."""


def overlap_sums(
    planes: Sequence[np.ndarray], weight: np.ndarray, pixmap: np.ndarray, shape: tuple[int, int], *, roots: int = 0
) -> np.ndarray:
    """Sum weighted planes over the areas of overlap.

    Parameters
    ----------
    planes : sequence of (ny, nx) ndarray of float32
        Values; those of pixels without weight are not used.
    weight : (ny, nx) ndarray of float32
        Weights. Pixels that reach beyond the output must have none.
    pixmap : (ny, nx, 2) ndarray of float64, pixel
        x and y of each pixel centre in the output, for which `is_nearly_parallel` is true.
    shape : (int, int)
        Rows and columns of the output.
    roots : int, optional
        So many planes at the end are variances, of which the square roots are summed; NaN for negative ones.

    Returns
    -------
    (1 + n, rows, columns) ndarray of float32
        Sums of the weights, and of weights times values, each times the part of the pixel that falls into the output
        pixel.
    """
    ny, nx = weight.shape
    result = np.zeros((1 + len(planes), *shape), dtype=np.float32)
    rest = _Irregular()
    rows = max(1, _TILE // nx)
    for start in range(0, ny, rows):
        stop = min(start + rows, ny)
        values = _values(planes, weight, slice(start, stop), roots)
        tile = _Tile.of(_corners(pixmap, start, stop), shape)
        rest.add(tile, values)
        tile.add_to(result, values)
    for corners, values in rest.chunks():
        _add_clipped(result, corners, values)
    return result


def is_nearly_parallel(pixmap: np.ndarray) -> bool:
    """Find out whether most pixels of an input lie over the corner of four output pixels.

    Parameters
    ----------
    pixmap : (ny, nx, 2) ndarray of float64, pixel

    Returns
    -------
    bool
        False also for maps with NaN.
    """
    ny, nx = pixmap.shape[:2]
    if min(ny, nx) < 4 or not np.isfinite(pixmap).all():
        return False
    everywhere = (_FAR, _FAR)
    rows = range(0, ny, max(1, ny // 16))
    sample = [_Tile.of(_corners(pixmap, row, row + 1), everywhere, -_FAR).regular.mean() for row in rows]
    return bool(np.mean(sample) > 1 - _MOST_IRREGULAR)


def _values(planes: Sequence[np.ndarray], weight: np.ndarray, rows: slice, roots: int) -> np.ndarray:
    """Weights, and weights times values, of the pixels of a tile: (pixels, planes) float32."""
    part = weight[rows].ravel()
    values = np.empty((part.size, 1 + len(planes)), dtype=np.float32)
    values[:, 0] = part
    unused = part == 0
    for index, plane in enumerate(planes, start=1):
        found = plane[rows].ravel()
        if index > len(planes) - roots:
            with np.errstate(invalid="ignore"):
                found = np.sqrt(found)
        np.multiply(found, part, out=values[:, index])
        values[unused, index] = 0
    return values


def _padded(pixmap: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Map of some rows with those around them; beside the image it goes on in straight lines."""
    ny, nx = pixmap.shape[:2]
    padded = np.empty((stop - start + 2, nx + 2, 2))
    low, high = max(start - 1, 0), min(stop + 1, ny)
    offset = low - (start - 1)
    padded[offset : offset + high - low, 1:-1] = pixmap[low:high]
    if offset:
        np.subtract(2 * pixmap[0], pixmap[1], out=padded[0, 1:-1])
    if stop == ny:
        np.subtract(2 * pixmap[-1], pixmap[-2], out=padded[-1, 1:-1])
    np.subtract(2 * padded[:, 1], padded[:, 2], out=padded[:, 0])
    np.subtract(2 * padded[:, -2], padded[:, -3], out=padded[:, -1])
    return padded


def _corners(pixmap: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Corners of the pixels of some rows: (2, rows + 1, columns + 1); output pixel k goes from k to k + 1."""
    padded = _padded(pixmap, start, stop)
    across = padded[:-1] + padded[1:]
    corners = np.empty((2, across.shape[0], across.shape[1] - 1))
    for axis in (0, 1):
        np.add(across[:, :-1, axis], across[:, 1:, axis], out=corners[axis])
    corners *= 0.25
    corners += 0.5
    return corners


def _quads(corners: np.ndarray) -> np.ndarray:
    """Corners of each pixel, counter-clockwise from that at the lower left: (2, 4, rows, columns)."""
    return np.stack([corners[:, :-1, :-1], corners[:, :-1, 1:], corners[:, 1:, 1:], corners[:, 1:, :-1]], axis=1)


@dataclass(frozen=True)
class _Tile:
    """Pixels of some rows of the input.

    Attributes
    ----------
    corners : (2, rows + 1, columns + 1) ndarray
    parts : (4, pixels) ndarray
        Areas of the pieces: lower left, lower right, upper left, upper right.
    column, row : (pixels) ndarray of float64
        Output pixel of the lower left piece.
    regular : (pixels) ndarray of bool
        Pixels with four pieces.
    """

    corners: np.ndarray
    parts: np.ndarray
    column: np.ndarray
    row: np.ndarray
    regular: np.ndarray

    @classmethod
    def of(cls, corners: np.ndarray, shape: tuple[int, int], first: int = 0) -> _Tile:
        """Cut pixels along the lines of the grid; those beyond its shape have not four pieces."""
        x, y = corners
        column = np.floor(np.minimum(x[:-1, :-1], x[1:, :-1]))
        row = np.floor(np.minimum(y[:-1, :-1], y[:-1, 1:]))
        to_x, to_y = column + 1, row + 1
        a, b, c, d = x[:-1, :-1] - to_x, x[:-1, 1:] - to_x, x[1:, :-1] - to_x, x[1:, 1:] - to_x
        e, f, g, h = y[:-1, :-1] - to_y, y[:-1, 1:] - to_y, y[1:, :-1] - to_y, y[1:, 1:] - to_y
        regular = _between(a, c, b, d) & _between(e, f, g, h)
        regular &= (column >= first) & (row >= first) & (to_x < shape[1]) & (to_y < shape[0])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            bottom, top = (e * b - a * f) / (b - a), (g * d - c * h) / (d - c)
            left, right = (a * g - e * c) / (g - e), (b * h - f * d) / (h - f)
            parts = np.stack(
                [
                    left * e + a * bottom,
                    -(bottom * b + f * right),
                    -(top * c + g * left),
                    right * h + d * top,
                ]
            ).reshape(4, -1)
        return cls(corners, parts, column.ravel(), row.ravel(), regular.ravel())

    def add_to(self, result: np.ndarray, values: np.ndarray) -> None:
        """Add the pixels with four pieces to sums; the values of the others become 0."""
        from scipy.sparse import csc_array

        if not self.regular.any():
            return
        irregular = ~self.regular
        np.copyto(self.parts, 0, where=irregular)
        values[irregular] = 0
        total = self.parts.sum(axis=0)
        total[irregular] = 1
        columns = result.shape[2]
        first, last = int(self.row[self.regular].min()), int(self.row[self.regular].max()) + 2
        place = ((self.row - first) * columns + self.column).astype(np.int32)
        place[irregular] = 0
        index = place[:, None] + np.array([0, 1, columns, columns + 1], dtype=np.int32)
        share = np.empty((place.size, 4), dtype=np.float32)
        np.divide(self.parts, total, out=share.T, casting="same_kind")
        pointers = np.arange(0, share.size + 1, 4, dtype=np.int32)
        matrix = csc_array((share.ravel(), index.ravel(), pointers), shape=((last - first) * columns, place.size))
        sums = (matrix @ values).reshape(last - first, columns, -1)
        result[:, first:last] += np.moveaxis(sums, -1, 0)


def _between(low: np.ndarray, other_low: np.ndarray, high: np.ndarray, other_high: np.ndarray) -> np.ndarray:
    """Whether a line at 0, and no other one, goes between two corners and two others, and grazes none."""
    greatest = np.maximum(high, other_high)
    return (
        (np.maximum(low, other_low) < -_GRAZE)
        & (np.minimum(high, other_high) > _GRAZE)
        & (greatest < 1 - _GRAZE)
        & (np.minimum(low, other_low) > -1)
    )


@dataclass
class _Irregular:
    """Pixels that have not four pieces, collected."""

    corners: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def add(self, tile: _Tile, values: np.ndarray) -> None:
        """Take those of a tile that have a weight."""
        chosen = np.flatnonzero(~tile.regular & (values[:, 0] != 0))
        rows, columns = np.divmod(chosen, tile.corners.shape[2] - 1)
        x_y = tile.corners
        self.corners.append(
            np.stack(
                [
                    x_y[:, rows, columns],
                    x_y[:, rows, columns + 1],
                    x_y[:, rows + 1, columns + 1],
                    x_y[:, rows + 1, columns],
                ],
                axis=1,
            )
        )
        self.values.append(values[chosen])

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Corners (2, 4, pixels) and values of some pixels."""
        corners, values = np.concatenate(self.corners, axis=2), np.concatenate(self.values)
        for start in range(0, len(values), _CHUNK):
            yield corners[:, :, start : start + _CHUNK], values[start : start + _CHUNK]


def _add_clipped(result: np.ndarray, corners: np.ndarray, values: np.ndarray) -> None:
    """Add pixels to sums, clipped by each output pixel."""
    base = np.floor(corners.min(axis=1))
    area = _quad_area(corners)
    _, ny, nx = result.shape
    for down in range(_CELLS):
        for right in range(_CELLS):
            origin = base + np.array([right, down])[:, None]
            share = _clipped_area(corners - origin[:, None]) / area
            inside = (share > _NOISE) & (origin[0] < nx) & (origin[1] < ny) & (origin >= 0).all(axis=0)
            place = (origin[1, inside] * nx + origin[0, inside]).astype(np.intp)
            added = share[inside, None] * values[inside]
            for plane, column in zip(result, added.T.astype(np.float32)):
                np.add.at(plane.reshape(-1), place, column)


def _quad_area(corners: np.ndarray) -> np.ndarray:
    """Areas of quadrilaterals."""
    (x0, x1, x2, x3), (y0, y1, y2, y3) = corners
    return 0.5 * ((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0))


def _clipped_area(corners: np.ndarray) -> np.ndarray:
    """Areas of quadrilaterals within the square from 0 to 1: sums of those below their sides."""
    total = np.zeros(corners.shape[2])
    for index in range(4):
        (x0, y0), (x1, y1) = corners[:, index], corners[:, (index + 1) % 4]
        total -= _below(x0, y0, x1, y1)
    return total


def _below(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
    """Area below a line within the square from 0 to 1; negative for a line that goes left."""
    dx = x1 - x0
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(dx != 0, (y1 - y0) / dx, 0.0)
    start, end = np.clip(x0, 0, 1), np.clip(x1, 0, 1)
    low, high = y0 + slope * (start - x0), y0 + slope * (end - x0)
    return (end - start) * (_mean_positive(low, high) - _mean_positive(low - 1, high - 1))


def _mean_positive(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean of the positive part of a linear function with two end values."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = high * high / (2 * (high - low))
    same = 0.5 * (np.maximum(low, 0) + np.maximum(high, 0))
    return np.where((low < 0) & (high > 0), crossing, same)
