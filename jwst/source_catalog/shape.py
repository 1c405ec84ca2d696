"""Sharpness and roundness of sources, and their nearest neighbours. Source: spec source_catalog.md, 10 and 11.

The kernel is that of DAOFIND: Stetson 1987, PASP 99, 191.
"""

from __future__ import annotations

import numpy as np

from jwst.source_catalog.cutouts import batches, gather, nearest_pixels

__all__ = ["daofind_kernel", "nearest_neighbours", "sharpness_roundness"]

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def daofind_kernel(fwhm: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel of zero sum, and the circle that it fills.

    Parameters
    ----------
    fwhm : float, pixels
        Of a star.

    Returns
    -------
    kernel : (size, size) ndarray of float64
        0 outside of the circle.
    circle : (size, size) ndarray of bool
    """
    sigma = fwhm / _FWHM_PER_SIGMA
    half = max(2.0, 1.5 * sigma)
    steps = np.arange(-int(half), int(half) + 1)
    rho2 = np.square(steps)[:, None] + np.square(steps)[None, :]
    circle = np.sqrt(rho2) <= half
    star = np.exp(-rho2 / (2.0 * sigma**2)) * circle
    count = circle.sum()
    norm = np.square(star).sum() - star.sum() ** 2 / count
    return (star - star.sum() / count) / norm * circle, circle


def sharpness_roundness(image: np.ndarray, positions: np.ndarray, fwhm: float) -> tuple[np.ndarray, np.ndarray]:
    """Sharpness and roundness of sources as DAOFIND defines them; independent of the unit of the image.

    Parameters
    ----------
    image : (ny, nx) ndarray of float
    positions : (n, 2) ndarray of float64, pixels
        x, y of the centres, 0-based and finite.
    fwhm : float, pixels
        Of a star.

    Returns
    -------
    sharpness, roundness : (n,) ndarray of float64
        NaN where a pixel that counts is NaN, or where the convolved image is 0.

    Notes
    -----
    The image is convolved only where it is needed, within the cut-outs.
    """
    kernel, circle = daofind_kernel(fwhm)
    half = kernel.shape[0] // 2
    wide = np.arange(-2 * half, 2 * half + 1)
    sharpness, roundness = np.empty((2, len(positions)))
    for part in batches(len(positions), wide.size**2):
        columns = nearest_pixels(positions[part, 0])[:, None] + wide
        rows = nearest_pixels(positions[part, 1])[:, None] + wide
        values, inside = gather(image, rows[:, :, None], columns[:, None, :])
        convolved = _convolved(values, kernel) * inside[:, half:-half, half:-half]
        sharpness[part] = _sharpness(values[:, half:-half, half:-half], convolved, circle)
        roundness[part] = _roundness(convolved)
    return sharpness, roundness


def _convolved(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve each cut-out; what comes out is smaller by the size of the kernel."""
    size = kernel.shape[0]
    out = values.shape[1] - size + 1
    result = np.zeros((len(values), out, out))
    for (row, column), factor in np.ndenumerate(kernel[::-1, ::-1]):
        if factor:
            result += factor * values[:, row : row + out, column : column + out]
    return result


def _sharpness(values: np.ndarray, convolved: np.ndarray, circle: np.ndarray) -> np.ndarray:
    """Excess of the central pixel over the mean of the others, in units of the convolved peak."""
    centre = circle.shape[0] // 2
    peak = values[:, centre, centre]
    others = np.where(circle, values, 0.0).sum(axis=(1, 2)) - peak
    return _ratio(peak - others / (circle.sum() - 1), convolved[:, centre, centre])


def _roundness(convolved: np.ndarray) -> np.ndarray:
    """Twice the difference between the quadrants, as a part of the whole; 0 for a round source."""
    c = convolved.shape[1] // 2
    around = convolved.copy()
    around[:, c, c] = 0.0
    quadrants = (
        (-1.0, around[:, : c + 1, c + 1 :]),
        (1.0, around[:, :c, : c + 1]),
        (-1.0, around[:, c:, :c]),
        (1.0, around[:, c + 1 :, c:]),
    )
    difference = sum(sign * part.sum(axis=(1, 2)) for sign, part in quadrants)
    return _ratio(2.0 * np.asarray(difference), np.abs(around).sum(axis=(1, 2)))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator != 0)


def nearest_neighbours(labels: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other source of each source.

    Parameters
    ----------
    labels : (n,) ndarray of int
    positions : (n, 2) ndarray of float64, pixels
        Those that are not finite are nobody's neighbours.

    Returns
    -------
    labels : (n,) ndarray of int
        -1 where there is no neighbour.
    distances : (n,) ndarray of float64, pixels
        NaN where there is no neighbour.
    """
    near, distances = np.full(len(labels), -1, dtype=np.asarray(labels).dtype), np.full(len(labels), np.nan)
    placed = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if placed.size > 1:
        from scipy.spatial import KDTree

        found, index = KDTree(positions[placed]).query(positions[placed], k=[2])
        near[placed], distances[placed] = np.asarray(labels)[placed[index[:, 0]]], found[:, 0]
    return near, distances
