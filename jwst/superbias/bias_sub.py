"""Subtract the detector bias. Source: spec superbias.md."""

from __future__ import annotations

import numpy as np

__all__ = ["subtract_superbias", "subtract_zeroframe_bias"]

_TILE_PIXELS = 32768


def subtract_superbias(data: np.ndarray, bias: np.ndarray) -> None:
    """Subtract the superbias from every group.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps. Updated in place.
    bias : (ny, nx) ndarray of float32, DN
        NaN means "no correction" and is treated as 0.

    Notes
    -----
    One read and one write of `data`, in row tiles so that the bias stays in the cache.
    """
    ny, nx = data.shape[-2:]
    bias = _without_nan(bias)
    planes = data.reshape(-1, ny, nx)
    rows = max(1, _TILE_PIXELS // nx)
    for start in range(0, ny, rows):
        tile = planes[:, start : start + rows]
        np.subtract(tile, bias[start : start + rows], out=tile)


def subtract_zeroframe_bias(zeroframe: np.ndarray, bias: np.ndarray) -> None:
    """Subtract the superbias from the zero frames.

    Parameters
    ----------
    zeroframe : (nints, ny, nx) ndarray of float32, DN
        Updated in place. 0 means "unusable" and stays 0.
    bias : (ny, nx) ndarray of float32, DN
        NaN means "no correction" and is treated as 0.
    """
    unusable = zeroframe == 0
    np.subtract(zeroframe, _without_nan(bias), out=zeroframe)
    zeroframe[unusable] = 0


def _without_nan(bias: np.ndarray) -> np.ndarray:
    """The bias with NaN replaced by 0, as float32."""
    bias = np.asarray(bias, np.float32)
    unknown = np.isnan(bias)
    return np.where(unknown, np.float32(0), bias) if unknown.any() else bias
