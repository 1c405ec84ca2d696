"""Which pixels of a rate are background. Source: spec clean_flicker_noise.md §5, §7.1."""

from __future__ import annotations

import math

import numpy as np

from jwst.clean_flicker_noise.background_level import Bounds, sigma_clipped
from jwst.clean_flicker_noise.image_background import restrict
from jwst.clean_flicker_noise.line_medians import Range
from jwst.lib.sample import OrderedSample, with_sample

__all__ = ["LOWER_CLIP", "clip_scene", "scene_bounds", "scene_mask"]

LOWER_CLIP = 3.0
"""Width of the clip below the background, sigma."""

HISTOGRAM_BINS = 2000
HISTOGRAM_WIDTH = 4.0


def scene_mask(
    rate: np.ndarray, excluded: np.ndarray | None, *, n_sigma: float, fit_histogram: bool = False, single: bool = True
) -> np.ndarray:
    """Find the background of a rate.

    Parameters
    ----------
    rate : (ny, nx) or (nints, ny, nx) ndarray of float32
        Divided by the flat, if one is used.
    excluded : ndarray of bool, optional
        True for pixels of science regions; of the shape of the rate, or (ny, nx).
    n_sigma : float
        Clip above the background; 0 or less for none.
    fit_histogram : bool
        Take centre and width of the background from a Gaussian that is fitted to its histogram.
    single : bool
        Only what is background in all integrations.

    Returns
    -------
    (ny, nx) or (nints, ny, nx) ndarray of bool
        True for background.
    """
    mask = np.isfinite(rate)
    mask &= rate != 0
    if excluded is not None:
        mask &= ~excluded
    if n_sigma > 0:
        for plane, inside in zip(np.atleast_3d(rate.T).T, np.atleast_3d(mask.T).T):
            clip_scene(plane, inside, n_sigma=n_sigma, fit_histogram=fit_histogram)
    return mask.all(axis=0) if single and mask.ndim > 2 else mask


def clip_scene(plane: np.ndarray, mask: np.ndarray, *, n_sigma: float, fit_histogram: bool = False) -> None:
    """Clear a mask, in place, where an image is not background; see `scene_mask`."""
    plane, inside = np.ascontiguousarray(plane), np.ascontiguousarray(mask)
    if not inside.any():
        return
    bounds = scene_bounds(plane, inside, n_sigma=n_sigma, fit_histogram=fit_histogram)
    if not bounds.empty:
        restrict(inside, plane, (Range(bounds),))
        mask[...] = inside


def scene_bounds(image: np.ndarray, mask: np.ndarray, *, n_sigma: float, fit_histogram: bool) -> Bounds:
    """Range of values that are background, three sigma below and ``n_sigma`` above their centre."""

    def measure(sample: OrderedSample) -> tuple[float, float]:
        mean, median, deviation = sigma_clipped(sample)
        return (mean if fit_histogram else median), deviation

    centre, deviation = with_sample(image, mask, measure)
    if fit_histogram:
        centre, deviation = _fitted(image[mask], centre, deviation)
    return Bounds(centre - LOWER_CLIP * deviation, centre + n_sigma * deviation)


def _fitted(values: np.ndarray, centre: float, deviation: float) -> tuple[float, float]:
    """Centre and width of a Gaussian fitted to the histogram of some values; what they were if that fails."""
    if not (math.isfinite(deviation) and deviation > 0):
        return centre, deviation
    from scipy.optimize import curve_fit

    limits = centre - HISTOGRAM_WIDTH * deviation, centre + HISTOGRAM_WIDTH * deviation
    counts, edges = np.histogram(values, bins=HISTOGRAM_BINS, range=limits)
    middles = (edges[:-1] + edges[1:]) / 2
    start = [counts.max(), middles[np.argmax(counts)], deviation]
    try:
        (_, mean, width), _ = curve_fit(
            _gaussian, middles, counts, p0=start, bounds=([0, limits[0], 0], [np.inf, limits[1], np.inf])
        )
    except (RuntimeError, ValueError):
        return centre, deviation
    return float(mean), float(width)


def _gaussian(x: np.ndarray, height: float, mean: float, width: float) -> np.ndarray:
    return height * np.exp(-0.5 * ((x - mean) / width) ** 2)
