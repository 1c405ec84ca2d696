"""Side signal by optimised convolution kernels (SIRS). Source: spec refpix.md §B."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jwst.lib.orientation import FULL_SIZE, Orientation, Placement
from jwst.refpix.reference_pixels import RefPixSettings, amplifier_offsets, correct_four_outputs
from stpipe.exceptions import InputError

__all__ = ["SirsKernels", "SirsSettings", "correct_with_kernels", "sirs_kernels", "sirs_signal", "subtract_sirs"]

_BORDER = 4
_CHANNELS = 4
_FIRST, _LAST = slice(0, _BORDER), slice(FULL_SIZE - _BORDER, FULL_SIZE)
_WIDTH = FULL_SIZE // _CHANNELS
_BATCH = 16
_TILE_ROWS = 64
_MAD_TO_SIGMA = 1.48


@dataclass(frozen=True)
class SirsSettings:
    """How kernels are made and outliers found.

    Parameters
    ----------
    sigreject : float
        Limit of outliers among the reference pixels, in standard deviations.
    gaussmooth : float
        Standard deviation of the Gaussian that smooths the kernels, in pixels.
    halfwidth : int
        Half width of the kernels, in pixels.
    """

    sigreject: float = 4.0
    gaussmooth: float = 1.0
    halfwidth: int = 30


@dataclass(frozen=True, eq=False)
class SirsKernels:
    """Kernels of a detector.

    Parameters
    ----------
    left, right : (4, 2 * halfwidth + 1) ndarrays of float64
        For the reference columns at the two sides, per channel.
    """

    left: np.ndarray
    right: np.ndarray


def sirs_kernels(gamma: np.ndarray, zeta: np.ndarray, settings: SirsSettings) -> SirsKernels:
    """Make kernels of the coefficients of a reference.

    Parameters
    ----------
    gamma, zeta : (4, nf) ndarrays of complex128
        Fourier coefficients at the frequencies of ``numpy.fft.rfft``, for the left and the right columns.
    settings : SirsSettings

    Returns
    -------
    SirsKernels

    Raises
    ------
    InputError
        The coefficients have another shape, or are too few for kernels of this width.
    """
    half = settings.halfwidth
    if settings.gaussmooth <= 0 or half < 0:
        raise InputError(
            f"gaussmooth={settings.gaussmooth} and halfwidth={half}: kernels need gaussmooth > 0 and halfwidth >= 0"
        )
    x = np.arange(-half, half + 1)
    gauss = np.exp(-(x**2) / (2 * settings.gaussmooth**2))
    gauss /= gauss.sum()
    return SirsKernels(*(_smooth_kernels(np.asarray(values), gauss) for values in (gamma, zeta)))


def _smooth_kernels(values: np.ndarray, gauss: np.ndarray) -> np.ndarray:
    """The middle of the inverse transforms, convolved with a Gaussian."""
    half = len(gauss) // 2
    if values.ndim != 2 or values.shape[0] != _CHANNELS or values.shape[1] - 1 <= half:
        raise InputError(
            f"SIRS coefficients have the shape {values.shape}; {_CHANNELS} channels of more than halfwidth + 1 = "
            f"{half + 1} frequencies are needed"
        )
    centre = values.shape[1] - 1
    kernels = np.fft.fftshift(np.fft.irfft(values, axis=1), axes=1)[:, centre - half : centre + half + 1]
    return np.array([np.convolve(kernel, gauss, mode="same") for kernel in kernels])


def sirs_signal(left: np.ndarray, right: np.ndarray, kernels: SirsKernels, sigreject: float) -> np.ndarray:
    """Estimate the signal of each row and channel from the reference columns.

    Parameters
    ----------
    left, right : (nplanes, 2048, 4) ndarrays of float32, DN
        Reference columns, without the offsets of the amplifiers.
    kernels : SirsKernels
    sigreject : float
        Limit of outliers, in standard deviations; they are left out of the convolution.

    Returns
    -------
    (nplanes, 4, 2048) ndarray of float64, DN
    """
    from scipy.ndimage import convolve1d

    total = np.zeros((len(left), _CHANNELS, left.shape[1]))
    for block, side in ((left, kernels.left), (right, kernels.right)):
        rows, weight = _row_means(block.astype(np.float64), sigreject)
        whole = bool((weight == 1).all())
        for channel, kernel in enumerate(side):
            signal = convolve1d(rows, kernel, axis=-1, mode="constant")
            if not whole:
                with np.errstate(divide="ignore", invalid="ignore"):
                    signal *= convolve1d(np.ones(rows.shape[-1]), kernel, mode="constant")
                    signal /= convolve1d(weight, kernel, axis=-1, mode="constant")
            total[:, channel] += signal
    return total


def _row_means(block: np.ndarray, sigreject: float) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the good pixels of each row over its number of pixels, and the part of them that is good."""
    middle = np.median(block, axis=(1, 2), keepdims=True)
    distance = np.abs(block - middle)
    sigma = _MAD_TO_SIGMA * np.median(distance, axis=(1, 2), keepdims=True)
    good = distance <= sigreject * sigma
    return (block * good).mean(axis=-1), good.mean(axis=-1)


@np.errstate(invalid="ignore")
def subtract_sirs(
    planes: np.ndarray,
    orientation: Orientation,
    kernels: SirsKernels,
    sigreject: float,
    *,
    offsets: np.ndarray | None = None,
) -> None:
    """Subtract the side signal from full frames.

    Parameters
    ----------
    planes : (nplanes, 2048, 2048) ndarray of float32, DN
        In science orientation. Updated in place.
    orientation : Orientation
    kernels : SirsKernels
    sigreject : float
        Limit of outliers, in standard deviations.
    offsets : (nplanes, 2048) ndarray of float64, DN, optional
        Of every detector column; subtracted too, with no rounding between the two.
    """
    for start in range(0, len(planes), _BATCH):
        block = orientation.to_detector(planes[start : start + _BATCH])
        level = np.zeros((len(block), FULL_SIZE)) if offsets is None else offsets[start : start + _BATCH]
        left, right = (block[..., side] - level[:, None, side] for side in (_FIRST, _LAST))
        for plane, shift, values in zip(block, level, sirs_signal(left, right, kernels, sigreject)):
            for channel, rows in enumerate(values):
                columns = slice(_WIDTH * channel, _WIDTH * (channel + 1))
                _subtract_channel(plane[:, columns], shift[columns], rows)


def _subtract_channel(part: np.ndarray, shift: np.ndarray, rows: np.ndarray) -> None:
    """Subtract a value per column and a value per row, in double precision."""
    for first in range(0, FULL_SIZE, _TILE_ROWS):
        tile = part[first : first + _TILE_ROWS]
        exact = tile - shift
        np.subtract(exact, rows[first : first + _TILE_ROWS, None], out=tile, casting="same_kind")


def correct_with_kernels(
    planes: np.ndarray,
    pixeldq: np.ndarray,
    *,
    placement: Placement,
    settings: RefPixSettings,
    method: tuple[SirsKernels, float],
    follows: bool = False,
) -> None:
    """Correct full frames: offsets of the amplifiers, then the side signal of SIRS.

    Parameters
    ----------
    planes : (nplanes, 2048, 2048) ndarray of float32, DN
        Groups of all integrations, or zero frames. Updated in place.
    pixeldq : (2048, 2048) ndarray of uint32
        Reference pixels with DO_NOT_USE are not used for the offsets.
    placement : Placement
    settings : RefPixSettings
        Those of the running median are not used.
    method : (kernels, sigreject)
        The kernels, and the limit of outliers among the side pixels in standard deviations.
    follows : bool
        Other planes of the exposure were corrected before these: zero frames follow the groups.

    Notes
    -----
    As in the released pipeline offsets have single precision in the first plane and double precision in all others.
    """
    (kernels, sigreject), orientation = method, placement.orientation
    if not follows:
        first = planes[:1]
        correct_four_outputs(first, pixeldq, placement=placement, settings=replace(settings, use_side=False))
        subtract_sirs(first, orientation, kernels, sigreject)
        planes = planes[1:]
    for start in range(0, len(planes), _BATCH):
        block = planes[start : start + _BATCH]
        offsets = amplifier_offsets(block, pixeldq, placement=placement, settings=settings)
        subtract_sirs(block, orientation, kernels, sigreject, offsets=offsets)
