"""The background of one image, and which of its values are background. Source: spec clean_flicker_noise.md §4, §7."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

import numpy as np

from jwst.clean_flicker_noise.background_level import EVERYTHING, Bounds, background_bounds
from jwst.clean_flicker_noise.background_mesh import MeshError, background_model
from jwst.clean_flicker_noise.line_medians import Range
from jwst.lib.sample import OrderedSample, with_sample

__all__ = ["Background", "background_image", "find_background", "restrict", "subtract_model"]

log = logging.getLogger(__name__)

BACKGROUND_CLIP = 3.0
"""Width of the clip, below and above, before the background is measured, sigma."""

_BAND = 1 << 16


@dataclass(frozen=True)
class Background:
    """What an image has below its noise.

    Parameters
    ----------
    level : np.float32
        Constant background, still in the image.
    ranges : tuple of Range
        Values of the image that are background.
    """

    level: np.float32 = np.float32(0)
    ranges: tuple[Range, ...] = ()


def find_background(
    image: np.ndarray, mask: np.ndarray, *, method: str | None, n_sigma: float, lower: float | None = None
) -> Background:
    """Measure a constant background, and clip what differs from it; without a background nothing is clipped.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32
    mask : (ny, nx) ndarray of bool
        True for background.
    method : str or None
        "median"; "model" for an image from which the background has been subtracted; None.
    n_sigma : float
        Clip above; 0 or less for none.
    lower : float, optional
        Clip below, where it differs.

    Returns
    -------
    Background
    """
    if method == "median":
        return with_sample(image, mask, partial(_level_and_rest, n_sigma=n_sigma, lower=lower))
    if method is not None and n_sigma > 0:
        return with_sample(image, mask, lambda sample: Background(ranges=(Range(_clip(sample, n_sigma)),)))
    return Background()


def subtract_model(image: np.ndarray, mask: np.ndarray, box: tuple[int, int] | None) -> np.ndarray | None:
    """Subtract a smooth background from an image, in place.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32
        Updated in place.
    mask : (ny, nx) ndarray of bool
        Pixels that are clipped before the background is modelled become False.
    box : (int, int), optional
        Size of the boxes, y and x.

    Returns
    -------
    (ny, nx) ndarray of float32 or None
        What was subtracted: its median, everywhere, where there is no model; None where there is no background.
    """
    model = background_image(image, mask, box)
    if model is not None:
        np.subtract(image, model, out=image)
    return model


def background_image(image: np.ndarray, mask: np.ndarray, box: tuple[int, int] | None = None) -> np.ndarray | None:
    """Model the background; see `subtract_model`. The image stays as it is."""
    clip = with_sample(image, mask, lambda sample: _clip(sample, BACKGROUND_CLIP))
    restrict(mask, image, (Range(clip),))
    if not mask.any():
        return None
    try:
        return background_model(image, mask, box)
    except MeshError as error:
        log.error("%s. The median is used instead", error)
        return np.full(image.shape, with_sample(image, mask, lambda sample: _median(sample, (0, sample.count))))


def restrict(mask: np.ndarray, image: np.ndarray, ranges: tuple[Range, ...]) -> None:
    """Clear a mask, in place, where the image is outside of any of some ranges."""
    for first in range(0, image.size, _BAND):
        inside, values = mask.reshape(-1)[first:][:_BAND], image.reshape(-1)[first:][:_BAND]
        for wanted in ranges:
            inside &= wanted.bounds.within(values - wanted.shift if wanted.shift else values)


def _clip(sample: OrderedSample, n_sigma: float, lower: float | None = None) -> Bounds:
    return background_bounds(sample, n_sigma if lower is None else lower, n_sigma) if n_sigma > 0 else EVERYTHING


def _median(sample: OrderedSample, ranks: tuple[int, int]) -> np.float32:
    low, high = sample.middle(*ranks)
    return np.float32((low + high) / np.float32(2))


def _level_and_rest(sample: OrderedSample, n_sigma: float, lower: float | None) -> Background:
    """Median of the clipped image, and the clip of what is left without it."""
    clip = _clip(sample, BACKGROUND_CLIP)
    ranks = clip.ranks(sample)
    if ranks[1] <= ranks[0]:
        return Background(ranges=(Range(clip),))
    level = _median(sample, ranks)
    rest = _clip(sample.shifted(*ranks, level), n_sigma, lower)
    return Background(level, (Range(clip), Range(rest, level)))
