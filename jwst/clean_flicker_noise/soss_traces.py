"""Where the spectra of NIRISS SOSS lie. Source: spec clean_flicker_noise.md §5.1, extract_1d_soss.md §1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["HALF_WIDTH", "Trace", "trace_rows", "traces_region"]

HALF_WIDTH = 16
"""Rows on each side of a trace that belong to its spectrum."""

LAST_ROW = 255
SUBSTRIP96_OFFSET = 10


@dataclass(frozen=True)
class Trace:
    """Position of one spectral order at the commanded position of the pupil wheel.

    Parameters
    ----------
    points : (n, 2) ndarray of float64
        Columns and rows.
    pivot : (float, float)
        Column and row about which a turn of the wheel rotates the trace.
    coefficients : (n,) ndarray of float64
        Of the polynomial of column and angle, both scaled, that gives the wavelength in micrometre: by total degree,
        then by power of the angle.
    extents : (2, 2) ndarray of float64
        Smallest and largest column and angle, which are scaled to 0 and 1.
    shortest : float
        Wavelength from which on the trace is used, micrometre.
    """

    points: np.ndarray
    pivot: tuple[float, float]
    coefficients: np.ndarray | None = None
    extents: np.ndarray | None = None
    shortest: float = 0.0

    def wavelengths(self, columns: np.ndarray, angle: float) -> np.ndarray:
        """Wavelengths at some columns, micrometre; infinite without a polynomial."""
        if self.coefficients is None or self.extents is None:
            return np.full(columns.shape, np.inf)
        low, high = np.asarray(self.extents, np.float64)
        x, turn = (columns - low[0]) / (high[0] - low[0]), (angle - low[1]) / (high[1] - low[1])
        degree = int(np.sqrt(2 * len(self.coefficients))) - 1
        terms = [x ** (total - power) * turn**power for total in range(degree + 1) for power in range(total + 1)]
        return sum(value * term for value, term in zip(self.coefficients, terms)) + np.zeros_like(columns)


def trace_rows(trace: Trace, angle: float, *, substrip96: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Turn a trace with the pupil wheel.

    Parameters
    ----------
    trace : Trace
    angle : float
        Position of the wheel less the commanded one, degrees.
    substrip96 : bool
        Rows of that subarray, which begins ten rows later.

    Returns
    -------
    columns, rows : (m,) ndarray of float64
    """
    x, y = np.asarray(trace.points, np.float64).T
    if substrip96:
        y = y - SUBSTRIP96_OFFSET
    turn = np.deg2rad(angle)
    dx, dy = x - trace.pivot[0], y - trace.pivot[1]
    columns = dx * np.cos(turn) - dy * np.sin(turn) + trace.pivot[0]
    rows = dx * np.sin(turn) + dy * np.cos(turn) + trace.pivot[1]
    order = np.argsort(columns)
    from scipy.interpolate import interp1d

    rows = interp1d(columns[order], rows[order], fill_value="extrapolate")(x)
    inside = (rows <= LAST_ROW) & (trace.wavelengths(x, angle) >= trace.shortest)
    return x[inside], rows[inside]


def traces_region(shape: tuple[int, int], curves: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Pixels near any of some curves.

    Parameters
    ----------
    shape : (int, int)
    curves : list of (columns, rows)

    Returns
    -------
    (ny, nx) ndarray of bool
    """
    region = np.zeros(shape, bool)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])
    for x, y in curves:
        order = np.argsort(x)
        centre = np.interp(columns, x[order], y[order])
        region |= (rows >= np.floor(centre - HALF_WIDTH)) & (rows <= np.ceil(centre + HALF_WIDTH))
    return region
