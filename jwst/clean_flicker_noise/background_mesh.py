"""Smooth model of a background: clipped medians of boxes, filtered and interpolated.

The same numbers as ``photutils.background.Background2D`` with a median estimator, 3-sigma clipping and a 5 x 5 filter,
without the dependency. The spline interpolation of a mesh is separable, and so two small matrix products.
Source: spec clean_flicker_noise.md §7.2.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from jwst.lib.small_products import product

__all__ = ["MeshError", "background_model", "default_box"]

LARGEST_BOX = 32
GOOD_FRACTION = 0.9
FILTER = 5
NEIGHBOURS = 10

_CLIP = 3.0
_ROUNDS = 5
_CHUNK = 1 << 19


class MeshError(ValueError):
    """No box has enough background pixels."""


def default_box(shape: tuple[int, int]) -> tuple[int, int]:
    """Largest divisors of the sides of an image up to 32."""
    ny, nx = (max(size for size in range(1, LARGEST_BOX + 1) if side % size == 0) for side in shape)
    return ny, nx


def background_model(image: np.ndarray, mask: np.ndarray, box: tuple[int, int] | None = None) -> np.ndarray:
    """Model the background of an image.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32
    mask : (ny, nx) ndarray of bool
        True for background.
    box : (int, int), optional
        Size of the boxes, y and x; by default `default_box`.

    Returns
    -------
    (ny, nx) ndarray of float32

    Raises
    ------
    MeshError
        No box has more than nine tenths of its pixels left after clipping.
    """
    ny, nx = image.shape
    box = default_box((ny, nx)) if box is None else (min(box[0], ny), min(box[1], nx))
    mesh = _box_medians(image, mask, box)
    if np.isnan(mesh).all():
        raise MeshError(
            f"No box of {box[0]} x {box[1]} pixels has more than {GOOD_FRACTION:.0%} background pixels; "
            "set background_box_size to smaller boxes"
        )
    mesh = _filtered(_filled(mesh))
    if np.ptp(mesh) == 0:
        return np.full(image.shape, mesh.flat[0], np.float32)
    down, across = _spline(mesh.shape[0], box[0]), _spline(mesh.shape[1], box[1])
    columns = product(product(down.prefilter, mesh.astype(np.float64)), across.prefilter.T)
    columns = product(columns, across.weights[:nx].T)
    result = np.empty(image.shape, np.float32)
    for first in range(0, ny, box[0]):
        weights = down.weights[first : min(first + box[0], ny)]
        used = np.flatnonzero(weights.any(axis=0))
        part = slice(used[0], used[-1] + 1)
        result[first : first + box[0]] = product(weights[:, part], columns[part])
    return np.clip(result, mesh.min(), mesh.max(), out=result)


@dataclass(frozen=True)
class _SortedBoxes:
    """Values of boxes, sorted, and their running sums.

    Parameters
    ----------
    values : (n, size) ndarray of float32
        Infinity at the end of each row for what is masked.
    sums, squares : (n, size + 1) ndarray of float64
        Of the distance from the pivot.
    pivot : (n,) ndarray of float64
    """

    values: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    pivot: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, count: np.ndarray) -> _SortedBoxes:
        """Sort the rows of an array, in place; ``count`` of each are finite."""
        values.sort(axis=1)
        rows = np.arange(len(values))
        pivot = np.where(count > 0, values[rows, np.maximum(count // 2, 0)], 0).astype(np.float64)
        distance = np.subtract(values, pivot[:, None], dtype=np.float64)
        distance[np.arange(values.shape[1]) >= count[:, None]] = 0
        sums, squares = (np.zeros((len(values), values.shape[1] + 1)) for _ in range(2))
        np.cumsum(distance, axis=1, out=sums[:, 1:])
        np.multiply(distance, distance, out=distance)
        np.cumsum(distance, axis=1, out=squares[:, 1:])
        return cls(values, sums, squares, pivot)

    def median(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Median of the values between two ranks of each row, float64."""
        rows, top = np.arange(len(first)), self.values.shape[1] - 1
        low = self.values[rows, np.clip((first + last - 1) // 2, 0, top)].astype(np.float64)
        return (low + self.values[rows, np.minimum((first + last) // 2, top)]) / 2

    def deviation(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Standard deviation of the values between two ranks of each row."""
        rows, count = np.arange(len(first)), np.maximum(last - first, 1)
        mean = (self.sums[rows, last] - self.sums[rows, first]) / count
        square = (self.squares[rows, last] - self.squares[rows, first]) / count
        return np.sqrt(np.maximum(square - mean * mean, 0))

    def rank(self, limit: np.ndarray, *, inclusive: bool) -> np.ndarray:
        """Number of values of each row below a limit, or not above it."""
        rows, size = np.arange(len(limit)), self.values.shape[1]
        count = np.zeros(len(limit), np.intp)
        for bit in reversed(range(size.bit_length())):
            probe = count + (1 << bit)
            value = self.values[rows, np.minimum(probe, size) - 1].astype(np.float64)
            good = (value <= limit if inclusive else value < limit) & (probe <= size)
            count += good * np.intp(1 << bit)
        return count


def _clipped(boxes: _SortedBoxes, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First rank within three sigma, and the first above, of each row; at most five rounds."""
    first, last = np.zeros_like(count), count.copy()
    final = first.copy(), last.copy()
    open_rows = count > 0
    for _ in range(_ROUNDS):
        centre, width = boxes.median(first, last), _CLIP * boxes.deviation(first, last)
        low = boxes.rank(centre - width, inclusive=False)
        high = np.minimum(boxes.rank(centre + width, inclusive=True), count)
        final = np.where(open_rows, low, final[0]), np.where(open_rows, high, final[1])
        low, high = np.maximum(low, first), np.minimum(high, last)
        open_rows &= ((low != first) | (high != last)) & (high > low)
        first, last = np.where(open_rows, low, first), np.where(open_rows, high, last)
        if not open_rows.any():
            break
    return final


def _box_medians(image: np.ndarray, mask: np.ndarray, box: tuple[int, int]) -> np.ndarray:
    """Clipped median of every box; NaN where too few pixels are left."""
    ny, nx = image.shape
    shape = -(-ny // box[0]), -(-nx // box[1])
    size = box[0] * box[1]
    result = np.empty(shape, np.float32)
    step = max(1, _CHUNK // (size * shape[1]))
    for first in range(0, shape[0], step):
        rows = slice(first * box[0], min((first + step) * box[0], ny))
        result[first : first + step] = _medians_of_rows(image[rows], mask[rows], box)
    return result


def _medians_of_rows(image: np.ndarray, mask: np.ndarray, box: tuple[int, int]) -> np.ndarray:
    """Clipped medians of some rows of boxes."""
    ny, nx = image.shape
    down, across = -(-ny // box[0]), -(-nx // box[1])
    padded = np.full((down * box[0], across * box[1]), np.inf, np.float32)
    np.copyto(padded[:ny, :nx], image, where=mask)
    values = padded.reshape(down, box[0], across, box[1]).swapaxes(1, 2).reshape(down * across, -1)
    count = np.count_nonzero(np.isfinite(values), axis=1)
    boxes = _SortedBoxes.of(np.ascontiguousarray(values), count)
    first, last = _clipped(boxes, count)
    medians = boxes.median(first, last).astype(np.float32)
    medians[(last - first) <= GOOD_FRACTION * box[0] * box[1]] = np.nan
    return medians.reshape(down, across)


def _filled(mesh: np.ndarray) -> np.ndarray:
    """Give boxes without a value the mean of the ten nearest others, weighted by the inverse of the distance."""
    missing = np.isnan(mesh)
    if not missing.any():
        return mesh
    from scipy.spatial import cKDTree

    known = np.argwhere(~missing)
    distance, index = cKDTree(known, leafsize=10).query(np.argwhere(missing), k=NEIGHBOURS)
    found = np.isfinite(distance)
    weight = np.where(found, 1 / np.where(found, distance, 1), 0)
    values = mesh[~missing][np.where(found, index, 0)]
    mesh = mesh.copy()
    mesh[missing] = (weight * values).sum(axis=1) / weight.sum(axis=1)
    return mesh


def _filtered(mesh: np.ndarray) -> np.ndarray:
    """Median of 5 x 5 boxes, fewer at the edges."""
    half = FILTER // 2
    padded = np.pad(mesh, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (FILTER, FILTER))
    return np.nanmedian(windows.reshape(*mesh.shape, -1), axis=-1)


@dataclass(frozen=True)
class _Spline:
    """A cubic spline through the values of a mesh: coefficients from values, and pixels from coefficients.

    Parameters
    ----------
    prefilter : (n, n) ndarray of float64
    weights : (n * factor, n) ndarray of float64
        Four of each row are not 0.
    """

    prefilter: np.ndarray
    weights: np.ndarray


@functools.lru_cache(maxsize=8)
def _spline(count: int, factor: int) -> _Spline:
    """Spline that interpolates ``count`` values of a mesh to ``count * factor`` pixels."""
    from scipy.ndimage import spline_filter1d, zoom

    units = np.eye(count)
    prefilter = spline_filter1d(units, order=3, mode="reflect", axis=0)
    columns = [zoom(unit, factor, order=3, mode="reflect", grid_mode=True, prefilter=False) for unit in units]
    return _Spline(prefilter, np.stack(columns, axis=1))
