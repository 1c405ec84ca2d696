"""Median over integrations, scaled to each of them, as the background of exposures with many alike.

Source: spec clean_flicker_noise.md §6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.selection import sort_columns

__all__ = ["MedianImage", "integration_scales", "median_over_integrations"]

_TILE = 1 << 15


@dataclass(frozen=True)
class MedianImage:
    """Background of every group of every integration.

    Parameters
    ----------
    median : (ngroups, ny, nx) ndarray of float32
        Median over integrations; one group for rates.
    scales : (nints,) ndarray of float32
        Brightness of each integration over that of the exposure.
    """

    median: np.ndarray
    scales: np.ndarray

    def plane(self, index: int) -> np.ndarray:
        """Background of an image, counted over groups and then integrations, (ny, nx) of float32."""
        integration, group = divmod(index, len(self.median))
        return self.median[group] * self.scales[integration]


def integration_scales(rates: np.ndarray) -> np.ndarray | None:
    """Brightness of integrations, from the medians of their rates.

    Parameters
    ----------
    rates : (nints, ny, nx) ndarray of float32

    Returns
    -------
    (nints,) ndarray of float32 or None
        With a median of 1; None where no integration has a rate. A single one without gets the median of the others.
    """
    levels = np.array([_nanmedian(rate) for rate in rates], np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        scales = levels / _nanmedian(levels)
    finite = np.isfinite(scales)
    if not finite.any():
        return None
    scales[~finite] = np.median(scales[finite])
    return scales


def _nanmedian(values: np.ndarray) -> np.float32:
    known = values[~np.isnan(values)]
    return np.median(known) if known.size else np.float32(np.nan)


def median_over_integrations(data: np.ndarray) -> np.ndarray:
    """Median over integrations without NaN.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32

    Returns
    -------
    (ngroups, ny, nx) ndarray of float32
        NaN where all are.
    """
    nints = len(data)
    flat = data.reshape(nints, -1)
    result = np.empty(flat.shape[1], np.float32)
    for first in range(0, flat.shape[1], _TILE):
        block = flat[:, first : first + _TILE].copy()
        missing = np.isnan(block)
        count = nints - np.count_nonzero(missing, axis=0)
        block[missing] = np.inf
        block = sort_columns(block)
        columns = np.arange(block.shape[1])
        low = block[np.maximum((count - 1) // 2, 0), columns]
        high = block[np.minimum(count // 2, nints - 1), columns]
        with np.errstate(invalid="ignore"):
            result[first : first + _TILE] = np.where(count > 0, (low + high) / np.float32(2), np.float32(np.nan))
    return result.reshape(data.shape[1:])
