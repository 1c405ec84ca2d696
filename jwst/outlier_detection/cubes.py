"""Outliers of exposures of many integrations: each is compared with the median of the others.

Source: spec outlier_detection_other.md, TSO and Coron. Array in, flags out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from jwst.lib.selection import middle_ranks, select_ranks
from jwst.outlier_detection.median import nan_median

__all__ = ["median_of_cube", "pixel_rows", "rolling_median"]

TILE = 1 << 18
"""Values of one piece of a cube."""


def pixel_rows(shape: tuple[int, ...]) -> Iterator[slice]:
    """Give the rows of a cube (nints, ny, nx) in pieces that fit the cache."""
    nints, ny, nx = shape
    height = max(1, TILE // max(nints * nx, 1))
    for start in range(0, ny, height):
        yield slice(start, min(start + height, ny))


def median_of_cube(cube: NDArray[np.float32], *, used: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Median of the integrations, without NaN.

    Parameters
    ----------
    cube : (nints, ny, nx) ndarray of float32
    used : (nints, ny, nx) ndarray of bool, optional
        False where a value has no part in the median.

    Returns
    -------
    (ny, nx) ndarray of float32
        NaN where nothing is left.
    """
    median = np.empty(cube.shape[1:], dtype=np.float32)
    for rows in pixel_rows(cube.shape):
        median[rows] = nan_median(_masked(cube, used, rows))
    return median


def rolling_median(
    cube: NDArray[np.float32], width: int, *, used: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Median of each integration and its neighbours in time.

    Parameters
    ----------
    cube : (nints, ny, nx) ndarray of float32
    width : int
        Integrations of the window, more than one and at most ``nints``.
    used : (nints, ny, nx) ndarray of bool, optional
        False where a value has no part in the median.

    Returns
    -------
    (nints, ny, nx) ndarray of float32
        The median of a window is that of its integration ``width // 2``. Those before the first, and after the last,
        have the nearest one. A window with a NaN, or with a value that is not used, has the median NaN.
    """
    median = np.empty(cube.shape, dtype=np.float32)
    for rows in pixel_rows(cube.shape):
        median[:, rows] = _rolling(_masked(cube, used, rows), width)
    return median


def _masked(cube: NDArray[np.float32], used: NDArray[np.bool_] | None, rows: slice) -> NDArray[np.float32]:
    """A copy of some rows with NaN for what is not used."""
    part = np.array(cube[:, rows], dtype=np.float32, order="C")
    if used is not None:
        part[~used[:, rows]] = np.nan
    return part


def _rolling(part: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Running median along the first axis."""
    nints, half = len(part), width // 2
    columns = part.reshape(nints, -1)
    median = np.empty_like(columns)
    low, high = middle_ranks(width)
    spoiled = np.zeros(columns.shape[1], dtype=np.intp)
    missing = np.isnan(columns)
    spoiled += np.count_nonzero(missing[: width - 1], axis=0)
    with np.errstate(invalid="ignore"):
        for start in range(nints - width + 1):
            spoiled += missing[start + width - 1]
            found = select_ranks(columns[start : start + width].copy(), (low, high) if high > low else (low,))
            middle = median[start + half]
            np.copyto(middle, found[0])
            if high > low:
                middle += found[1]
                middle /= np.float32(2)
            middle[spoiled > 0] = np.nan
            spoiled -= missing[start]
    last = nints - width + half
    median[:half], median[last + 1 :] = median[half], median[last]
    return median.reshape(part.shape)
