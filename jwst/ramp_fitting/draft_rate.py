"""A rate image of ramps that are still to be corrected, to find their background in.

The slopes of `jwst.ramp_fitting` with its defaults, without the variances and flags that nobody asks for here.
Source: spec clean_flicker_noise.md §3.2, ramp_fit.md §5.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, SATURATED
from jwst.ramp_fitting.prepare import prepare_ramps
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes
from jwst.ramp_fitting.weights import select_slopes

__all__ = ["draft_rate"]

TILE_PRODUCT = 1 << 18
"""Multiplications of a matrix product up to which no threads are started for it."""

GATHERED = 1 << 16
BAND = 1 << 17


def draft_rate(ramps: Ramps, times: RampTimes, *, integrations: bool = False, miri: bool = False) -> np.ndarray:
    """Fit count rates.

    Parameters
    ----------
    ramps : Ramps
        Not changed.
    times : RampTimes
    integrations : bool
        A rate for each integration.
    miri : bool
        Leave out leading and trailing groups that are bad everywhere.

    Returns
    -------
    (ny, nx) or (nints, ny, nx) ndarray of float32, DN/s
        NaN where nothing can be fitted.
    """
    nints, _, ny, nx = ramps.data.shape
    rate = np.full((nints if integrations else 1, ny * nx), np.nan, np.float32)
    if miri:
        prepared = prepare_ramps(replace(ramps, groupdq=ramps.groupdq.copy()), FitOptions(miri=True))
        if prepared is None:
            return rate.reshape(-1, ny, nx) if integrations else rate.reshape(ny, nx)
        ramps = prepared[0]
    hard = _flagged(ramps) if ramps.data.shape[1] > 1 else np.ones(ny * nx, bool)
    if np.count_nonzero(hard) < ny * nx:
        _fit_clean(ramps, times, rate)
        hard |= np.isnan(rate[0]) if len(rate) == 1 else np.isnan(rate).any(axis=0)
    pixels = np.flatnonzero(hard)
    for first in range(0, pixels.size, GATHERED // nints or 1):
        _fit_flagged(ramps, times, pixels[first : first + (GATHERED // nints or 1)], rate)
    return rate.reshape(-1, ny, nx) if integrations else rate.reshape(ny, nx)


def _flagged(ramps: Ramps) -> np.ndarray:
    """Where any group of any integration has a flag, or the pixel cannot be fitted."""
    ny, nx = ramps.groupdq.shape[-2:]
    result = np.empty(ny * nx, bool)
    rows = max(1, BAND // nx)
    for first in range(0, ny, rows):
        band = slice(first, first + rows)
        flags = np.zeros(ramps.pixeldq[band].shape, np.uint8)
        for integration in ramps.groupdq:
            for group in integration:
                np.bitwise_or(flags, group[band], out=flags)
        bad = flags != 0
        bad |= (ramps.pixeldq[band] & np.uint32(DO_NOT_USE | SATURATED)) != 0
        bad |= ~(ramps.gain[band] > 0)
        bad |= ~(ramps.readnoise[band] > 0)
        result[first * nx : first * nx + bad.size] = bad.reshape(-1)
    return result


def _fit_clean(ramps: Ramps, times: RampTimes, rate: np.ndarray) -> None:
    """Fit all ramps as if they had no flag."""
    nints, ngroups = ramps.data.shape[:2]
    data = ramps.data.reshape(nints, ngroups, -1)
    gain, readnoise = ramps.gain.reshape(-1), ramps.readnoise.reshape(-1)
    width = max(256, TILE_PRODUCT // (6 * ngroups))
    values, slopes = np.empty((ngroups, width)), np.empty((nints, width))
    scale = 1.0 / np.sqrt(2 * times.nframes)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for first in range(0, data.shape[2], width):
            part = slice(first, min(first + width, data.shape[2]))
            count = part.stop - first
            gains = gain[part].astype(np.float64)
            noise = (readnoise[part] * gains * scale).astype(np.float32).astype(np.float64)
            for integration, slope in zip(data, slopes):
                np.copyto(values[:, :count], integration[:, part])
                slope[:count] = select_slopes(values[:, :count], gains, noise)
            slopes[:, :count] /= times.group_time
            rate[:, part] = slopes[:, :count] if len(rate) > 1 or nints == 1 else slopes[:, :count].mean(axis=0)


def _fit_flagged(ramps: Ramps, times: RampTimes, pixels: np.ndarray, rate: np.ndarray) -> None:
    """Fit some pixels with all their flags."""
    nints, ngroups = ramps.data.shape[:2]

    def gathered(array: np.ndarray) -> np.ndarray:
        flat = array.reshape(*array.shape[:-2], -1)
        return np.ascontiguousarray(flat[..., pixels])[..., None, :]

    planes = {name: gathered(getattr(ramps, name)) for name in ("data", "groupdq", "pixeldq", "gain", "readnoise")}
    fit = fit_ramps(Ramps(**planes), times)
    if fit is None:
        rate[:, pixels] = np.nan
    elif len(rate) > 1 or nints == 1:
        rate[:, pixels] = fit.integrations.slope.reshape(nints, -1)
    else:
        rate[0, pixels] = fit.exposure.slope.reshape(-1)
