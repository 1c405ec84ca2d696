"""Remove flicker noise from ramps and rates: arrays in, arrays out. Source: spec clean_flicker_noise.md §4.

One image at a time: the difference of two groups, or a rate. Its background is taken off, the noise is fitted to what
is left of the background pixels and subtracted, and the background is put back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from jwst.clean_flicker_noise.image_background import find_background, restrict, subtract_model
from jwst.clean_flicker_noise.line_medians import CHANNELS, lines_size, sort_lines
from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET

__all__ = ["Cleaner", "Cleaning", "Kept", "clean_images", "clean_ramps"]

log = logging.getLogger(__name__)

BAND = 1 << 16
_UNUSABLE = np.uint8(DO_NOT_USE | JUMP_DET)


@dataclass(frozen=True)
class Cleaning:
    """How images are cleaned.

    Parameters
    ----------
    axis : int
        Along which the medians are taken: 1 for one per row, 0 for one per column.
    by_channel : bool
        Medians of each amplifier by itself.
    background : str or None
        "median", "model" or None.
    box_size : (int, int), optional
        Boxes of the model, y and x; by default the largest divisors of the sides up to 32.
    n_sigma : float
        Clip of the background, if there is one; 0 or less for none.
    fit : callable, optional
        Subtracts the noise from an image with a mask, in place, where no medians are wanted. False if it could not, and
        left the image as it was.
    """

    axis: int = 1
    by_channel: bool = False
    background: str | None = "median"
    box_size: tuple[int, int] | None = None
    n_sigma: float = 2.0
    fit: Callable[[np.ndarray, np.ndarray], bool] | None = None


@dataclass(frozen=True)
class Kept:
    """Arrays of the shape of the data that receive what was removed; of zeros at first.

    Parameters
    ----------
    background : ndarray of float32, optional
    noise : ndarray of float32, optional
        Output less input.
    """

    background: np.ndarray | None = None
    noise: np.ndarray | None = None


@dataclass
class Cleaner:
    """Cleans images of one shape, in place, with room for its work.

    Parameters
    ----------
    shape : (int, int)
    cleaning : Cleaning
    flat : (ny, nx) ndarray of float32, optional
        Flat field, finite and not 0.

    Attributes
    ----------
    image : (ny, nx) ndarray of float32, C-contiguous
        The image to clean; none at first.
    mask : (ny, nx) ndarray of bool
        Its mask: True for background.
    """

    shape: tuple[int, int]
    cleaning: Cleaning
    flat: np.ndarray | None = None
    image: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32), init=False, repr=False)
    mask: np.ndarray = field(init=False, repr=False)
    _lines: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.mask = np.empty(self.shape, bool)
        size = 0 if self.cleaning.fit is not None else lines_size(self.shape, self.cleaning.axis)
        self._lines = np.empty(size, np.float32)

    def clean(self) -> np.float32 | np.ndarray | None:
        """Clean `image` in place; `mask` is changed too.

        Returns
        -------
        np.float32, (ny, nx) ndarray of float32, or None
            The background under the noise, in units of the image over the flat; None where nothing could be done.
        """
        missing = self._without_invalid()
        background = None
        if self.mask.any():
            if self.flat is not None:
                self.image /= self.flat
            background = self._clean_finite()
            if self.flat is not None:
                self.image *= self.flat
        self.image.reshape(-1)[missing] = np.nan
        return background

    def _without_invalid(self) -> np.ndarray:
        """Take NaN and infinity out of the mask, set NaN to 0, and return where it was."""
        found = []
        for band in _bands(self.image.size):
            image, mask = self.image.reshape(-1)[band], self.mask.reshape(-1)[band]
            finite = np.isfinite(image)
            if not finite.all():
                mask &= finite
                index = np.flatnonzero(np.isnan(image))
                image[index] = 0
                found.append(index + band.start)
        return np.concatenate(found) if found else np.empty(0, np.intp)

    def _clean_finite(self) -> np.float32 | np.ndarray | None:
        """Clean an image without NaN."""
        cleaning, model = self.cleaning, None
        if cleaning.background == "model":
            model = subtract_model(self.image, self.mask, cleaning.box_size)
            if model is None:
                return None
        found = find_background(self.image, self.mask, method=cleaning.background, n_sigma=cleaning.n_sigma)
        background = found.level if model is None else model
        if cleaning.fit is not None:
            restrict(self.mask, self.image, found.ranges)
            if found.level:
                self.image -= found.level
            done = cleaning.fit(self.image, self.mask)
            self.image += background
            return background if done else None
        lines = sort_lines(self.image, self.mask, cleaning.axis, out=self._lines, by_channel=cleaning.by_channel)
        self._subtract(lines.medians(found.ranges, found.level), found.level, background)
        return background

    def _subtract(self, medians: np.ndarray, level: np.float32, background: np.float32 | np.ndarray) -> None:
        """Subtract the level and the medians of lines from the image, and add the background."""
        ny, nx = self.shape
        channels = CHANNELS if self.cleaning.by_channel else 1
        across = self.cleaning.axis == 1
        noise = medians.reshape(ny, channels, 1) if across else medians.reshape(nx, channels)
        for band in _bands(ny, nx):
            image = self.image[band]
            image -= level
            if across:
                blocks = image.reshape(len(image), channels, -1)
                blocks -= noise[band]
            else:
                image -= noise[:, np.arange(band.start, band.start + len(image)) * channels // ny].T
            image += background[band] if isinstance(background, np.ndarray) else background


def clean_ramps(data: np.ndarray, groupdq: np.ndarray, mask: np.ndarray, cleaner: Cleaner, kept: Kept) -> None:
    """Clean the differences of groups.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Updated in place; the first group stays as it is.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Pixels that are DO_NOT_USE or JUMP_DET in the later group of a difference take no part in its fit.
    mask : (ny, nx) or (nints, ny, nx) ndarray of bool
        True for background.
    cleaner : Cleaner
    kept : Kept
    """
    cleaner.image = np.empty(cleaner.shape, np.float32)
    for integration, (ramp, flags) in enumerate(zip(data, groupdq)):
        scene = mask if mask.ndim == 2 else mask[integration]
        before = ramp[0].copy()
        _keep(kept, (integration, 0), None, (before, before))
        for group in range(1, len(ramp)):
            for band in _bands(*cleaner.shape):
                np.subtract(ramp[group, band], before[band], out=cleaner.image[band])
                np.copyto(before[band], ramp[group, band])
                np.equal(flags[group, band] & _UNUSABLE, 0, out=cleaner.mask[band])
                cleaner.mask[band] &= scene[band]
            background = cleaner.clean()
            if background is None:
                log.warning("No usable background in integration %d, group %d; left as it is", integration + 1, group)
            np.add(ramp[group - 1], cleaner.image, out=ramp[group])
            _keep(kept, (integration, group), background, (ramp[group], before))


def clean_images(
    data: np.ndarray, mask: np.ndarray, cleaner: Cleaner, kept: Kept, base: Callable[[int], np.ndarray] | None = None
) -> None:
    """Clean images one by one.

    Parameters
    ----------
    data : (n, ny, nx) ndarray of float32
        Updated in place.
    mask : (ny, nx) or (m, ny, nx) ndarray of bool
        True for background; m divides n, and n / m images in turn have the same mask.
    cleaner : Cleaner
    kept : Kept
    base : callable, optional
        Gives for the number of an image what to subtract before and to add afterwards, as the background.
    """
    for index, image in enumerate(data):
        under = base(index) if base is not None else None
        before = image.copy() if under is not None or kept.noise is not None else image
        cleaner.image = image
        if under is not None:
            image -= under
        np.copyto(cleaner.mask, mask if mask.ndim == 2 else mask[index * len(mask) // len(data)])
        background = cleaner.clean()
        if background is None:
            log.warning("No usable background in image %d; left as it is", index + 1)
            np.copyto(image, before)
        elif under is not None:
            image += under
        _keep(kept, index, background if under is None else under, (image, before))


def _keep(
    kept: Kept,
    index: int | tuple[int, int],
    background: np.float32 | np.ndarray | None,
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    """Keep what was removed from an image, given the output and the input."""
    if kept.background is not None and background is not None:
        kept.background[index] = background
    if kept.noise is not None:
        np.subtract(*images, out=kept.noise[index])


def _bands(length: int, width: int = 1) -> Iterator[slice]:
    """Slices of rows that fit the cache."""
    step = max(1, BAND // width)
    for first in range(0, length, step):
        yield slice(first, min(first + step, length))
