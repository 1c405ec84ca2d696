"""Photometry in circles and rings around many positions at once. Source: spec source_catalog.md, 5 and 6.

The part of a pixel inside a circle is exact: it is the alternating sum, over the corners of the pixel, of the area of
the disc to the lower left of the corner, which has a closed form.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from jwst.source_catalog.cutouts import batches, gather, nearest_pixels

__all__ = ["circle_overlap", "circle_sums", "ring_background"]


def circle_sums(
    image: np.ndarray, error: np.ndarray, *, positions: np.ndarray, radii: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Sum an image in circles; a pixel counts by the part of it that is inside.

    Parameters
    ----------
    image, error : (ny, nx) ndarray of float
        Values and their standard deviations.
    positions : (n, 2) ndarray of float64, pixels
        x, y of the centres, 0-based and finite.
    radii : sequence of float, pixels
        k of them.

    Returns
    -------
    sums, errors : (n, k) ndarray of float64
        NaN where a pixel that counts is NaN, or where no pixel of the circle is in the image.
    """
    half = int(np.ceil(max(radii) + 0.5))
    steps = np.arange(-half, half + 1)
    sums, errors = np.empty((2, len(positions), len(radii)))
    for part in batches(len(positions), steps.size**2):
        x, y = positions[part, 0], positions[part, 1]
        columns, rows = nearest_pixels(x)[:, None] + steps, nearest_pixels(y)[:, None] + steps
        values, inside = gather(image, rows[:, :, None], columns[:, None, :])
        variances = np.square(gather(error, rows[:, :, None], columns[:, None, :])[0])
        for index, radius in enumerate(radii):
            weights = circle_overlap(columns - x[:, None], rows - y[:, None], radius)
            weights[~inside] = 0.0
            used = weights > 0
            seen = used.any(axis=(1, 2))
            sums[part, index] = np.where(seen, _weighted(values, weights, used), np.nan)
            errors[part, index] = np.where(seen, np.sqrt(_weighted(variances, weights, used)), np.nan)
    return sums, errors


def _weighted(values: np.ndarray, weights: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Weighted sum of each cut-out; values without weight do not count even if they are NaN."""
    return np.einsum("nij,nij->n", np.where(used, values, 0.0), weights)


def circle_overlap(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    """Part of each pixel that is inside a circle.

    Parameters
    ----------
    dx : (n, kx) ndarray of float64, pixels
        Distance of the centres of consecutive columns from the centre of the circle.
    dy : (n, ky) ndarray of float64, pixels
        The same of rows.
    radius : float, pixels

    Returns
    -------
    (n, ky, kx) ndarray of float64
        0 to 1.
    """
    lower_left = _area_below(_edges(dx)[:, None, :], _edges(dy)[:, :, None], radius)
    overlap = np.diff(np.diff(lower_left, axis=1), axis=2)
    outside = np.hypot(_nearest_edge(dx)[:, None, :], _nearest_edge(dy)[:, :, None]) >= radius
    overlap[outside] = 0.0
    return np.clip(overlap, 0.0, 1.0, out=overlap)


def _edges(centres: np.ndarray) -> np.ndarray:
    return np.concatenate((centres - 0.5, centres[:, -1:] + 0.5), axis=1)


def _nearest_edge(centres: np.ndarray) -> np.ndarray:
    """Distance from 0 of the nearest point of each pixel, along one axis."""
    return np.maximum(np.abs(centres) - 0.5, 0.0)


def _area_below(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Area of the part of a disc around 0 that has coordinates below x and below y."""
    x, y = np.clip(x, -radius, radius), np.clip(y, -radius, radius)
    half_x, half_y = _half_segment(x, radius), _half_segment(y, radius)
    quarter = 0.25 * np.pi * radius**2
    inside = x * y + half_x + half_y + quarter
    whole_x, whole_y = 2.0 * half_x + 2.0 * quarter, 2.0 * half_y + 2.0 * quarter
    beyond = (
        np.where(x > 0, whole_y, 0.0) + np.where(y > 0, whole_x, 0.0) - np.where((x > 0) & (y > 0), 4 * quarter, 0.0)
    )
    return np.where(x * x + y * y < radius * radius, inside, beyond)


def _half_segment(t: np.ndarray, radius: float) -> np.ndarray:
    """Half the area of a disc between 0 and t."""
    root = np.sqrt(np.maximum(radius * radius - t * t, 0.0))
    return 0.5 * (t * root + radius * radius * np.arcsin(t / radius))


def ring_background(
    image: np.ndarray, *, positions: np.ndarray, inner: float, outer: float
) -> tuple[np.ndarray, np.ndarray]:
    """Median of the pixels whose centres are in a ring, after clipping, and its error.

    Parameters
    ----------
    image : (ny, nx) ndarray of float
    positions : (n, 2) ndarray of float64, pixels
        x, y of the centres, 0-based and finite.
    inner, outer : float, pixels
        Radii.

    Returns
    -------
    median, error : (n,) ndarray of float64
        Per pixel. Clipped at 3 sigma around the median, five times at most; the error is
        ``sqrt(pi / (2 n)) * std`` of the n pixels left. NaN where none is left.
    """
    down, right = _ring_pixels(inner, outer)
    median, error = np.empty((2, len(positions)))
    for part in batches(len(positions), down.size):
        x, y = positions[part, 0:1], positions[part, 1:2]
        columns, rows = nearest_pixels(x) + right, nearest_pixels(y) + down
        values, inside = gather(image, rows, columns)
        distance2 = np.square(columns - x) + np.square(rows - y)
        values[~inside | (distance2 >= outer * outer) | (distance2 < inner * inner)] = np.nan
        median[part], error[part] = _clipped_median(values)
    return median, error


def _ring_pixels(inner: float, outer: float) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, from the central pixel, of all pixels that can be in a ring."""
    half = int(np.ceil(outer + 0.5))
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    distance, margin = np.hypot(rows, columns), np.sqrt(0.5)
    possible = (distance <= outer + margin) & (distance >= inner - margin)
    return rows[possible], columns[possible]


def _clipped_median(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median of each row and its error, NaN left out."""
    from astropy.stats import SigmaClip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = SigmaClip(sigma=3.0)(values, axis=1, masked=False)
        spread = np.nanstd(kept, axis=1)
    count = np.isfinite(kept).sum(axis=1)
    kept.sort(axis=1)  # NaN come last
    every = np.arange(len(kept))
    middle = kept[every, np.maximum(count - 1, 0) // 2], kept[every, np.minimum(count // 2, kept.shape[1] - 1)]
    median = np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)
    return median, np.sqrt(np.pi / (2.0 * np.maximum(count, 1))) * spread
