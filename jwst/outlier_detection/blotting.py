"""Bring an image of the common grid back to the pixels of an exposure.

Source: spec outlier_detection.md §A.2 e; the interpolation is that of the ``drizzle`` library.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jwst.outlier_detection.flagging import row_tiles

__all__ = ["Places", "blot"]

_NOWHERE = -1.0


class Places(Protocol):
    """Where the pixels of an exposure fall; `jwst.resample.pixmap.PixelMap` is one."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the exposure."""

    def rows(self, start: int, stop: int) -> NDArray[np.float64]:
        """Pixel coordinates x, y on the common grid, (stop - start, nx, 2), of some rows; NaN where there is none."""


def blot(image: NDArray[np.float32], places: Places) -> NDArray[np.float32]:
    """Interpolate an image, bilinearly, at the pixels of an exposure.

    Parameters
    ----------
    image : (ny_out, nx_out) ndarray of float32, C-contiguous
        Common grid; may be mapped from a file, of which only what is needed is read.
    places : Places
        Evaluated by rows.

    Returns
    -------
    (ny, nx) ndarray of float32
        NaN outside of the image.

    Notes
    -----
    The same as ``drizzle.resample.blot_image`` with the whole map, whose entries of NaN are replaced by -1.
    """
    from drizzle.cdrizzle import tblot

    result = np.full(places.shape, np.nan, dtype=np.float32)
    plane = np.asarray(image)
    for rows in row_tiles(*places.shape):
        pixmap = places.rows(rows.start, rows.stop)
        pixmap[np.isnan(pixmap)] = _NOWHERE
        tblot(plane, pixmap, result[rows], iscale=1.0, interp="linear", fillval=np.nan)
    return result
