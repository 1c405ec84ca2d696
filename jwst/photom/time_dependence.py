"""How the throughput of an instrument changes with time.

Each function gives for all rows of a table what the conversion factors are divided by. Coefficients are float32, as in
the reference files, and so is the arithmetic. Source: spec photom.md §4, 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["CORRECTIONS", "exponential_correction", "linear_correction", "powerlaw_correction"]

DAYS = 365
"""Days of a year."""

Coefficients = Mapping[str, np.ndarray] | np.ndarray
"""Columns of float32."""


def linear_correction(coefficients: Coefficients, time: float) -> np.ndarray:
    """Linear loss of throughput.

    Parameters
    ----------
    coefficients : structured ndarray of n rows, or mapping of name to ndarray
        "t0", MJD; "lossperyear", fraction per year.
    time : float
        Middle of the exposure, MJD.

    Returns
    -------
    (n,) ndarray of float32
        Throughput as a fraction of that at t0.
    """
    return 1 - coefficients["lossperyear"] * (time - coefficients["t0"]) / DAYS


def exponential_correction(coefficients: Coefficients, time: float) -> np.ndarray:
    """Exponential loss of throughput.

    Parameters
    ----------
    coefficients : structured ndarray of n rows, or mapping of name to ndarray
        "t0", MJD; "amplitude"; "tau", days; "const".
    time : float
        Middle of the exposure, MJD.

    Returns
    -------
    (n,) ndarray of float32
        Throughput as a fraction.
    """
    elapsed = time - coefficients["t0"]
    return coefficients["amplitude"] * np.exp(-elapsed / coefficients["tau"]) + coefficients["const"]


def powerlaw_correction(coefficients: Coefficients, time: float) -> np.ndarray:
    """Loss of throughput that follows a power law.

    Parameters
    ----------
    coefficients : structured ndarray of n rows, or mapping of name to ndarray
        "t0", MJD; "year1value", throughput after a year; "tsoft", days; "alpha".
    time : float
        Middle of the exposure, MJD.

    Returns
    -------
    (n,) ndarray of float32
        Throughput as a fraction.
    """
    soft, alpha = coefficients["tsoft"], coefficients["alpha"]
    norm = (DAYS + soft) ** alpha / coefficients["year1value"]
    return (time - coefficients["t0"] + soft) ** alpha / norm


CORRECTIONS: dict[str, Callable[[Any, float], np.ndarray]] = {
    "timecoeff_linear": linear_correction,
    "timecoeff_exponential": exponential_correction,
    "timecoeff_powerlaw": powerlaw_correction,
}
"""The correction that goes with each table of a photometric reference."""
