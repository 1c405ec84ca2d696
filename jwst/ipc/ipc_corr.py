"""Deconvolve inter-pixel capacitance with a small kernel. Source: spec ipc.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Border", "correct_ipc", "correct_irs2_ipc", "reference_border"]

_TILE_PIXELS = 16384
_NIR_ACTIVE = (4, 2044)
_MIRI_ACTIVE_COLUMNS = (4, 1028)


@dataclass(frozen=True)
class Border:
    """Reference pixels around the active pixels of an array; ``bottom`` is at the lowest row indices.

    Parameters
    ----------
    left, right : int
        Columns.
    bottom, top : int
        Rows.
    """

    left: int = 0
    right: int = 0
    bottom: int = 0
    top: int = 0

    def active(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of the active pixels in an array of `shape`."""
        ny, nx = shape[-2:]
        return slice(self.bottom, max(self.bottom, ny - self.top)), slice(self.left, max(self.left, nx - self.right))


def reference_border(corner: tuple[int, int], size: tuple[int, int], *, miri: bool = False) -> Border:
    """Find how many reference rows and columns a subarray has.

    Parameters
    ----------
    corner : (int, int)
        First column and row, counted from 1 (SUBSTRT1, SUBSTRT2).
    size : (int, int)
        Columns and rows (SUBSIZE1, SUBSIZE2).
    miri : bool
        MIRI detectors have reference columns only.

    Returns
    -------
    Border
    """
    x0, y0 = corner[0] - 1, corner[1] - 1
    first, last = _MIRI_ACTIVE_COLUMNS if miri else _NIR_ACTIVE
    left, right = max(0, first - x0), max(0, x0 + size[0] - last)
    if miri:
        return Border(left, right)
    return Border(left, right, max(0, first - y0), max(0, y0 + size[1] - last))


@dataclass(frozen=True)
class _Stencil:
    """A kernel as a list of terms: coefficient index and offset (rows, columns) of the pixel it multiplies."""

    terms: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
    before: tuple[int, int]
    after: tuple[int, int]

    @classmethod
    def of(cls, kj: int, ki: int) -> _Stencil:
        """The terms of a kernel of kj rows and ki columns, the centre last."""
        centre = kj // 2, ki // 2
        after = kj - 1 - centre[0], ki - 1 - centre[1]
        indices = [(j, i) for j in range(kj) for i in range(ki) if (j, i) != centre]
        terms = [((j, i), (after[0] - j, after[1] - i)) for j, i in indices]
        return cls((*terms, (centre, (0, 0))), centre, after)


def correct_ipc(data: np.ndarray, kernel: np.ndarray, border: Border) -> None:
    """Convolve the active pixels of every group with the kernel.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps. Updated in place; reference pixels keep their values and do not contribute.
    kernel : (kj, ki) or (kj, ki, ny, nx) ndarray of float32
        Deconvolution kernel, the same everywhere or per output pixel.
    border : Border
        Reference pixels of the array.

    Notes
    -----
    Works on row tiles of a zero-padded copy, as flat arrays: a pixel and its neighbour are a constant distance apart
    there. No coefficient is left out when it is 0, so that a NaN spreads over the whole footprint of the kernel. A
    kernel of even size has its centre at ``k // 2``, whose term uses the output pixel itself.
    """
    ny, nx = data.shape[-2:]
    rows, columns = border.active((ny, nx))
    planes = data.reshape(-1, ny, nx)[:, rows, columns]
    if planes.size == 0:
        return
    kernel = np.asarray(kernel, np.float32)
    if kernel.ndim == 4:
        kernel = kernel[:, :, rows, columns]
    _Convolver(planes, kernel).run()


def correct_irs2_ipc(data: np.ndarray, kernel: np.ndarray, border: Border, *, rows: np.ndarray) -> None:
    """Convolve the pixels of every IRS2 group, and leave the reference pixels between them alone.

    Parameters
    ----------
    data : (nints, ngroups, 3200, nx) ndarray of float32, DN
        Ramps. Updated in place.
    kernel, border
        As for `correct_ipc`, for the pixels alone.
    rows : (ny,) ndarray of int
        Rows of pixels, rising; they count as neighbours.
    """
    for plane in data.reshape(-1, *data.shape[-2:]):
        pixels = plane[rows]
        correct_ipc(pixels, kernel, border)
        plane[rows] = pixels


class _Convolver:
    """The state of one `correct_ipc`: planes, and the original rows that later tiles still need."""

    def __init__(self, planes: np.ndarray, kernel: np.ndarray) -> None:
        self.planes = planes
        self.kernel = kernel
        self.stencil = _Stencil.of(*kernel.shape[:2])
        number, self.ny, self.nx = planes.shape
        self.width = self.nx + self.stencil.before[1] + self.stencil.after[1]
        self.rows = min(self.ny, max(1, _TILE_PIXELS // self.width))
        self.stack = max(1, _TILE_PIXELS // (self.rows * self.width)) if self.rows == self.ny else 1
        halo = self.stencil.before[0] + self.stencil.after[0]
        self.halo = np.zeros((number, halo, self.nx), np.float32)

    def run(self) -> None:
        """Convolve all planes, tile of rows by tile of rows."""
        before, after = self.stencil.before, self.stencil.after
        ready = min(after[0], self.ny)
        self.halo[:, before[0] : before[0] + ready] = self.planes[:, :ready]
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, self.ny, self.rows):
                rows = slice(start, min(start + self.rows, self.ny))
                coefficients = self._coefficients(rows)
                for first in range(0, len(self.planes), self.stack):
                    self._tile(slice(first, min(first + self.stack, len(self.planes))), rows, coefficients)

    def _coefficients(self, rows: slice) -> np.ndarray:
        """Coefficients of a tile: numbers, or flat arrays of the width of the padded copy."""
        if self.kernel.ndim == 2:
            return self.kernel
        tile = self.kernel[:, :, rows]
        padded = np.zeros((*tile.shape[:3], self.width), np.float32)
        padded[..., : self.nx] = tile
        return padded.reshape(*tile.shape[:2], -1)

    def _tile(self, stack: slice, rows: slice, coefficients: np.ndarray) -> None:
        """Convolve some rows of some planes."""
        before, after, width = self.stencil.before, self.stencil.after, self.width
        height, number = rows.stop - rows.start, stack.stop - stack.start
        flat, image = self._padded(number, height)
        halo = self.halo[stack]
        image[:, : halo.shape[1], before[1] : before[1] + self.nx] = halo
        fresh = self.planes[stack, rows.start + after[0] : rows.stop + after[0]]
        inner = image[:, halo.shape[1] : halo.shape[1] + fresh.shape[1], before[1] : before[1] + self.nx]
        np.copyto(inner, fresh)
        halo[...] = image[:, height : height + halo.shape[1], before[1] : before[1] + self.nx]
        length, origin = height * width, before[0] * width + before[1]
        total = np.empty((number, length), np.float32)
        product = np.empty_like(total)
        for position, ((j, i), (dy, dx)) in enumerate(self.stencil.terms):
            shift = origin + dy * width + dx
            np.multiply(flat[:, shift : shift + length], coefficients[j, i], out=product if position else total)
            if position:
                np.add(total, product, out=total)
        self.planes[stack, rows] = total.reshape(number, height, width)[:, :, : self.nx]

    def _padded(self, number: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """A zeroed buffer for a tile, flat per plane and as images; a guard at the end keeps every shift inside."""
        before, after = self.stencil.before, self.stencil.after
        length = (height + before[0] + after[0]) * self.width
        flat = np.zeros((number, length + before[1] + after[1]), np.float32)
        return flat, flat[:, :length].reshape(number, -1, self.width)
