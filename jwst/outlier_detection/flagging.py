"""Which pixels of an exposure are outliers: arrays in, flags out.

Source: spec outlier_detection.md §A.2 f-i and §A.3. All arithmetic is in float32, in the order given there, so that
flags do not depend on tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jwst.lib.dqflags import DO_NOT_USE, OUTLIER
from jwst.lib.threads import in_threads, threads_allowed

__all__ = ["Limits", "derivative", "flag_against_blot", "flag_against_median", "mark_outliers", "row_tiles"]

TILE = 1 << 16
"""Pixels of one tile."""

_FLAGS = np.uint32(OUTLIER | DO_NOT_USE)


@dataclass(frozen=True)
class Limits:
    """How far a pixel may be from the blot.

    Attributes
    ----------
    snr : (float, float)
        Factors of the error, in the first and the second pass.
    scale : (float, float)
        Factors of the derivative of the blot.
    background : float
        Added to the blot; unit of the data.
    """

    snr: tuple[float, float] = (5.0, 4.0)
    scale: tuple[float, float] = (1.2, 0.7)
    background: float = 0.0

    def with_background(self, level: float) -> Limits:
        """The same limits with another background."""
        return replace(self, background=level)


def row_tiles(ny: int, nx: int) -> Iterator[slice]:
    """Give the rows of an image in pieces that fit the cache.

    Parameters
    ----------
    ny, nx : int
        Size of the image.

    Yields
    ------
    slice
    """
    rows = max(1, TILE // max(nx, 1))
    for start in range(0, ny, rows):
        yield slice(start, min(start + rows, ny))


def derivative(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find the largest absolute difference of each pixel to its four neighbours.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32

    Returns
    -------
    (ny, nx) ndarray of float32
        Differences that are not finite do not count; 0 where none is left; NaN where the image is NaN.
    """
    result = np.zeros_like(image)
    with np.errstate(invalid="ignore", over="ignore"):
        for before, after in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
            step = np.subtract(image[after], image[before])
            np.abs(step, out=step)
            step[np.isinf(step)] = np.nan
            np.fmax(result[before], step, out=result[before])
            np.fmax(result[after], step, out=result[after])
    np.copyto(result, np.nan, where=np.isnan(image))
    return result


def flag_against_blot(
    data: NDArray[np.float32], err: NDArray[np.float32], blot: NDArray[np.float32], limits: Limits
) -> NDArray[np.bool_]:
    """Flag what differs from the blotted median by more than noise and small misalignments explain.

    Parameters
    ----------
    data, err : (ny, nx) ndarray of float32
        Exposure and its errors, in one unit; an error that is NaN counts as 0.
    blot : (ny, nx) ndarray of float32
        The median, on the pixels of the exposure; NaN where there is none.
    limits : Limits

    Returns
    -------
    (ny, nx) ndarray of bool
        Pixels beyond the second limits that are, or are next to, a pixel beyond the first ones.
    """
    ny, nx = data.shape
    flagged = np.empty(data.shape, dtype=bool)

    def flag(rows: slice) -> None:
        flagged[rows] = _flag_rows(data, err, blot, limits, rows)

    in_threads(flag, list(row_tiles(ny, nx)), threads_allowed())
    return flagged


def flag_against_median(
    data: NDArray[np.float32], err: NDArray[np.float32], median: NDArray[np.float32], snr: float
) -> NDArray[np.bool_]:
    """Flag what differs from the median by more than noise explains.

    Parameters
    ----------
    data, err : (..., ny, nx) ndarray of float32
        Exposure and its errors; an error that is NaN counts as 0.
    median : ndarray of float32
        Of the shape of the data, or one plane for all.
    snr : float
        Factor of the error.

    Returns
    -------
    (..., ny, nx) ndarray of bool
    """
    flagged = np.empty(data.shape, dtype=bool)
    *_, ny, nx = data.shape
    with np.errstate(invalid="ignore", over="ignore"):
        for index in np.ndindex(data.shape[:-2]):
            plane = median[index] if median.ndim == data.ndim else median
            for rows in row_tiles(ny, nx):
                noise = _noise(err[index][rows])
                noise *= snr
                distance = np.subtract(data[index][rows], plane[rows], dtype=np.float32)
                np.abs(distance, out=distance)
                np.greater(distance, noise, out=flagged[index][rows])
    return flagged


def mark_outliers(dq: NDArray[np.uint32], flagged: NDArray[np.bool_]) -> int:
    """Write OUTLIER and DO_NOT_USE into flags, in place.

    Parameters
    ----------
    dq : ndarray of uint32
    flagged : ndarray of bool
        Of the same shape.

    Returns
    -------
    int
        How many pixels.
    """
    np.bitwise_or(dq, _FLAGS, out=dq, where=flagged)
    return int(np.count_nonzero(flagged))


def _flag_rows(
    data: NDArray[np.float32], err: NDArray[np.float32], blot: NDArray[np.float32], limits: Limits, rows: slice
) -> NDArray[np.bool_]:
    """Flag some rows; the pixels around them are looked at too."""
    ny = data.shape[0]
    around = slice(max(rows.start - 1, 0), min(rows.stop + 1, ny))
    wide = slice(max(rows.start - 2, 0), min(rows.stop + 2, ny))
    steps = derivative(blot[wide])[around.start - wide.start : around.stop - wide.start]
    noise = _noise(err[around])
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.subtract(data[around], blot[around], dtype=np.float32)
        distance -= np.float32(limits.background)
        np.abs(distance, out=distance)
        first = _beyond(distance, steps, noise, (limits.scale[0], limits.snr[0]))
        inner = slice(rows.start - around.start, rows.stop - around.start)
        second = _beyond(distance[inner], steps[inner], noise[inner], (limits.scale[1], limits.snr[1]))
    second &= _grown(first)[inner]
    return second


def _beyond(
    distance: NDArray[np.float32], steps: NDArray[np.float32], noise: NDArray[np.float32], factors: tuple[float, float]
) -> NDArray[np.bool_]:
    """Whether a distance is larger than the weighted sum of derivative and noise; False where that is NaN."""
    limit = np.multiply(steps, factors[0])
    limit += noise * factors[1]
    return np.greater(distance, limit)


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add the eight neighbours of each pixel."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    grown = wide.copy()
    grown[1:] |= wide[:-1]
    grown[:-1] |= wide[1:]
    return grown


def _noise(err: NDArray[np.float32]) -> NDArray[np.float32]:
    """Errors with 0 for NaN and the largest number for infinity."""
    return np.nan_to_num(np.asarray(err, dtype=np.float32), copy=True)
