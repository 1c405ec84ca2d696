"""Levels of units (exposures) from the statistics of their overlaps. Source: spec skymatch.md §3 to §6."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["METHODS", "Measured", "levels_of", "matched_levels", "unit_overlaps", "units_of"]

log = logging.getLogger(__name__)

METHODS = ("local", "global", "match", "global+match", "user")


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of n images, which form u units.

    Parameters
    ----------
    unit : (n,) ndarray of int
        Unit of each image.
    overlap, pixels : (n, u) ndarray of float64
        Sky of each image where it overlaps each unit (NaN: no value), and the number of pixels.
    whole : (n,) ndarray of float64
        Sky of each image as a whole (NaN: no value).
    """

    unit: np.ndarray
    overlap: np.ndarray
    pixels: np.ndarray
    whole: np.ndarray

    @property
    def count(self) -> int:
        """Number of units."""
        return self.overlap.shape[1]


def levels_of(measured: Measured, method: str, *, down: bool = True) -> np.ndarray:
    """Find the level that is to be subtracted from each unit.

    Parameters
    ----------
    measured : Measured
    method : str
        "local", "global", "match" or "global+match".
    down : bool, optional
        Match to the lowest level; False: to the highest.

    Returns
    -------
    (u,) ndarray of float64
        NaN: none was found.
    """
    if method == "match":
        return matched_levels(*unit_overlaps(measured), down=down)
    whole = np.full(measured.count, np.nan)
    if method == "global+match":
        matched = matched_levels(*unit_overlaps(measured), down=down)
        shifts = np.nan_to_num(matched)
        np.fmin.at(whole, measured.unit, measured.whole - shifts[measured.unit])
        return shifts + _least(whole)
    np.fmin.at(whole, measured.unit, measured.whole)
    return whole if method == "local" else np.full(measured.count, _least(whole))


def _least(levels: np.ndarray) -> float:
    found = levels[np.isfinite(levels)]
    return float(found.min()) if found.size else np.nan


def unit_overlaps(measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Sky of each unit where it overlaps each other unit: the mean over its images, weighted by their pixels.

    Returns
    -------
    sky, pixels : (u, u) ndarray of float64
        NaN and 0 where there is no value.
    """
    count = measured.count
    total, pixels = np.zeros((count, count)), np.zeros((count, count))
    valid = np.isfinite(measured.overlap) & (measured.pixels > 0)
    weights = np.where(valid, measured.pixels, 0.0)
    np.add.at(total, measured.unit, np.where(valid, measured.overlap, 0.0) * weights)
    np.add.at(pixels, measured.unit, weights)
    return np.divide(total, pixels, out=np.full_like(total, np.nan), where=pixels > 0), pixels


def matched_levels(sky: np.ndarray, pixels: np.ndarray, *, down: bool = True) -> np.ndarray:
    """Levels whose differences fit the differences of the sky in all overlaps best.

    Parameters
    ----------
    sky, pixels : (u, u) ndarray of float64
        Sky of each unit where it overlaps each other (NaN: no value), and the number of pixels.
    down : bool, optional
        The lowest level is 0; False: the highest.

    Returns
    -------
    (u,) ndarray of float64
        NaN for units without overlap.

    Notes
    -----
    Weighted least squares of least norm. Units that no chain of overlaps links are each about a zero of their own.
    """
    levels = np.full(len(sky), np.nan)
    first, second = np.nonzero(np.triu(np.isfinite(sky) & np.isfinite(sky.T), k=1))
    if first.size == 0:
        return levels
    used, places = np.unique([first, second], return_inverse=True)
    places = places.reshape(2, -1)
    weights = 0.5 * (pixels[first, second] + pixels[second, first])
    matrix = np.zeros((first.size, used.size))
    rows = np.arange(first.size)
    matrix[rows, places[0]], matrix[rows, places[1]] = weights, -weights
    differences = weights * (sky[first, second] - sky[second, first])
    solution, _, rank, _ = np.linalg.lstsq(matrix, differences, rcond=1e-12)
    if rank < used.size - 1:
        log.warning(
            "The overlaps do not link all images: they fall into %d sets, and the sky levels of different sets are not "
            "matched to each other",
            used.size - rank,
        )
    levels[used] = solution - (solution.min() if down else solution.max())
    return levels


def units_of(groups: Sequence[object]) -> np.ndarray:
    """Number the units of images by their groups, in order of first appearance."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=int)
