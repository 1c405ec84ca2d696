"""Choose parameters from the look of a rate. Source: spec clean_flicker_noise.md §9."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.clean_flicker_noise.background_level import sigma_clipped
from jwst.clean_flicker_noise.image_background import background_image, find_background, restrict
from jwst.clean_flicker_noise.line_medians import lines_size, sort_lines
from jwst.clean_flicker_noise.scene_mask import LOWER_CLIP, scene_mask
from jwst.lib.sample import ordered

__all__ = ["Choice", "ImageStatistics", "Limits", "choose", "limits_for", "mean_rate", "measure"]

CHANNEL = 512
FULL_LENGTH = 2048
N_SIGMA = 2.0

_SCATTER_CLIP = 10.0
_ROUNDS = 5


@dataclass(frozen=True)
class Choice:
    """Parameters that suit an image.

    Parameters
    ----------
    background_method : str
        "median" or "model".
    fit_by_channel : bool
    """

    background_method: str
    fit_by_channel: bool


@dataclass(frozen=True)
class Limits:
    """From where on a statistic counts as high.

    Parameters
    ----------
    masked : float
        Fraction of pixels.
    offset : float
        Between channels, DN/s.
    slope_low, slope_high : float
        DN/s per pixel.
    ratio : float
        Of the slopes along the two axes.
    scatter : float
        DN/s.
    """

    masked: float
    offset: float = 0.07
    slope_low: float = 1e-5
    slope_high: float = 1e-5
    ratio: float = 3.0
    scatter: float = 0.02


_LIMITS = {"NIRISS": Limits(masked=0.07, slope_high=1e-4, ratio=5.0), "NIRCAM": Limits(masked=0.1)}


def limits_for(instrument: str) -> Limits:
    """Limits of an instrument: NIRISS or NIRCAM."""
    return _LIMITS[instrument]


@dataclass(frozen=True)
class ImageStatistics:
    """What the choice depends on.

    Parameters
    ----------
    masked : float
        Fraction of pixels that are no background.
    offset : float
        Largest step between neighbouring channels.
    slope, ratio : float
        Larger slope along the two axes, and its ratio to the smaller one.
    scatter : float
        Of the profile about a straight line.
    """

    masked: float
    offset: float
    slope: float
    ratio: float
    scatter: float


def mean_rate(rate: np.ndarray) -> np.ndarray:
    """Mean over integrations without NaN.

    Parameters
    ----------
    rate : (ny, nx) or (nints, ny, nx) ndarray of float32

    Returns
    -------
    (ny, nx) ndarray of float32
        NaN where all are; an image comes back as it is.
    """
    if rate.ndim == 2:
        return rate
    count = np.count_nonzero(~np.isnan(rate), axis=0)
    with np.errstate(invalid="ignore"):
        return (np.nansum(rate, axis=0) / count).astype(np.float32)


def measure(rate: np.ndarray, axis: int, *, niriss: bool) -> ImageStatistics:
    """Measure a rate.

    Parameters
    ----------
    rate : (ny, nx) ndarray of float32, DN/s
        Divided by the flat.
    axis : int
        1 for one median per row, 0 for one per column.
    niriss : bool
        NIRISS, otherwise NIRCam: their amplifiers lie along different axes.

    Returns
    -------
    ImageStatistics
    """
    image = np.nan_to_num(rate, nan=0.0)
    mask = scene_mask(rate, None, n_sigma=N_SIGMA)
    _clean_lines(image, mask, axis)
    model = background_image(image, mask)
    if model is not None:
        np.copyto(image, model, where=~mask)
    ny, nx = image.shape
    per_column = image[3 * ny // 8 : 5 * ny // 8].mean(axis=0, dtype=np.float64)
    per_row = image[:, 3 * nx // 8 : 5 * nx // 8].mean(axis=1, dtype=np.float64)
    slopes = sorted(abs(np.polyfit(np.arange(len(profile)), profile, 1)[0]) for profile in (per_row, per_column))
    scattered = image[10 * ny // 12 : 11 * ny // 12].mean(axis=0, dtype=np.float64) if niriss else per_column
    return ImageStatistics(
        masked=1 - np.count_nonzero(mask) / mask.size,
        offset=_channel_offset(per_row if niriss else per_column),
        slope=slopes[1],
        ratio=slopes[1] / slopes[0] if slopes[0] > 0 else np.inf,
        scatter=_scatter(scattered),
    )


def _clean_lines(image: np.ndarray, mask: np.ndarray, axis: int) -> None:
    """Subtract the medians of lines from an image; what is clipped for them becomes False in the mask. In place."""
    found = find_background(image, mask, method="median", n_sigma=N_SIGMA, lower=LOWER_CLIP)
    restrict(mask, image, found.ranges)
    room = np.empty(lines_size((image.shape[0], image.shape[1]), axis), np.float32)
    medians = sort_lines(image, mask, axis, out=room).medians((), found.level)
    image -= found.level
    image -= medians[:, None] if axis == 1 else medians
    image += found.level


def _channel_offset(profile: np.ndarray) -> float:
    """Largest difference between the levels of neighbouring channels; 0 for subarrays."""
    if len(profile) != FULL_LENGTH:
        return 0.0
    levels = [sigma_clipped(ordered(part.astype(np.float32)))[0] for part in profile.reshape(-1, CHANNEL)]
    return float(np.abs(np.diff(levels)).max())


def _scatter(profile: np.ndarray) -> float:
    """Clipped standard deviation about a straight line."""
    x = np.arange(len(profile))
    rest = profile - np.polyval(np.polyfit(x, profile, 1), x)
    for _ in range(_ROUNDS):
        kept = rest[np.abs(rest - np.median(rest)) <= _SCATTER_CLIP * rest.std()]
        if kept.size == rest.size:
            break
        rest = kept
    return float(rest.std())


def choose(found: ImageStatistics, limits: Limits) -> Choice:
    """Choose parameters.

    Parameters
    ----------
    found : ImageStatistics
    limits : Limits

    Returns
    -------
    Choice
    """
    stepped = found.offset >= limits.offset
    if found.masked >= limits.masked:
        steep = found.slope >= (limits.slope_high if stepped else limits.slope_low)
        return Choice("model" if steep else "median", fit_by_channel=False)
    if stepped:
        return Choice("median", fit_by_channel=True)
    even = found.slope >= limits.slope_low and found.ratio < limits.ratio
    model = found.slope >= limits.slope_high or even
    return Choice("model" if model else "median", fit_by_channel=found.offset > 0 and found.scatter >= limits.scatter)
