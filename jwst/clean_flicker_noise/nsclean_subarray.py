"""Fit of slow and of alternating-column noise to the background of NIRSpec subarrays.

The pixels of a subarray are a time series with gaps: those that are no background, and the overhead at the end of each
line. Overlapping sections of it are fitted with Fourier vectors (Rauscher 2024, PASP 136, 015001). Source: spec
clean_flicker_noise.md §4.3.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jwst.clean_flicker_noise.nsclean import gaussian_spectrum

__all__ = ["Band", "clip_outliers", "sections", "subtract_sections"]

log = logging.getLogger(__name__)

OVERHEAD = 12
"""Clock ticks at the end of a line."""

TICK = 1e-5
"""Time of a pixel, seconds."""

SECTION_PIXELS = 512
REST_PIXELS = 768
LEAST_FRACTION = 0.05

_OUTLIER = 4 * 1.4825
_RIDGE = 1e-9


@dataclass(frozen=True)
class Band:
    """Frequencies that are fitted: up to the second and from the third on, with soft edges.

    Parameters
    ----------
    corners : tuple of four float
        Hz. The gain is 1 up to the first, 0 from the second to the third, and 1 from the fourth on.
    """

    corners: tuple[float, float, float, float] = (1061.0, 1211.0, 49943.0, 49957.0)

    @classmethod
    def of(cls, subarray: str | None) -> Band:
        """Band for a subarray."""
        return cls((150.0, 200.0, 49943.0, 49957.0)) if subarray == "ALLSLITS" else cls()

    def gains(self, count: int) -> np.ndarray:
        """Gain of each frequency of the real transform of ``count`` ticks."""
        one, two, three, four = self.corners
        frequency = np.arange(count // 2 + 1) / (count * TICK)
        falling = (np.cos(np.pi * (frequency - one) / (two - one)) + 1) / 2
        rising = (np.cos(np.pi * (frequency - three) / (four - three) + np.pi) + 1) / 2
        return np.select(
            [frequency < one, frequency <= two, frequency < three, frequency <= four], [1.0, falling, 0.0, rising], 1.0
        )

    @property
    def density_sigma(self) -> float:
        """Width of the kernel for the local density of samples, ticks."""
        return 1 / ((self.corners[0] + self.corners[1]) / 2) / TICK / 8


def subtract_sections(image: np.ndarray, mask: np.ndarray, detector: str, band: Band) -> bool:
    """Subtract the noise of a subarray, in place.

    Parameters
    ----------
    image : (ny, nx) ndarray of float32
        Without background level; updated in place.
    mask : (ny, nx) ndarray of bool
        True for background.
    detector : str
        "NRS1" or "NRS2".
    band : Band

    Returns
    -------
    bool
        False, with the image as it was, where there is no background left.
    """
    lines, used = image.T, mask.T
    if detector == "NRS2":
        lines, used = lines[::-1], used[::-1]
    used = clip_outliers(lines, used)
    if not used.any():
        return False
    model, total = np.zeros(lines.shape), np.zeros(len(lines))
    for begin, end in sections(np.count_nonzero(used, axis=1)):
        weight = 1.001 - np.abs(np.linspace(-1, 1, end - begin))
        part = slice(begin, end)
        model[part] += weight[:, None] * _fit_section(lines[part], used[part], band)
        total[part] += weight
    total[total == 0] = 1
    lines -= (model / total[:, None]).astype(np.float32)
    return True


def clip_outliers(lines: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Take outliers and their four neighbours out of a mask.

    Parameters
    ----------
    lines : (ny, nx) ndarray of float32
    used : (ny, nx) ndarray of bool
        Not changed.

    Returns
    -------
    (ny, nx) ndarray of bool
    """
    values = lines[used]
    if not values.size:
        return used.copy()
    middle = np.median(values)
    deviation = np.median(np.abs(values - middle))
    outlier = used & (np.abs(lines - middle) > _OUTLIER * deviation)
    result = used & ~outlier
    result[1:] &= ~outlier[:-1]
    result[:-1] &= ~outlier[1:]
    result[:, 1:] &= ~outlier[:, :-1]
    result[:, :-1] &= ~outlier[:, 1:]
    return result


def sections(counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Overlapping sections of lines.

    Parameters
    ----------
    counts : (ny,) ndarray of int
        Background pixels of each line; not all 0.

    Yields
    ------
    begin, end : int
    """
    total = np.concatenate([[0], np.cumsum(counts)])
    begin, stop = int(np.flatnonzero(counts)[0]), int(np.flatnonzero(counts)[-1]) + 1
    while True:
        end = stop
        if total[-1] - total[begin] > REST_PIXELS:
            end = min(int(np.searchsorted(total, total[begin] + SECTION_PIXELS, side="right")), stop)
        yield begin, end
        if end >= stop:
            return
        begin += max(round((end - begin) / 2), 1)


def _fit_section(lines: np.ndarray, used: np.ndarray, band: Band) -> np.ndarray:
    """Noise model of one section."""
    from scipy import fft

    rows, columns = lines.shape
    if np.count_nonzero(used) <= LEAST_FRACTION * used.size:
        log.warning("A section of %d lines has too little background; it is left as it is", rows)
        return np.zeros(lines.shape)
    ticks = rows * (columns + OVERHEAD)
    series = np.zeros((2, rows, columns + OVERHEAD))
    series[0, :, :columns], series[1, :, :columns] = used, np.where(used, lines, 0)
    mask, values = series.reshape(2, -1)
    density = fft.irfft(fft.rfft(mask) * gaussian_spectrum(ticks, band.density_sigma), ticks)
    squares = np.divide(mask, density * density, out=np.zeros(ticks), where=mask > 0)
    gains = band.gains(ticks)
    fitted = np.flatnonzero(gains)
    moments = fft.rfft(squares)
    lag = fitted[:, None] - fitted
    normal = np.where(lag >= 0, moments[np.abs(lag)], moments[np.abs(lag)].conj())
    normal[np.diag_indices(len(fitted))] += _RIDGE * squares.sum()
    spectrum = np.zeros(len(gains), np.complex128)
    spectrum[fitted] = np.linalg.solve(normal, fft.rfft(squares * values)[fitted]) * gains[fitted]
    return fft.irfft(spectrum * ticks, ticks).reshape(rows, -1)[:, :columns]
