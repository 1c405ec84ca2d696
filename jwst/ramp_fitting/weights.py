"""Weighted straight-line fits as matrix products.

The slope of a segment is linear in its samples, and its coefficients depend only on the length of the segment and on
the exponent that belongs to its signal-to-noise ratio (Fixsen et al. 2000, PASP 112, 1350). So the six exponents make
a matrix of six rows, computed once per length. Source: spec ramp_fit.md §5.2.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from jwst.ramp_fitting.columns import column_products

__all__ = ["LineFit", "exponent_index", "line_fit", "select_slopes", "signal_to_noise"]

_LIMITS = (5.0, 10.0, 20.0, 50.0, 100.0)
_EXPONENTS = (0.0, 0.4, 1.0, 3.0, 6.0, 10.0)


@dataclass(frozen=True)
class LineFit:
    """Sums and coefficients for segments of one length, one row per exponent.

    Parameters
    ----------
    slope : (6, length) ndarray of float64
        Coefficients of the slope per group.
    weight : (6, length) ndarray of float64
        Weights without the read noise.
    sum_w, sum_wx, sum_wxx, determinant : (6,) ndarray of float64
        With x counted from the first group of the segment.
    """

    slope: np.ndarray
    weight: np.ndarray
    sum_w: np.ndarray
    sum_wx: np.ndarray
    sum_wxx: np.ndarray
    determinant: np.ndarray


@functools.lru_cache(maxsize=512)
def line_fit(length: int) -> LineFit:
    """Prepare the fit of segments of at least three groups.

    Parameters
    ----------
    length : int
        Number of groups.

    Returns
    -------
    LineFit
        Weights ``|(k - m) / m|**P`` with ``m = (length - 1) / 2``, evaluated in float32 (0**0 is 1).
    """
    middle = np.float32((length - 1) / 2)
    distance = np.abs((np.arange(length, dtype=np.float32) - middle) / middle)
    weight = np.array([distance ** np.float32(power) for power in _EXPONENTS], np.float64)
    x = np.arange(length, dtype=np.float64)
    sum_w, sum_wx, sum_wxx = weight.sum(1), weight @ x, weight @ (x * x)
    determinant = sum_w * sum_wxx - sum_wx**2
    slope = (sum_w[:, None] * weight * x - sum_wx[:, None] * weight) / determinant[:, None]
    return LineFit(slope, weight, sum_w, sum_wx, sum_wxx, determinant)


def signal_to_noise(signal: np.ndarray, gain: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Signal-to-noise ratio of segments.

    Parameters
    ----------
    signal : (n,) ndarray of float64, DN
        Last minus first sample.
    gain : (n,) ndarray of float64, e-/DN
    noise : (n,) ndarray of float64, electrons
        Read noise of a group.

    Returns
    -------
    (n,) ndarray of float64
        0 where the square of the noise is not positive.
    """
    electrons = gain * signal
    total = noise * noise
    total += electrons
    with np.errstate(invalid="ignore", divide="ignore"):
        np.maximum(total, 0, out=total)
        ratio = np.sqrt(total)
        np.divide(electrons, ratio, out=ratio)
        if not total.all():
            ratio[total == 0] = 0
    return ratio


def exponent_index(signal: np.ndarray, gain: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Choose the exponent of each segment by its signal-to-noise ratio.

    Parameters
    ----------
    signal, gain, noise : (n,) ndarray of float64
        As for `signal_to_noise`.

    Returns
    -------
    (n,) ndarray of int
        Row of `LineFit`. A ratio that is NaN takes the last.
    """
    ratio = signal_to_noise(signal, gain, noise)
    index = np.zeros(ratio.shape, np.intp)
    for limit in _LIMITS:
        index += ~(ratio < limit)
    return index


def select_slopes(data: np.ndarray, gain: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Slopes of segments of at least two groups.

    Parameters
    ----------
    data : (length, n) ndarray of float64, DN
        Without NaN; a NaN gives NaN.
    gain, noise : (n,) ndarray of float64
        As for `signal_to_noise`.

    Returns
    -------
    (n,) ndarray of float64, DN per group
    """
    difference = data[-1] - data[0]
    if data.shape[0] == 2:
        return difference
    ratio = signal_to_noise(difference, gain, noise)
    slopes = column_products(line_fit(data.shape[0]).slope, data)
    result = slopes[0]
    for limit, row in zip(_LIMITS, slopes[1:]):
        np.copyto(result, row, where=~(ratio < limit))
    return result
