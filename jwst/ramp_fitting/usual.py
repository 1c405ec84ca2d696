"""The groups that most ramps use: MIRI has ramps whose first and last groups are bad in nearly all pixels.

Only the speed depends on it: a ramp with the usual flags is fitted like one without any, all others one by one.
"""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE

__all__ = ["unusual_flags", "usual_windows"]

_SAMPLE = 1024
_TILE_PIXELS = 1 << 17


def usual_windows(groupdq: np.ndarray) -> tuple[slice, ...]:
    """Find the groups that are good in most pixels, from a sample of the pixels.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8

    Returns
    -------
    tuple of slice
        For each integration, two or more groups without a gap. All groups where there is no such window.
    """
    nints, ngroups = groupdq.shape[:2]
    planes = groupdq.reshape(nints, ngroups, -1)
    step = max(1, planes.shape[2] // _SAMPLE)
    good = (planes[:, :, ::step] & np.uint8(DO_NOT_USE)).mean(axis=2) < 0.5
    return tuple(_window(groups) for groups in good)


def _window(good: np.ndarray) -> slice:
    """The range of the good groups, if it has no gap."""
    where = np.flatnonzero(good)
    if where.size < 2 or where[-1] - where[0] + 1 != where.size:
        return slice(0, good.size)
    return slice(int(where[0]), int(where[-1]) + 1)


def unusual_flags(groupdq: np.ndarray, windows: tuple[slice, ...]) -> np.ndarray:
    """Find pixels with other group flags than DO_NOT_USE outside the windows and none inside.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
    windows : tuple of slice
        See `usual_windows`.

    Returns
    -------
    (ny * nx,) ndarray of bool
    """
    ny, nx = groupdq.shape[2:]
    found = np.empty((ny, nx), np.uint8)
    rows = max(1, _TILE_PIXELS // max(nx, 1))
    whole = all(window == slice(0, groupdq.shape[1]) for window in windows)
    for first in range(0, ny, rows):
        tile, out = groupdq[:, :, first : first + rows], found[first : first + rows]
        if whole:
            np.bitwise_or.reduce(tile, axis=(0, 1), out=out)
        else:
            _combine(tile, windows, out)
    return found.reshape(-1) != 0


def _combine(tile: np.ndarray, windows: tuple[slice, ...], out: np.ndarray) -> None:
    """OR of the flags of a tile, with DO_NOT_USE reversed outside the windows."""
    out[...] = 0
    scratch = np.empty_like(out)
    for integration, window in zip(tile, windows):
        for group, flags in enumerate(integration):
            if not window.start <= group < window.stop:
                flags = np.bitwise_xor(flags, np.uint8(DO_NOT_USE), out=scratch)
            np.bitwise_or(out, flags, out=out)
