"""The non-linear response of a pixel, both ways."""

from __future__ import annotations

import numpy as np

__all__ = ["averaging_offset", "linearize", "respond"]

NEWTON_STEPS = 3


def linearize(raw: np.ndarray, coeffs: np.ndarray) -> np.ndarray:
    """Return the linear signal of a raw one: the polynomial of the linearity reference.

    Parameters
    ----------
    raw : (...) ndarray of float32, DN
        Signal above the bias.
    coeffs : (nc, ...) ndarray of float32
        Coefficients, constant term first.

    Returns
    -------
    (...) ndarray of float32, DN
    """
    value = coeffs[-1] * raw
    for coefficient in coeffs[-2:0:-1]:
        value += coefficient
        value *= raw
    return value


def respond(linear: np.ndarray, coeffs: np.ndarray) -> np.ndarray:
    """Return the raw signal of a linear one: the inverse of `linearize`, by Newton's method.

    Parameters
    ----------
    linear : (...) ndarray of float32, DN
        True signal above the bias.
    coeffs : (4, ...) ndarray of float32
        Coefficients (0, 1, c2, c3).

    Returns
    -------
    (...) ndarray of float32, DN
    """
    c2, c3 = coeffs[2], coeffs[3]
    raw = linear / (1 + c2 * linear)
    for _ in range(NEWTON_STEPS):
        slope = 1 + raw * (2 * c2 + 3 * c3 * raw)
        raw -= (raw * (1 + raw * (c2 + c3 * raw)) - linear) / slope
    return raw


def averaging_offset(raw: np.ndarray, coeffs: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return what the mean of raw frames lacks against the response to their mean linear signal.

    Parameters
    ----------
    raw : (...) ndarray of float32, DN
        Response to the mean linear signal.
    coeffs : (4, ...) ndarray of float32
        Coefficients (0, 1, c2, c3).
    variance : (...) ndarray of float32, DN^2
        Variance of the linear signal over the frames of the group.

    Returns
    -------
    (...) ndarray of float32, DN
        Second-order term of the Taylor series, to be added to ``raw``; negative for a falling response.
    """
    c2, c3 = coeffs[2], coeffs[3]
    slope = 1 + raw * (2 * c2 + 3 * c3 * raw)
    return -(c2 + 3 * c3 * raw) * variance / slope**3
