"""From the rates of integrations to that of the exposure, after the likelihood fit. Source: spec ramp_fit.md §6.4."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE
from jwst.ramp_fitting.ramp_inputs import Rates

__all__ = ["combine_integrations"]

_TILE_SAMPLES = 1 << 16
_ROUNDS = 2


def combine_integrations(integrations: Rates) -> Rates:
    """Combine integrations with weights that do not depend on the noise of their own rates.

    Parameters
    ----------
    integrations : Rates
        (nints, ny, nx) planes.

    Returns
    -------
    Rates
        (ny, nx) planes. A single integration gives a copy.
    """
    nints, *shape = integrations.slope.shape
    exposure = Rates.empty(tuple(shape))
    if nints == 1:
        for name in Rates.__dataclass_fields__:
            getattr(exposure, name)[...] = getattr(integrations, name)[0]
        return exposure
    _combine_flags(integrations.dq, exposure.dq)
    flat = {name: getattr(integrations, name).reshape(nints, -1) for name in ("slope", "var_poisson", "var_rnoise")}
    size = max(1, _TILE_SAMPLES // nints)
    for first in range(0, exposure.slope.size, size):
        part = slice(first, first + size)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            tile = _combine_tile(*(values[:, part].astype(np.float64) for values in flat.values()))
        for name, values in zip(("slope", "var_poisson", "var_rnoise", "err"), tile, strict=True):
            getattr(exposure, name).reshape(-1)[part] = values
    return exposure


def _combine_flags(dq: np.ndarray, out: np.ndarray) -> None:
    """Flags of any integration, but DO_NOT_USE of all of them."""
    np.bitwise_or.reduce(dq, axis=0, out=out)
    every = np.bitwise_and.reduce(dq, axis=0)
    every |= np.uint32(~np.uint32(DO_NOT_USE))
    out &= every


def _combine_tile(slope: np.ndarray, poisson: np.ndarray, read: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rate, both variances and error of a tile from those of its integrations, (nints, m) ndarrays of float64."""
    valid = ~np.isnan(slope)
    combined = _nan_median(slope, valid)
    for _ in range(_ROUNDS):
        factor = combined / slope
        factor[~(np.isfinite(factor) & (factor >= 0))] = 0
        scaled = poisson * factor
        weight = 1 / (scaled + read)
        weight /= np.nansum(weight, axis=0)
        terms = weight * slope
        combined = np.nansum(terms, axis=0)
        none = np.isnan(terms).all(axis=0)
        combined[none] = np.nan
    weight *= weight
    var_poisson, var_rnoise = np.nansum(scaled * weight, axis=0), np.nansum(read * weight, axis=0)
    var_poisson[none] = var_rnoise[none] = np.nan
    return combined, var_poisson, var_rnoise, np.sqrt(var_poisson + var_rnoise)


def _nan_median(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Median along the first axis without NaN, and NaN where there is nothing else."""
    ordered = np.sort(values, axis=0)
    count = valid.sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    high = np.minimum(high, len(values) - 1)
    columns = np.arange(values.shape[1])
    return 0.5 * (ordered[low, columns] + ordered[high, columns])
