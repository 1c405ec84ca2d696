"""Weighted straight-line fits as matrix products.

The slope of a segment is linear in its samples, and its coefficients depend only on the length of the segment and on
the exponent that belongs to its signal-to-noise ratio (Fixsen et al. 2000, PASP 112, 1350). So the six exponents make
a matrix of six rows, computed once per length. Source: spec ramp_fit.md §5.2.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

__all__ = ["LineFit", "exponent_index", "line_fit"]

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


def exponent_index(signal: np.ndarray, gain: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Choose the exponent of each segment by its signal-to-noise ratio.

    Parameters
    ----------
    signal : (n,) ndarray of float64, DN
        Last minus first sample.
    gain : (n,) ndarray of float64, e-/DN
    noise : (n,) ndarray of float64, electrons
        Read noise of a group.

    Returns
    -------
    (n,) ndarray of int
        Row of `LineFit`. A ratio that is NaN takes the last.
    """
    electrons = gain * signal
    total = noise * noise
    total += electrons
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = electrons / np.sqrt(total)
        ratio[total <= 0] = 0
        index = np.zeros(ratio.shape, np.intp)
        for limit in _LIMITS:
            index += ~(ratio < limit)
    return index
