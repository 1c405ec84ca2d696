"""Median of the images of several exposures: weights, masks, and the median itself.

Source: spec outlier_detection.md §A.2 c and d.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jwst.lib.selection import middle_ranks, select_ranks, sort_columns
from jwst.lib.threads import in_threads, threads_allowed

__all__ = ["Patch", "mask_low_weights", "median_of_patches", "nan_median", "weight_threshold"]

BLOCK = 1 << 18
"""Values of one block of a stack."""


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of an image of the common grid that has data.

    Attributes
    ----------
    y, x : int
        Where its first pixel is.
    data : (ny, nx) ndarray of float32
        May be mapped from a file.
    outside : float
        Value of all other pixels.
    """

    y: int
    x: int
    data: NDArray[np.float32]
    outside: float = math.nan

    def rows_into(self, out: NDArray[np.float32], start: int) -> None:
        """Write the rows from ``start`` on into a block of the common grid."""
        out[...] = self.outside
        first, last = max(start, self.y), min(start + len(out), self.y + len(self.data))
        if first < last:
            out[first - start : last - start, self.x : self.x + self.data.shape[1]] = self.data[
                first - self.y : last - self.y
            ]

    def whole(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """The image on the whole common grid."""
        image = np.empty(shape, dtype=np.float32)
        self.rows_into(image, 0)
        return image


def weight_threshold(weights: NDArray[np.float32], maskpt: float) -> float:
    """Find the weight below which a pixel has no part in the median.

    Parameters
    ----------
    weights : ndarray of float32
        Zero and values that are not finite do not count.
    maskpt : float
        Fraction of the mean weight.

    Returns
    -------
    float
        ``maskpt`` times the mean of the weights within 3 standard deviations of their median, found in up to 5 passes;
        NaN where there is no weight.

    Examples
    --------
    >>> weight_threshold(np.float32([4, 4, 2, 0]), 0.75)
    2.5
    """
    from jwst.lib.order_statistics import clipped_mean

    flat = weights.reshape(-1)
    return maskpt * clipped_mean(flat[flat != 0])


def mask_low_weights(data: NDArray[np.float32], weights: NDArray[np.float32], threshold: float) -> None:
    """Make data NaN, in place, where the weight is below a threshold; a threshold of NaN leaves all as it is."""
    with np.errstate(invalid="ignore"):
        np.copyto(data, np.nan, where=weights < threshold)


def nan_median(stack: NDArray[np.float32], *, dtype: Any = np.float32) -> NDArray[Any]:
    """Median over the first axis without the NaN values.

    Parameters
    ----------
    stack : (n, ...) ndarray of float32, C-contiguous, n > 0
        Its contents are destroyed.
    dtype : dtype, optional
        Type of the result, in which the mean of two middle values is computed.

    Returns
    -------
    ndarray
        NaN where all values are NaN.
    """
    columns = stack.reshape(len(stack), -1)
    missing = np.isnan(columns)
    counts = len(stack) - np.count_nonzero(missing, axis=0)
    partial = np.flatnonzero(counts < len(stack))
    rest, rest_missing = columns[:, partial], missing[:, partial]
    with np.errstate(invalid="ignore"):
        result = _middle(columns, dtype)
        if partial.size:
            result[partial] = _median_of_some(rest, rest_missing, counts[partial], dtype)
    return result.reshape(stack.shape[1:])


def median_of_patches(
    patches: Sequence[Patch], shape: tuple[int, int], *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Median of images of the common grid, one block of rows after the other.

    Parameters
    ----------
    patches : sequence of Patch
        At least one.
    shape : (ny, nx)
        Common grid.
    out : (ny, nx) ndarray of float32, optional
        Takes the result; may be mapped to a file.

    Returns
    -------
    (ny, nx) ndarray of float32
        NaN where no image has data.
    """
    ny, nx = shape
    median = np.empty(shape, dtype=np.float32) if out is None else out
    height = max(1, BLOCK // max(nx * len(patches), 1))

    def combine(start: int) -> None:
        stack = np.empty((len(patches), min(height, ny - start), nx), dtype=np.float32)
        for patch, plane in zip(patches, stack):
            patch.rows_into(plane, start)
        median[start : start + height] = nan_median(stack)

    in_threads(combine, range(0, ny, height), threads_allowed())
    return median


def _middle(columns: NDArray[np.float32], dtype: Any) -> NDArray[Any]:
    """Median of columns without NaN; those with NaN get any value."""
    low, high = middle_ranks(len(columns))
    if low == high:
        return select_ranks(columns, (low,))[0].astype(dtype)
    first, second = select_ranks(columns, (low, high))
    return _mean(first, second, dtype)


def _mean(first: NDArray[np.float32], second: NDArray[np.float32], dtype: Any) -> NDArray[Any]:
    """Mean of two, computed in a type."""
    result = np.add(first, second, dtype=dtype)
    result /= 2
    return result


def _median_of_some(
    columns: NDArray[np.float32], missing: NDArray[np.bool_], counts: NDArray[np.integer], dtype: Any
) -> NDArray[Any]:
    """Median of columns with NaN, of which ``counts`` values are left."""
    columns[missing] = np.inf
    ordered = sort_columns(columns)
    place = np.arange(ordered.shape[1])
    low, high = (ordered[np.clip(rank, 0, len(ordered) - 1), place] for rank in ((counts - 1) // 2, counts // 2))
    result = np.where(counts % 2 == 1, low, _mean(low, high, dtype))
    result[counts == 0] = np.nan
    return result
