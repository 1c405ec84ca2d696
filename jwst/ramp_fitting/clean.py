"""Ramps without any flag: one segment of all groups, fitted tile by tile. Source: spec ramp_fit.md §4.10, §5.

Nearly all ramps are of this kind. Every tile stays in the cache from its samples to its products. Pixels for which
the short formulas do not hold are reported, and left to `jwst.ramp_fitting.ols`.
"""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, SATURATED
from jwst.ramp_fitting.median_rate import clean_medians
from jwst.ramp_fitting.ramp_inputs import Ramps, RampTimes, Rates
from jwst.ramp_fitting.weights import select_slopes

__all__ = ["fit_clean_pixels", "flagged_pixels"]

TILE_SAMPLES = 81920
_LIMIT = 1e6


def flagged_pixels(ramps: Ramps) -> np.ndarray:
    """Find pixels whose ramps need more than the short formulas.

    Parameters
    ----------
    ramps : Ramps

    Returns
    -------
    (ny * nx,) ndarray of bool
        True where any group of any integration has a flag, or the pixel must not be used.
    """
    nints, ngroups, ny, nx = ramps.groupdq.shape
    groupdq = ramps.groupdq.reshape(nints * ngroups, ny, nx)
    flagged = np.zeros((ny, nx), np.uint8)
    rows = max(1, (1 << 17) // nx)
    for first in range(0, ny, rows):
        np.bitwise_or.reduce(groupdq[:, first : first + rows], axis=0, out=flagged[first : first + rows])
    result = flagged.reshape(-1) != 0
    result |= (ramps.pixeldq.reshape(-1) & np.uint32(DO_NOT_USE | SATURATED)) != 0
    result |= ~(ramps.gain.reshape(-1) > 0)
    result |= ~(ramps.readnoise.reshape(-1) > 0)
    return result


def fit_clean_pixels(
    ramps: Ramps, noise: np.ndarray, times: RampTimes, *, integrations: Rates, exposure: Rates
) -> np.ndarray:
    """Fit every ramp as if it had no flag, and fill the products.

    Parameters
    ----------
    ramps : Ramps
        With at least two groups.
    noise : (ny, nx) ndarray of float32
        Read noise of a group, electrons.
    times : RampTimes
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
    tile = _Tile(ramps, times, width)
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

    def __init__(self, ramps: Ramps, times: RampTimes, width: int) -> None:
        nints, ngroups = ramps.data.shape[:2]
        self._ramps, self._times = ramps, times
        self._data = ramps.data.reshape(nints, ngroups, -1)
        self._samples = np.empty((ngroups, width), np.float32)
        self._values = np.empty((ngroups, width))
        self._steps = np.empty((ngroups - 1, width), np.float32)
        self._slopes = np.empty((nints, width))

    def fit(self, part: slice, noise: np.ndarray) -> None:
        """Slopes and variances of the pixels of a tile."""
        times, ngroups = self._times, self._data.shape[1]
        count = part.stop - part.start
        gain = self._ramps.gain.reshape(-1)[part].astype(np.float64)
        read_noise = noise.reshape(-1)[part].astype(np.float64)
        samples, values, steps = self._samples[:, :count], self._values[:, :count], self._steps[:, :count]
        rate = np.zeros(count)
        for integration, slopes in zip(self._data, self._slopes):
            np.copyto(samples, integration[:, part])
            np.copyto(values, samples)
            rate += clean_medians(samples, times.group_time, steps)
            slopes[:count] = select_slopes(values, gain, read_noise)
            slopes[:count] /= times.group_time
        rate /= len(self._slopes)
        np.maximum(rate, 0, out=rate)
        if self._ramps.dark is not None:
            rate += self._ramps.dark.reshape(-1)[part]
        rate /= gain
        rate *= 1 / (times.group_time * (ngroups - 1))
        read_noise /= gain
        read_noise *= read_noise
        read_noise *= 12 / (times.group_time**2 * (ngroups**3 - ngroups))
        self._poisson, self._read = rate, read_noise

    def store(self, part: slice, integrations: Rates, exposure: Rates) -> np.ndarray:
        """Write the products of a tile; where they cannot be used the result is True."""
        poisson, read, nints = self._poisson, self._read, len(self._slopes)
        slopes = self._slopes[:, : poisson.size]
        error = poisson + read
        unusable = ~(error < _LIMIT) | ~(error > 0) | ~(read < _LIMIT) | np.isnan(slopes).any(0)
        np.sqrt(error, out=error)
        np.maximum(poisson, 0, out=poisson)
        for name, planes in (("slope", slopes), ("var_poisson", poisson), ("var_rnoise", read), ("err", error)):
            getattr(integrations, name).reshape(nints, -1)[:, part] = planes
        total = (poisson + read) / nints
        np.sqrt(total, out=total)
        mean = slopes.mean(0) if nints > 1 else slopes[0]
        values = {"slope": mean, "var_poisson": poisson / nints, "var_rnoise": read / nints, "err": total}
        for name, plane in values.items():
            getattr(exposure, name).reshape(-1)[part] = plane
        return unusable
