"""Small cut-outs around many positions at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["ELEMENTS", "batches", "gather", "nearest_pixels"]

ELEMENTS = 1 << 16
"""Most pixels of cut-outs that are worked on together."""


def batches(count: int, size: int) -> Iterator[slice]:
    """Yield slices of positions whose cut-outs, of ``size`` pixels each, fit the cache.

    Parameters
    ----------
    count : int
        Number of positions.
    size : int
        Pixels of one cut-out.
    """
    step = max(1, ELEMENTS // max(size, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def nearest_pixels(values: np.ndarray) -> np.ndarray:
    """Index of the pixel whose centre is nearest, one axis; of two equally near ones the lower.

    Parameters
    ----------
    values : (n,) ndarray of float, pixels
        0-based.

    Returns
    -------
    (n,) ndarray of int64
    """
    return np.ceil(values - 0.5).astype(np.int64)


def gather(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read pixels of an image by row and column, some of which may lie outside.

    Parameters
    ----------
    image : (ny, nx) ndarray
        Any byte order.
    rows, columns : ndarray of int
        Indices that broadcast against each other.

    Returns
    -------
    values : ndarray of float64
        Of the broadcast shape; what is outside of the image is 0.
    inside : ndarray of bool
        Whether the pixel is in the image.
    """
    ny, nx = image.shape
    inside = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
    values = image[np.clip(rows, 0, ny - 1), np.clip(columns, 0, nx - 1)].astype(np.float64)
    values[~inside] = 0.0
    return values, inside
