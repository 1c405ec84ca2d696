"""Ramps with the usual flags: one segment of the usual groups, fitted tile by tile. Source: spec ramp_fit.md §4.10, §5.

Nearly all ramps are of this kind; mostly they have no flag, and the segment is the whole ramp. Every tile stays in the
cache from its samples to its products. Pixels for which the short formulas do not hold are reported, and left to
`jwst.ramp_fitting.ols`.
"""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, SATURATED
from jwst.ramp_fitting.columns import column_products, column_sums
from jwst.ramp_fitting.median_rate import clean_medians
from jwst.ramp_fitting.ramp_inputs import Ramps, RampTimes, Rates
from jwst.ramp_fitting.usual import unusual_flags
from jwst.ramp_fitting.weights import select_slopes

__all__ = ["fit_clean_pixels", "flagged_pixels"]

TILE_SAMPLES = 81920
_LIMIT = 1e6


def flagged_pixels(ramps: Ramps, windows: tuple[slice, ...]) -> np.ndarray:
    """Find pixels whose ramps need more than the short formulas.

    Parameters
    ----------
    ramps : Ramps
    windows : tuple of slice
        Usual groups of each integration.

    Returns
    -------
    (ny * nx,) ndarray of bool
        True where any group of any integration has an unusual flag, or the pixel must not be used.
    """
    result = unusual_flags(ramps.groupdq, windows)
    result |= (ramps.pixeldq.reshape(-1) & np.uint32(DO_NOT_USE | SATURATED)) != 0
    result |= ~(ramps.gain.reshape(-1) > 0)
    result |= ~(ramps.readnoise.reshape(-1) > 0)
    return result


def fit_clean_pixels(
    ramps: Ramps,
    noise: np.ndarray,
    times: RampTimes,
    *,
    windows: tuple[slice, ...],
    integrations: Rates,
    exposure: Rates,
) -> np.ndarray:
    """Fit every ramp as if it had the usual flags, and fill the products.

    Parameters
    ----------
    ramps : Ramps
        With at least two groups.
    noise : (ny, nx) ndarray of float32
        Read noise of a group, electrons.
    times : RampTimes
    windows : tuple of slice
        Usual groups of each integration, two or more.
    integrations, exposure : Rates
        (nints, ny, nx) and (ny, nx); updated in place.

    Returns
    -------
    (ny * nx,) ndarray of bool
        True where the result cannot be used: a sample is NaN, or a variance is out of range.
    """
    npixels = noise.size
    unusable = np.zeros(npixels, bool)
    width = min(npixels, max(4096, TILE_SAMPLES // ramps.data.shape[1]))
    tile = _Tile(ramps, times, windows, width)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for first in range(0, npixels, width):
            part = slice(first, min(first + width, npixels))
            tile.fit(part, noise)
            unusable[part] = tile.store(part, integrations, exposure)
    integrations.dq.reshape(-1, npixels)[...] = ramps.pixeldq.reshape(-1)
    exposure.dq[...] = ramps.pixeldq
    return unusable


class _Tile:
    """Scratch space for some pixels, and the fit of their ramps in all integrations."""

    def __init__(self, ramps: Ramps, times: RampTimes, windows: tuple[slice, ...], width: int) -> None:
        nints, ngroups = ramps.data.shape[:2]
        self._ramps, self._times, self._windows = ramps, times, windows
        self._lengths = np.array([window.stop - window.start for window in windows])
        self._data = ramps.data.reshape(nints, ngroups, -1)
        self._samples = np.empty((ngroups, width), np.float32)
        self._values = np.empty((ngroups, width))
        self._steps = np.empty((ngroups - 1, width), np.float32)
        self._slopes = np.empty((nints, width))

    def fit(self, part: slice, noise: np.ndarray) -> None:
        """Slopes of the pixels of a tile, and variances but for the factors that depend on the number of groups."""
        times, count = self._times, part.stop - part.start
        gain = self._ramps.gain.reshape(-1)[part].astype(np.float64)
        read_noise = noise.reshape(-1)[part].astype(np.float64)
        rate = np.zeros(count)
        for integration, window, length, slopes in zip(self._data, self._windows, self._lengths, self._slopes):
            samples, values = self._samples[:length, :count], self._values[:length, :count]
            np.copyto(samples, integration[window, part])
            np.copyto(values, samples)
            rate += clean_medians(samples, times.group_time, self._steps[: length - 1, :count])
            slopes[:count] = select_slopes(values, gain, read_noise)
            slopes[:count] /= times.group_time
        rate /= len(self._slopes)
        np.maximum(rate, 0, out=rate)
        if self._ramps.dark is not None:
            rate += self._ramps.dark.reshape(-1)[part]
        rate /= gain
        rate *= 1 / times.group_time
        read_noise /= gain
        read_noise *= read_noise
        read_noise *= 12 / times.group_time**2
        self._poisson, self._read = rate, read_noise

    def store(self, part: slice, integrations: Rates, exposure: Rates) -> np.ndarray:
        """Write the products of a tile; where they cannot be used the result is True."""
        slopes = self._slopes[:, : self._poisson.size]
        integrations.slope.reshape(len(slopes), -1)[:, part] = slopes
        unusable = np.asarray(np.isnan(slopes).any(0))
        for length in np.unique(self._lengths).tolist():
            unusable |= self._store_integrations(part, integrations, length)
        np.maximum(self._poisson, 0, out=self._poisson)
        weights = self._lengths**3 - self._lengths
        poisson, read = self._poisson / (self._lengths - 1).sum(), self._read / weights.sum()
        total = poisson + read
        np.sqrt(total, out=total)
        values = {"slope": _mean(slopes, weights), "var_poisson": poisson, "var_rnoise": read, "err": total}
        for name, plane in values.items():
            getattr(exposure, name).reshape(-1)[part] = plane
        return unusable

    def _store_integrations(self, part: slice, integrations: Rates, length: int) -> np.ndarray:
        """Write the variances of the integrations with this many groups; True where they cannot be used."""
        where = np.flatnonzero(self._lengths == length)
        poisson, read = self._poisson / (length - 1), self._read / (length**3 - length)
        error = poisson + read
        unusable = ~(error < _LIMIT) | ~(error > 0) | ~(read < _LIMIT)
        np.sqrt(error, out=error)
        np.maximum(poisson, 0, out=poisson)
        for name, plane in (("var_poisson", poisson), ("var_rnoise", read), ("err", error)):
            getattr(integrations, name).reshape(len(self._lengths), -1)[where, part] = plane
        return unusable


def _mean(slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of the slopes of all integrations."""
    if len(slopes) == 1:
        return np.asarray(slopes[0])
    if (weights == weights[0]).all():
        return column_sums(slopes) / len(slopes)
    return column_products(weights / weights.sum(), slopes)
