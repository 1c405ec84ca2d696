"""Between a data model and the arrays of clean_flicker_noise. Source: spec clean_flicker_noise.md §3 to §6."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from jwst.clean_flicker_noise.clean_flicker_noise import Cleaner, Cleaning, Kept, clean_images, clean_ramps
from jwst.clean_flicker_noise.exposure import Options, line_axis
from jwst.clean_flicker_noise.line_medians import PIECE
from jwst.clean_flicker_noise.nsclean import SIZE, subtract_low_frequencies
from jwst.clean_flicker_noise.nsclean_subarray import Band, subtract_sections
from jwst.clean_flicker_noise.scene_mask import scene_mask
from jwst.clean_flicker_noise.tso_median_image import MedianImage, integration_scales, median_over_integrations
from stpipe.exceptions import InputError

__all__ = ["Removal", "read_mask", "reason_of_mask"]

log = logging.getLogger(__name__)

RAMP_AXES = 4


@dataclass
class Removal:
    """An exposure whose noise is removed.

    Parameters
    ----------
    model : RampModel, CubeModel or ImageModel
        With native, writable arrays.
    draft : callable
        Gives for ramps the rate of the exposure, or with True those of its integrations.
    flat : (ny, nx) ndarray of float32, optional
        Flat field without gaps.
    """

    model: Any
    draft: Callable[[bool], np.ndarray]
    flat: np.ndarray | None = None
    _rates: dict[bool, np.ndarray] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ny, nx = self.model.data.shape[-2:]
        return ny, nx

    def rate(self, integrations: bool) -> np.ndarray:
        """Rate of the exposure, or those of its integrations; the input itself if it holds rates."""
        data = self.model.data
        if data.ndim < RAMP_AXES:
            return data
        if integrations not in self._rates:
            self._rates[integrations] = self.draft(integrations)
        return self._rates[integrations]

    def flat_fielded(self, rate: np.ndarray) -> np.ndarray:
        """A rate divided by the flat, if there is one."""
        return rate if self.flat is None else rate / self.flat

    def scene(self, options: Options, excluded: np.ndarray | None) -> np.ndarray:
        """Mask of the background."""
        rate = self.flat_fielded(self.rate(not options.single_mask))
        return scene_mask(
            rate,
            excluded,
            n_sigma=options.n_sigma,
            fit_histogram=options.fit_histogram,
            single=options.single_mask,
        )

    def median_image(self) -> MedianImage | None:
        """Median over integrations; None where no integration has a rate."""
        scales = integration_scales(self.flat_fielded(self.rate(True)))
        if scales is None:
            return None
        data = self.model.data
        groups = data if data.ndim == RAMP_AXES else data[:, None]
        return MedianImage(median_over_integrations(groups), scales)

    def clean(self, mask: np.ndarray, options: Options, median: MedianImage | None, kept: Kept) -> None:
        """Remove the noise, in place."""
        self._rates.clear()
        cleaner = Cleaner(self.shape, self._cleaning(options), self.flat)
        data = self.model.data
        if data.ndim == RAMP_AXES and median is None:
            groupdq = self.model.groupdq
            clean_ramps(data, groupdq, mask, cleaner, kept)
            return
        planes = Kept(*(None if array is None else array.reshape(-1, *self.shape) for array in _arrays(kept)))
        clean_images(data.reshape(-1, *self.shape), mask, cleaner, planes, None if median is None else median.plane)

    def _cleaning(self, options: Options) -> Cleaning:
        """How single images are cleaned."""
        axis = line_axis(self.model)
        method = options.background_method
        return Cleaning(
            axis=axis,
            by_channel=options.fit_by_channel and self.shape[axis] == 4 * PIECE,
            background=None if method == "median_image" else method,
            box_size=self._box(options.background_box_size),
            n_sigma=options.n_sigma,
            fit=self._fourier() if options.fit_method == "fft" else None,
        )

    def _box(self, box: tuple[int, int] | None) -> tuple[int, int] | None:
        """Box of the model, with a warning if the image is not a whole number of boxes."""
        if box is None:
            return None
        if min(box) < 1:
            raise InputError(f"background_box_size is {list(box)}; both sides of the box must be at least 1 pixel")
        if any(side % size for side, size in zip(self.shape, box)):
            log.warning("Boxes of %s pixels do not divide the image of %s pixels", box, self.shape)
        return box

    def _fourier(self) -> Callable[[np.ndarray, np.ndarray], bool]:
        """Fit of Fourier vectors for the detector and its readout."""
        meta = self.model.meta
        detector = meta.instrument.detector
        if self.shape == (SIZE, SIZE):
            return partial(subtract_low_frequencies, detector=detector)
        return partial(subtract_sections, detector=detector, band=Band.of(meta.subarray.name))


def _arrays(kept: Kept) -> tuple[np.ndarray | None, np.ndarray | None]:
    return kept.background, kept.noise


def read_mask(model: Any) -> np.ndarray:
    """Mask of a user: True where the data of a model are not 0.

    Parameters
    ----------
    model : data model
        An image or a cube.

    Returns
    -------
    (ny, nx) or (nints, ny, nx) ndarray of bool

    Raises
    ------
    InputError
        It has no image.
    """
    data = getattr(model, "data", None)
    if data is None or data.ndim not in (2, 3):
        raise InputError("user_mask must be a file with an image or a cube in its SCI extension")
    mask = np.asarray(data) != 0
    return mask[0] if mask.ndim > 2 and len(mask) == 1 else mask


def reason_of_mask(mask: np.ndarray, shape: tuple[int, ...]) -> str:
    """Why a mask cannot be used for data of some shape; empty if it can."""
    expected = "x".join(str(side) for side in shape[-2:])
    if mask.shape[-2:] != shape[-2:]:
        return f"The mask has {'x'.join(map(str, mask.shape[-2:]))} pixels, and the data have {expected}"
    if mask.ndim > 2 and (len(shape) == 2 or len(mask) != shape[0]):
        return f"The mask has {len(mask)} integrations, and the data have {shape[0] if len(shape) > 2 else 1}"
    return ""
