"""Average of background exposures, with clipping of outliers: arrays in, arrays out.

Source: spec background.md §A.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Clipping", "average_of_integrations", "average_of_stack", "bands"]

BAND = 1 << 18
"""Samples of one piece of a stack."""

_TWO_NEVER_CLIPPED = 1.001


@dataclass(frozen=True)
class Clipping:
    """How outliers are found.

    Parameters
    ----------
    sigma : float
        Standard deviations from the median, on both sides.
    maxiters : int or None
        Repetitions; None until nothing changes.
    """

    sigma: float = 3.0
    maxiters: int | None = None

    def keep(self, stack: np.ndarray) -> np.ndarray:
        """Find what is kept of a stack.

        Parameters
        ----------
        stack : (n, ...) ndarray

        Returns
        -------
        ndarray of bool
            False for outliers along the first axis, and for values that are not finite.
        """
        if len(stack) == 1 or (len(stack) == 2 and self.sigma > _TWO_NEVER_CLIPPED):
            return np.isfinite(stack)  # two values are each one sigma from their median
        from astropy.stats import sigma_clip

        with np.errstate(invalid="ignore"):
            clipped = sigma_clip(_without_infinities(stack), sigma=self.sigma, maxiters=self.maxiters, axis=0)
        return ~np.ma.getmaskarray(clipped)


def average_of_stack(
    stack: np.ndarray, variances: np.ndarray | None, clipping: Clipping
) -> tuple[np.ndarray, np.ndarray | None]:
    """Average a stack over its first axis.

    Parameters
    ----------
    stack : (n, ny, nx) ndarray of float64
    variances : (n, ny, nx) ndarray of float64 or None
        Squared errors.
    clipping : Clipping

    Returns
    -------
    mean : (ny, nx) ndarray of float64
        0 where nothing is left.
    error : (ny, nx) ndarray of float64 or None
        Error of the mean; 0 where nothing is left.
    """
    keep = clipping.keep(stack)
    count = np.count_nonzero(keep, axis=0)
    divisor = np.maximum(count, 1)
    mean = np.sum(stack, axis=0, where=keep) / divisor
    if variances is None:
        return mean, None
    kept = keep & np.isfinite(variances)
    return mean, np.sqrt(np.sum(variances, axis=0, where=kept)) / divisor


def average_of_integrations(cube: np.ndarray, clipping: Clipping) -> np.ndarray:
    """Average the integrations of an exposure.

    Parameters
    ----------
    cube : (nints, ny, nx) ndarray of float32
        Added up as float32.
    clipping : Clipping

    Returns
    -------
    (ny, nx) ndarray of float64
        NaN where nothing is left.
    """
    keep = clipping.keep(cube)
    count = np.count_nonzero(keep, axis=0)
    mean = np.sum(cube, axis=0, where=keep) / np.maximum(count, 1)
    mean[count == 0] = np.nan
    return mean


def bands(shape: tuple[int, int], depth: int) -> Iterator[slice]:
    """Rows that are worked on at one time.

    Parameters
    ----------
    shape : (ny, nx)
    depth : int
        Images of the stack.

    Yields
    ------
    slice
    """
    ny, nx = shape
    rows = max(1, BAND // max(1, nx * depth))
    for start in range(0, ny, rows):
        yield slice(start, min(start + rows, ny))


def _without_infinities(stack: np.ndarray) -> np.ndarray:
    """A masked array where values that are not finite are masked, so that no warning comes of them."""
    return np.ma.masked_invalid(stack, copy=False)
