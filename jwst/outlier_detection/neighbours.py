"""Pixels of a detector that stand out from their neighbours in every exposure: arrays in, flags out.

Source: spec outlier_detection_other.md, IFU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.outlier_detection.median import nan_median
from stpipe.exceptions import ParameterError

__all__ = ["FilterOptions", "Found", "neighbour_difference", "outliers", "running_median"]

_EDGE = 4
_BLOCK = 1 << 21
"""Values of one stack of windows."""


@dataclass(frozen=True)
class FilterOptions:
    """How outliers are found.

    Attributes
    ----------
    kernel : (int, int)
        Rows and columns of the median filter, odd.
    threshold_percent : float
        Percentile beyond which a pixel is an outlier.
    second_check : bool
        Flag also pixels that have no finite difference in any exposure.
    """

    kernel: tuple[int, int] = (7, 7)
    threshold_percent: float = 99.8
    second_check: bool = False

    @classmethod
    def parse(cls, kernel_size: str, threshold_percent: float, second_check: bool) -> FilterOptions:
        """Take the parameters of the step; even sizes become the next odd ones.

        Raises
        ------
        ParameterError
            ``kernel_size`` is not two positive whole numbers.
        """
        try:
            rows, columns = (int(word) for word in str(kernel_size).replace(",", " ").split())
        except ValueError:
            rows = columns = 0
        if rows < 1 or columns < 1:
            raise ParameterError(
                f"kernel_size={kernel_size!r} has to be two positive whole numbers with a blank between them, as "
                "'7 7': rows and columns of the median filter"
            )
        return cls((rows | 1, columns | 1), threshold_percent, second_check)


@dataclass(frozen=True, eq=False)
class Found:
    """What is found for one detector; see `OutlierIFUOutputModel`.

    Attributes
    ----------
    differences : (n, ny, nx) ndarray of float32
        Of each exposure; see `neighbour_difference`.
    least : (ny, nx) ndarray of float32
        The least of them.
    norm : (ny, nx) ndarray of float64
        Its running median, with a floor.
    ratio : (ny, nx) ndarray of float64
        ``least / norm``.
    flagged : (ny, nx) ndarray of bool
    threshold : float
        Of the ratio.
    """

    differences: NDArray[np.float32]
    least: NDArray[np.float32]
    norm: NDArray[np.float64]
    ratio: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    threshold: float


def neighbour_difference(
    data: NDArray[np.float32], axis: int, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Find the smaller absolute difference of each pixel to its two neighbours along an axis.

    Parameters
    ----------
    data : (ny, nx) ndarray of float32
    axis : int
        0 for rows below and above, 1 for columns to the left and right. Outside of the image there are zeros.
    out : (ny, nx) ndarray of float32, optional
        Takes the result.

    Returns
    -------
    (ny, nx) ndarray of float32
        NaN where neither difference is a number.
    """
    result = np.empty_like(data) if out is None else out
    image, target = (np.moveaxis(array, axis, 0) for array in (data, result))
    step = np.abs(image[1:] - image[:-1])
    target[0], target[1:] = np.abs(image[0]), step
    np.fmin(target[:-1], step, out=target[:-1])
    np.fmin(target[-1], np.abs(image[-1]), out=target[-1])
    return result


def running_median(image: NDArray[np.float32], kernel: tuple[int, int]) -> NDArray[np.float64]:
    """Median of the pixels around each pixel, without NaN.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32
        Outside of it there are zeros.
    kernel : (int, int)
        Rows and columns of the window, odd.

    Returns
    -------
    (ny, nx) ndarray of float64
        NaN where the whole window is NaN.
    """
    (rows, columns), (ny, nx) = kernel, image.shape
    padded = np.pad(image, ((rows // 2,) * 2, (columns // 2,) * 2))
    result = np.empty(image.shape, dtype=np.float64)
    height = max(1, _BLOCK // (rows * columns * nx))
    for start in range(0, ny, height):
        stop = min(start + height, ny)
        windows = np.empty((rows * columns, stop - start, nx), dtype=np.float32)
        for number, (y, x) in enumerate(np.ndindex(rows, columns)):
            windows[number] = padded[start + y : stop + y, x : x + nx]
        result[start:stop] = nan_median(windows, dtype=np.float64)
    return result


def outliers(images: Sequence[NDArray[np.float32]], axis: int, options: FilterOptions) -> Found:
    """Find the pixels that stand out in all exposures of one detector.

    Parameters
    ----------
    images : sequence of (ny, nx) ndarray of float32
        NaN where a pixel is not to be used.
    axis : int
        See `neighbour_difference`.
    options : FilterOptions

    Returns
    -------
    Found
    """
    differences = np.empty((len(images), *images[0].shape), dtype=np.float32)
    for image, plane in zip(images, differences):
        neighbour_difference(image, axis, out=plane)
    least = np.fmin.reduce(differences, axis=0)
    norm = running_median(least, options.kernel)
    floor = nan_median(least.reshape(-1, 1).copy(), dtype=np.float64)[0] / 3
    with np.errstate(invalid="ignore", divide="ignore"):
        np.copyto(norm, floor, where=norm < floor)
        ratio = least / norm
        inner = ratio[_EDGE:-_EDGE, _EDGE:-_EDGE]
        inner = inner[~np.isnan(inner)]
        threshold = float(np.percentile(inner, options.threshold_percent)) if inner.size else np.nan
        flagged = ratio > threshold
    if options.second_check:
        flagged |= np.isnan(least)
    return Found(differences, least, norm, ratio, flagged, threshold)
