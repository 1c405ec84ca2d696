"""Where the pixels of an image fall in the output grid. Source: spec resample.md §§4.1, 10.

The way from pixel to pixel is smooth, so that `jwst.resample.smooth_map` finds it from a few hundred points; the
positions of all pixels are then one product of matrices. Small images, and world coordinates that are not known to be
smooth, are left to gwcs. Either way a map is made by rows, so that nobody needs to hold it as a whole.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from jwst.resample.grid_types import check_imaging
from jwst.resample.smooth_map import fit_smooth_map
from jwst.resample.transforms import PixelToPixel
from stpipe.exceptions import InputError, ParameterError

__all__ = ["PixelMap", "PixelMaps", "Window", "find_pixel_map", "pixel_map", "window_of"]

_SMALL = 16384
_TILE = 65536
_COARSEST = 10
_ORDERS = (1, 3)
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Window:
    """Pixels inside of a bounding box: first, and one after the last, of the columns and rows."""

    x0: int
    x1: int
    y0: int
    y1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns; 0 where the box is beside the image."""
        return max(0, self.y1 - self.y0), max(0, self.x1 - self.x0)


class _Kernel(Protocol):
    """Computes positions."""

    def fill(self, out: np.ndarray, x0: int, y0: int) -> None:
        """Write positions of the pixels from column ``x0`` and row ``y0`` on; ``out`` is (rows, columns, 2) float64."""


@dataclass(frozen=True)
class _ByGwcs:
    """Evaluates the transforms at each pixel."""

    way: PixelToPixel

    def fill(self, out: np.ndarray, x0: int, y0: int) -> None:
        rows, columns = out.shape[:2]
        step = max(1, _TILE // max(columns, 1))
        for start in range(0, rows, step):
            tile = out[start : start + step]
            y, x = np.indices(tile.shape[:2], dtype=np.float64)
            found = self.way(x.ravel() + x0, y.ravel() + (y0 + start))
            tile[...] = np.moveaxis(np.reshape(found, (2, *tile.shape[:2])), 0, -1)


@dataclass(frozen=True)
class _BySpline:
    """Interpolates between pixels of a coarse grid."""

    splines: tuple[Any, Any]

    def fill(self, out: np.ndarray, x0: int, y0: int) -> None:
        rows, columns = np.arange(y0, y0 + out.shape[0]), np.arange(x0, x0 + out.shape[1])
        for axis, spline in enumerate(self.splines):
            out[..., axis] = spline(rows, columns)


@dataclass(frozen=True)
class PixelMap:
    """Where the pixels of an image fall, to be evaluated as a whole or by rows.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the image.
    window : Window
        Pixels inside of the bounding box of the image.
    kernel : object
        Computes the positions.
    """

    shape: tuple[int, int]
    window: Window
    kernel: _Kernel

    def rows(self, start: int, stop: int, dtype: Any = np.float64) -> np.ndarray:
        """Positions of some rows.

        Parameters
        ----------
        start, stop : int
            First row, and one after the last.
        dtype : dtype
            Of the result.

        Returns
        -------
        (stop - start, nx, 2) ndarray, pixel
            Output x and y, NaN outside of the bounding box.
        """
        out = np.empty((stop - start, self.shape[1], 2), dtype)
        box = self.window
        low, high = np.clip((box.y0, max(box.y0, box.y1)), start, stop)
        for rows in (slice(0, low - start), slice(high - start, None)):
            out[rows] = np.nan
        inside = out[low - start : high - start]
        inside[:, : box.x0] = inside[:, max(box.x0, box.x1) :] = np.nan
        self._fill(inside[:, box.x0 : box.x1], int(low))
        return out

    def _fill(self, inside: np.ndarray, y0: int) -> None:
        """Write where memory is contiguous, else by tiles."""
        if not inside.size:
            return
        if inside.flags.c_contiguous and inside.dtype == np.float64:
            self.kernel.fill(inside, self.window.x0, y0)
            return
        step = max(1, _TILE // inside.shape[1])
        for start in range(0, inside.shape[0], step):
            tile = inside[start : start + step]
            positions = np.empty(tile.shape, np.float64)
            self.kernel.fill(positions, self.window.x0, y0 + start)
            tile[...] = positions

    def array(self, dtype: Any = np.float64) -> np.ndarray:
        """Positions of all pixels.

        Parameters
        ----------
        dtype : dtype
            Of the result.

        Returns
        -------
        (ny, nx, 2) ndarray, pixel
            Output x and y, NaN outside of the bounding box.
        """
        return self.rows(0, self.shape[0], dtype)


def window_of(wcs: Any, shape: tuple[int, int]) -> Window:
    """Find the pixels whose centres are inside of the bounding box.

    Parameters
    ----------
    wcs : gwcs.wcs.WCS
        Of the image.
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    Window
    """
    from astropy.modeling.bounding_box import ModelBoundingBox

    box = wcs.bounding_box
    ny, nx = shape
    if not isinstance(box, ModelBoundingBox):
        return Window(0, nx, 0, ny)
    (left, right), (low, high) = box.bounding_box(order="F")
    ends = np.nan_to_num([left, right, low, high], nan=0.0, posinf=1e9, neginf=-1e9)
    x0, y0 = (max(0, int(np.ceil(value))) for value in ends[::2])
    x1, y1 = (min(size, int(np.floor(value)) + 1) for size, value in zip((nx, ny), ends[1::2], strict=True))
    return Window(min(x0, nx), max(x1, 0), min(y0, ny), max(y1, 0))


def _coarse(window: Window, stepsize: float) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of the coarse grid."""
    ny, nx = window.shape
    counts = [max(int(np.ceil(n / stepsize)), min(_COARSEST, n)) for n in (nx, ny)]
    return np.linspace(window.x0, window.x1 - 1, counts[0]), np.linspace(window.y0, window.y1 - 1, counts[1])


def _spline(way: PixelToPixel, window: Window, stepsize: float, order: int) -> _BySpline | None:
    """Splines through the pixels of a coarse grid; None where they cannot be made."""
    from scipy.interpolate import RectBivariateSpline

    x, y = _coarse(window, stepsize)
    if min(x.size, y.size) <= order:
        return None
    grid = np.meshgrid(x, y)
    found = way(*(axis.ravel() for axis in grid))
    if not np.isfinite(found).all():
        return None
    values = np.reshape(found, (2, y.size, x.size))
    first, second = (RectBivariateSpline(y, x, plane, kx=order, ky=order) for plane in values)
    return _BySpline((first, second))


def _check(shape: tuple[int, int], stepsize: float, order: int) -> None:
    if len(shape) != 2:
        raise InputError(f"The shape {tuple(shape)} is not that of an image: it has to be rows and columns")
    if not stepsize >= 1:
        raise ParameterError(f"pixmap_stepsize is {stepsize!r}; it has to be 1 pixel or more")
    if stepsize > 1 and order not in _ORDERS:
        raise ParameterError(f"pixmap_order is {order!r}; it has to be 1 (bilinear) or 3 (bicubic)")


def find_pixel_map(
    input_wcs: Any, shape: tuple[int, int], output_wcs: Any, *, stepsize: float = 1.0, order: int = 1
) -> PixelMap:
    """Find where the pixels of an image fall, without evaluating it.

    Parameters
    ----------
    input_wcs, output_wcs : gwcs.wcs.WCS
        World coordinates of the image and of the output; the bounding box of the output is not used.
    shape : (int, int)
        Rows and columns of the image.
    stepsize : float, pixel
        1 is exact. Above, positions are interpolated between pixels that far apart, as the public pipeline does.
    order : int
        Of the interpolation: 1 or 3.

    Returns
    -------
    PixelMap

    Raises
    ------
    ParameterError
        ``stepsize`` or ``order`` cannot be used. A ValueError.
    InputError
        ``shape`` is not that of an image.
    UnsupportedWCSError
        The world coordinates are not those of images.
    """
    _check(shape, stepsize, order)
    return _find(_way(input_wcs, output_wcs), window_of(input_wcs, shape), shape, (stepsize, order))


def _way(input_wcs: Any, output_wcs: Any) -> PixelToPixel:
    check_imaging(input_wcs, "input")
    check_imaging(output_wcs, "output")
    return PixelToPixel(input_wcs, output_wcs)


def _find(way: PixelToPixel, window: Window, shape: tuple[int, int], spacing: tuple[float, int]) -> PixelMap:
    """Choose how the positions are computed; ``spacing`` is the step and the order of the interpolation."""
    stepsize, order = spacing
    kernel: _Kernel | None = None
    if stepsize > 1 and max(shape) > _COARSEST and min(window.shape) > 0:
        kernel = _spline(way, window, stepsize, order)
    if kernel is None and window.shape[0] * window.shape[1] > _SMALL:
        kernel = fit_smooth_map(way, (window.x0, window.x1 - 1), (window.y0, window.y1 - 1))
    return PixelMap((int(shape[0]), int(shape[1])), window, kernel or _ByGwcs(way))


def pixel_map(
    input_wcs: Any,
    shape: tuple[int, int],
    output_wcs: Any,
    *,
    stepsize: float = 1.0,
    order: int = 1,
    dtype: Any = np.float64,
) -> np.ndarray:
    """Positions in the output of all pixels of an image.

    Parameters
    ----------
    input_wcs, shape, output_wcs, stepsize, order
        See `find_pixel_map`, also for the errors.
    dtype : dtype
        Of the result.

    Returns
    -------
    (ny, nx, 2) ndarray, pixel
        Output x and y of the centres, from 0; NaN outside of the bounding box of the image.
    """
    return find_pixel_map(input_wcs, shape, output_wcs, stepsize=stepsize, order=order).array(dtype)


@dataclass
class _Kept:
    """A map, and its positions if there is room for them."""

    found: PixelMap
    positions: np.ndarray | None = None


class PixelMaps:
    """Keeps maps for the steps of a pipeline, known by their world coordinates.

    A map that is smooth takes a few kB and 20 ns per pixel to evaluate. Positions are kept while they are within
    ``max_bytes`` in all; those used longest ago go first.

    Parameters
    ----------
    max_bytes : int
        Room for positions.
    max_maps : int
        Number of maps.
    """

    def __init__(self, max_bytes: int = 256 * _MEBIBYTE, max_maps: int = 512) -> None:
        self._max_bytes, self._max_maps = max_bytes, max_maps
        self._kept: OrderedDict[tuple[Any, ...], _Kept] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Room taken by positions."""
        return sum(kept.positions.nbytes for kept in self._kept.values() if kept.positions is not None)

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def _entry(self, input_wcs: Any, shape: tuple[int, int], output_wcs: Any, stepsize: float, order: int) -> _Kept:
        _check(shape, stepsize, order)
        way, window = _way(input_wcs, output_wcs), window_of(input_wcs, shape)
        spacing = (float(stepsize), order if stepsize > 1 else 1)
        key = (way.content, window, tuple(shape), spacing)
        kept = self._kept.get(key)
        if kept is None:
            kept = _Kept(_find(way, window, shape, spacing))
            self._kept[key] = kept
            if len(self._kept) > self._max_maps:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept

    def find(
        self, input_wcs: Any, shape: tuple[int, int], output_wcs: Any, *, stepsize: float = 1.0, order: int = 1
    ) -> PixelMap:
        """Find a map as `find_pixel_map` does, or take it from here."""
        return self._entry(input_wcs, shape, output_wcs, stepsize, order).found

    def positions(
        self, input_wcs: Any, shape: tuple[int, int], output_wcs: Any, *, stepsize: float = 1.0, order: int = 1
    ) -> np.ndarray:
        """Positions of all pixels as `pixel_map` gives them in float64; not to be written to."""
        kept = self._entry(input_wcs, shape, output_wcs, stepsize, order)
        if kept.positions is not None:
            return kept.positions
        positions = kept.found.array()
        positions.flags.writeable = False
        if positions.nbytes <= self._max_bytes:
            self._make_room(positions.nbytes)
            kept.positions = positions
        return positions

    def _make_room(self, nbytes: int) -> None:
        """Forget positions, not maps, until so many bytes are free."""
        taken = self.nbytes
        for kept in self._kept.values():
            if taken + nbytes <= self._max_bytes:
                return
            taken -= 0 if kept.positions is None else kept.positions.nbytes
            kept.positions = None
