"""Sigma-clipped means of many sets of reference values at once. Source: spec refpix.md, "Clipped mean"."""

from __future__ import annotations

import numpy as np

__all__ = ["clipped_means"]


def clipped_means(values: np.ndarray, good: np.ndarray, limit: float) -> np.ndarray:
    """Take the mean of each set after repeated clipping.

    A value is kept while it lies within `limit` population standard deviations of the mean of the kept values; clipping
    is repeated until nothing more is removed.

    Parameters
    ----------
    values : (nsets, nvalues) ndarray of float32 or float64, DN
    good : (nsets, nvalues) ndarray of bool
        Values to use. At least one in each set.
    limit : float
        Clipping limit in standard deviations.

    Returns
    -------
    (nsets,) ndarray of the type of ``values``, DN
        NaN where a good value is NaN or infinite.

    Notes
    -----
    Clipping is decided in double precision. The mean of what is left has the order and the precision of
    ``ndarray.mean``, as in the released pipeline: another last bit here is one in every sample of an amplifier.
    """
    chosen = np.broadcast_to(good, values.shape).copy()
    _clip(np.where(chosen, values, 0).astype(np.float64), chosen, limit)
    means = _plain_means(values, chosen)
    means[np.isinf(means)] = np.nan
    return means


def _clip(values: np.ndarray, chosen: np.ndarray, limit: float) -> None:
    """Take clipped values out of ``chosen``, in place."""
    kept = chosen.copy()
    number = np.count_nonzero(kept, axis=1)
    active = np.arange(len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        while active.size:
            mean = np.einsum("ij,ij->i", values, kept) / number
            distance = np.abs(values - mean[:, None])
            clipped = distance <= limit * _deviation(distance, kept, number)[:, None]
            clipped &= kept
            left = np.count_nonzero(clipped, axis=1)
            more = (left < number) & np.isfinite(mean)
            values, kept, number, active = values[more], clipped[more], left[more], active[more]
            chosen[active] = kept


def _plain_means(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Means of the chosen values of each set, summed in the order and precision of ``ndarray.mean``."""
    values = np.ascontiguousarray(values)
    whole = chosen.all(axis=1)
    means = np.empty(len(values), values.dtype)
    means[whole] = values[whole].mean(axis=1)
    for index in np.flatnonzero(~whole):
        means[index] = values[index, chosen[index]].mean()
    return means


def _deviation(distance: np.ndarray, kept: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Population standard deviation of the kept values, from their distances to the mean."""
    inside = distance * kept
    return np.sqrt(np.einsum("ij,ij->i", inside, inside) / number)
