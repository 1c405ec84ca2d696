"""Ramps in which the released pipeline stops its search for jumps because it divides 0 by 0.

It tries to drop neighbouring differences together. Where the covariance of the two, given the rate, is exactly 0 in its
arithmetic the gain of that becomes NaN, and nothing is dropped at all. This happens where only the reads make noise:
the median difference is not above zero. Then the covariance vanishes for the outer pairs of four differences in a row,
and for the middle pair of six. Whether it is exactly 0 or a rounding error is decided by the order of the operations,
which is therefore repeated here. Source: measured; spec ramp_fit.md §6.2, §6.3 for the recurrences.
"""

from __future__ import annotations

import numpy as np

from jwst.ramp_fitting.likely_reads import Covariance

__all__ = ["stops_the_search"]

_RENORMALIZE = 10


def stops_the_search(used: np.ndarray, read_variance: np.ndarray, covariance: Covariance) -> np.ndarray:
    """Find ramps without photon noise whose search ends without a result.

    Parameters
    ----------
    used : (n, m) ndarray of bool
        Differences that take part in the fit.
    read_variance : (m,) ndarray of float64, DN^2
        Variance of a single read.
    covariance : Covariance

    Returns
    -------
    (m,) ndarray of bool

    Notes
    -----
    Exactly as in the release for fewer than ten differences. For more, how the release keeps its determinants from
    overflowing is not known to the last bit, and a part of the ramps with runs of four or six is decided otherwise.
    """
    alpha = np.multiply.outer(covariance.read, read_variance)
    beta = np.multiply.outer(covariance.read_beside, read_variance)
    scale = _mean_pivot(alpha, beta)
    alpha /= scale
    beta /= scale
    pairs = used[1:] & used[:-1]
    beta *= pairs
    before, after = _determinants(alpha, beta), _determinants(alpha[::-1], beta[::-1])[::-1]
    ones = _ones(beta, before, after) * used
    total = ones.sum(axis=0)
    beside = -beta * before[:-2] * after[2:] / before[-1]
    zero = total * beside - ones[:-1] * ones[1:] == 0
    return np.asarray((zero & pairs).any(axis=0))


def _determinants(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Determinants of the leading minors, (n + 1, m)."""
    result = np.ones((len(alpha) + 1, alpha.shape[1]))
    result[1] = alpha[0]
    for index in range(2, len(result)):
        result[index] = alpha[index - 1] * result[index - 1] - beta[index - 2] ** 2 * result[index - 2]
    return result


def _mean_pivot(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """The n-th root of the determinant, (m,)."""
    number = len(alpha)
    result, last, this = np.ones(alpha.shape[1]), np.ones(alpha.shape[1]), alpha[0]
    for index in range(1, number):
        last, this = this, alpha[index] * this - beta[index - 1] ** 2 * last
        if (index + 1) % _RENORMALIZE == 0:
            result, last, this = result * this ** (1 / number), last / this, np.ones_like(this)
    return np.asarray(result * this ** (1 / number))


def _ones(beta: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """``V^-1 1``, (n, m). Source: Brandt 2024a, eq. 43 to 48."""
    number = len(before) - 1
    sign = np.where(np.arange(number + 1) % 2, 1.0, -1.0)
    below = np.zeros((number, before.shape[1]))
    for index in range(number - 2, -1, -1):
        below[index] = beta[index] * below[index + 1] + beta[index] * sign[index + 1] * after[index + 2]
    above = -before[:-1].copy()
    for index in range(1, number):
        above[index] = beta[index - 1] * above[index - 1] + sign[index] * before[index]
    return np.asarray(sign[:number, None] * ((after[1:] * above + before[:-1] * below) * (1 / before[-1])))
