"""Fit of low frequencies to the background of NIRSpec images: full frame.

Each line is fitted by a few Fourier vectors, weighted by the inverse of the local density of background pixels
(Rauscher 2024, PASP 136, 015001). Source: spec clean_flicker_noise.md §4.2. The normal equations need only the spectra
of the weights and of the weighted samples, since the vectors are Fourier vectors; all lines are solved together.
"""

from __future__ import annotations

import functools

import numpy as np

from jwst.clean_flicker_noise.line_medians import TRANSPOSE_BAND, lines_size, sort_lines
from jwst.lib.small_products import product

__all__ = ["SIZE", "gaussian_spectrum", "subtract_low_frequencies", "transposed"]

SIZE = 2048
REFERENCE_ROWS = 4

_CUTOFF = 1 / 256
_KERNEL = _CUTOFF / 4
_DENSITY_SIGMA = 32.0
_SMOOTH_SIGMA = 1.5
_OUTLIER = 3 * 1.4826
_LOWEST_DENSITY = 1e-6
_RIDGE = 1e-8
_BAND = 64


def subtract_low_frequencies(image: np.ndarray, mask: np.ndarray, detector: str) -> bool:
    """Subtract the low frequencies of the background from each line of a full frame, in place.

    Parameters
    ----------
    image : (2048, 2048) ndarray of float32
        Without background level; updated in place.
    mask : (2048, 2048) ndarray of bool
        True for background.
    detector : str
        "NRS1" or "NRS2".

    Returns
    -------
    bool
        False, with the image as it was, where no line has a background pixel.
    """
    lines, used = transposed(image), transposed(mask)
    if detector == "NRS2":
        lines, used = lines[::-1], used[::-1]
    fitted = slice(REFERENCE_ROWS, SIZE - REFERENCE_ROWS)
    if not used[fitted].any():
        return False
    middle, width = _centres(lines, used)
    coefficients = np.zeros((SIZE, len(_gains())), np.complex128)
    for first in range(REFERENCE_ROWS, SIZE - REFERENCE_ROWS, _BAND):
        band = slice(first, min(first + _BAND, fitted.stop))
        samples = lines[band]
        outlier = np.abs(samples - middle[band, None]) > width[band, None]
        np.copyto(samples, np.broadcast_to(middle[band, None], samples.shape), where=outlier)
        coefficients[band] = _fit(samples, _weights(used, band))
    coefficients = _smoothed(coefficients)
    _subtract(image, coefficients if detector == "NRS1" else coefficients[::-1])
    return True


def transposed(image: np.ndarray) -> np.ndarray:
    """Copy an image with its axes exchanged, in bands that are kind to the cache."""
    result = np.empty(image.shape[::-1], image.dtype)
    for first in range(0, len(image), TRANSPOSE_BAND):
        result[:, first : first + TRANSPOSE_BAND] = image[first : first + TRANSPOSE_BAND].T
    return result


def _centres(lines: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median of the background of each line, and the distance from it of an outlier."""
    room = np.empty(lines_size(lines.shape, 1), np.float32)
    middle = sort_lines(lines, used, 1, out=room).medians()
    deviation = sort_lines(lines, used, 1, out=room, about=middle[:, None]).medians()
    return middle, (_OUTLIER * deviation.astype(np.float64)).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _gains() -> np.ndarray:
    """Gain of each fitted frequency."""
    frequency = np.arange(SIZE // 2 + 1) / SIZE
    edge = (1 + np.cos(np.pi * (frequency - _CUTOFF) / _KERNEL + np.pi / 2)) / 2
    gain = np.where(frequency <= _CUTOFF - _KERNEL / 2, 1.0, np.where(frequency <= _CUTOFF + _KERNEL / 2, edge, 0.0))
    return gain[: np.count_nonzero(gain > 0)]


@functools.lru_cache(maxsize=64)
def gaussian_spectrum(size: int, sigma: float) -> np.ndarray:
    """Real Fourier transform of a circular Gaussian of unit area whose centre is one sample late.

    Returns
    -------
    (size // 2 + 1,) ndarray of complex128
    """
    distance = np.arange(size)
    distance = np.minimum(distance, size - distance)
    kernel = np.exp(-0.5 * (distance / sigma) ** 2)
    return np.fft.rfft(np.roll(kernel / kernel.sum(), 1))


def _weights(used: np.ndarray, band: slice) -> np.ndarray:
    """Inverse local density of the background of some lines, for what is background; 0 elsewhere.

    The released pipeline has the centre of its kernel off by one in both directions: the density of a line is that of
    the line before it. Where that says nothing at all, pixels count alike.
    """
    from scipy import fft

    before = np.roll(used, 1, axis=0)[band] if band.start == 0 else used[band.start - 1 : band.stop - 1]
    spectrum = fft.rfft(before.astype(np.float32), axis=1)
    spectrum *= gaussian_spectrum(SIZE, _DENSITY_SIGMA).astype(np.complex64)
    density = fft.irfft(spectrum, SIZE, axis=1)
    known = density > _LOWEST_DENSITY
    weights = np.divide(used[band], density, out=np.zeros_like(density), where=known)
    empty = ~weights.any(axis=1)
    weights[empty] = used[band][empty]
    return weights


def _fit(samples: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted least squares of all lines.

    Returns
    -------
    (nlines, nvectors) ndarray of complex128
        Coefficients with their gains; 0 for lines without weights.
    """
    from scipy import fft

    gains = _gains()
    count = len(gains)
    square = weights.astype(np.float64)
    square *= square
    moments = fft.rfft(square, axis=1)[:, : 2 * count - 1].copy()
    square *= samples
    right = fft.rfft(square, axis=1)[:, :count].copy()
    total = moments[:, :1].real
    order = np.arange(count)
    lag = order[:, None] - order
    normal = np.where(lag >= 0, moments[:, np.abs(lag)], moments[:, np.abs(lag)].conj())
    empty = total[:, 0] <= 0
    normal[empty] = np.eye(count)
    normal[:, order, order] += _RIDGE * np.where(empty[:, None], 1, total)
    solution = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    solution[empty] = 0
    return solution * gains


def _smoothed(coefficients: np.ndarray) -> np.ndarray:
    """Smooth coefficients over the lines, and displace the model by one line and one pixel as the released one is."""
    size = len(coefficients)
    distance = np.arange(size)
    distance = np.minimum(distance, size - distance)
    kernel = np.exp(-0.5 * (distance / _SMOOTH_SIGMA) ** 2) / (_SMOOTH_SIGMA * np.sqrt(2 * np.pi))
    spectrum = np.fft.fft(np.roll(kernel, 1))
    smooth = np.fft.ifft(np.fft.fft(coefficients, axis=0) * spectrum[:, None], axis=0)
    return smooth * np.exp(-2j * np.pi * np.arange(coefficients.shape[1]) / size)


def _subtract(image: np.ndarray, coefficients: np.ndarray) -> None:
    """Subtract the model from the columns of the stored image, some rows at a time."""
    count = coefficients.shape[1]
    angle = 2 * np.pi * (np.outer(np.arange(SIZE), np.arange(count)) % SIZE) / SIZE
    waves = np.concatenate([np.cos(angle), -np.sin(angle)], axis=1).astype(np.float32)
    factor = np.where(np.arange(count) == 0, 1, 2)
    lines = np.concatenate([coefficients.real * factor, coefficients.imag * factor], axis=1).astype(np.float32).T
    for first in range(0, SIZE, _BAND):
        image[first : first + _BAND] -= product(waves[first : first + _BAND], lines)
