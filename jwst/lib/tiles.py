"""Pieces of a ramp that fit the cache.

Nothing here copies: a tile is a view, so that ``out=`` writes into the ramp itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["flat_pixels", "pixel_tiles"]


def flat_pixels(array: np.ndarray, leading: int = 1) -> np.ndarray:
    """View an array with its last two axes as one axis of pixels.

    Parameters
    ----------
    array : (..., ny, nx) ndarray, C-contiguous
    leading : int
        Number of axes before the pixels; all earlier axes are merged into the first one.

    Returns
    -------
    ndarray
        A view of ``leading + 1`` dimensions.

    Raises
    ------
    ValueError
        The array is not contiguous, so that a view is not possible.
    """
    if not array.flags.c_contiguous:
        raise ValueError("The array must be C-contiguous: pass numpy.ascontiguousarray(array)")
    *front, ny, nx = array.shape
    kept = front[len(front) - leading + 1 :] if leading > 1 else []
    first = int(np.prod(front[: len(front) - len(kept)], dtype=np.int64))
    return array.reshape(first, *kept, ny * nx) if leading else array.reshape(ny * nx)


def pixel_tiles(npixels: int, size: int) -> Iterator[slice]:
    """Divide pixels into tiles of nearly equal length.

    Parameters
    ----------
    npixels : int
        How many there are.
    size : int
        The largest tile.

    Yields
    ------
    slice
    """
    count = -(-npixels // size)
    width = -(-npixels // count) if count else 0
    for start in range(0, npixels, max(width, 1)):
        yield slice(start, min(start + width, npixels))
