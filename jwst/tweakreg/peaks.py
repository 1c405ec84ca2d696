"""Local maxima above a threshold, and star finders of photutils that use them.

photutils looks for the maxima of the whole image first, noise included, and takes those above the threshold then. Here
only pixels above the threshold are looked at; the result is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["find_peaks", "star_finder"]


def find_peaks(image: np.ndarray, threshold: float, *, radius: float, mask: np.ndarray | None = None) -> np.ndarray:
    """Find the pixels that no other pixel within a circle is brighter than.

    Parameters
    ----------
    image : (ny, nx) ndarray of float
        NaN is no peak, and no brighter neighbour either.
    threshold : float
        Peaks are brighter; not negative.
    radius : float, pixel
        A whole number.
    mask : (ny, nx) ndarray of bool, optional
        True for pixels that are no peaks; they count as neighbours.

    Returns
    -------
    (n, 2) ndarray of int
        Places x and y, in the order of rows.
    """
    bright = image > threshold
    if mask is not None:
        bright &= ~mask
    y, x = np.nonzero(bright)
    value = image[y, x]
    alive = np.ones(len(y), bool)
    for dy, dx in _circle(radius):
        rows, columns = y + dy, x + dx
        inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
        neighbour = image[np.where(inside, rows, y), np.where(inside, columns, x)]
        alive &= ~(neighbour > value)
        y, x, value, alive = y[alive], x[alive], value[alive], alive[alive]
    return np.stack([x, y], axis=1)


def _circle(radius: float) -> list[tuple[int, int]]:
    """Steps to the other pixels within a circle, the nearest first."""
    reach = int(radius)
    steps = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    return sorted((one for one in steps if 0 < np.hypot(*one) <= radius), key=lambda one: np.hypot(*one))


def star_finder(kind: Any, **options: Any) -> Any:
    """Make a star finder that looks for its peaks as `find_peaks` does.

    Parameters
    ----------
    kind : type
        `photutils.detection.IRAFStarFinder` or `DAOStarFinder`.
    **options
        Its arguments.

    Returns
    -------
    StarFinderBase
        An instance of a subclass.
    """
    usual = kind._find_stars

    def find_stars(convolved_data: np.ndarray, kernel: Any, threshold: Any, **how: Any) -> np.ndarray | None:
        radius = how.get("min_separation", 0)
        easy = np.ndim(threshold) == 0 and threshold >= 0 and radius >= 2 and radius == int(radius)
        if not easy or how.get("exclude_border"):
            return usual(convolved_data, kernel, threshold, **how)
        peaks = find_peaks(convolved_data, float(threshold), radius=radius, mask=how.get("mask"))
        return peaks if len(peaks) else None

    quick = type(kind.__name__, (kind,), {"_find_stars": staticmethod(find_stars)})
    return quick(**options)
