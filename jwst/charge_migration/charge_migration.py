"""Flags for the part of ramps where charge spills to the neighbours.

Source: spec charge_migration.md.
"""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import CHARGELOSS, DO_NOT_USE
from jwst.lib.tiles import flat_pixels, pixel_tiles

__all__ = ["first_triggers", "flag_charge_migration", "spread_to_neighbours"]

TILE = 65536


def flag_charge_migration(data: np.ndarray, groupdq: np.ndarray, threshold: float) -> int:
    """Flag groups from the first one above a threshold on, in the pixel and its four neighbours, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps, C-contiguous. Not changed.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Updated in place with CHARGELOSS and DO_NOT_USE.
    threshold : float
        Signal in DN that a group must exceed. A group whose flags are exactly DO_NOT_USE does not count.

    Returns
    -------
    int
        Number of pixels flagged, summed over integrations.

    Notes
    -----
    Source: spec charge_migration.md, "Algorithm" (the form with the first trigger of each pixel).
    """
    ngroups, ny, nx = data.shape[1:]
    flagged = 0
    for ramp, flags in zip(data, groupdq):
        first = first_triggers(ramp, flags, threshold)
        if first is None:
            continue
        first = spread_to_neighbours(first).reshape(-1)
        pixels = np.flatnonzero(first < ngroups)
        flagged += pixels.size
        later = np.arange(ngroups, dtype=first.dtype)[:, None] >= first[pixels]
        flags.reshape(ngroups, ny * nx)[:, pixels] |= later * np.uint8(CHARGELOSS | DO_NOT_USE)
    return flagged


def first_triggers(ramp: np.ndarray, flags: np.ndarray, threshold: float) -> np.ndarray | None:
    """First group of each pixel that exceeds a threshold.

    Parameters
    ----------
    ramp : (ngroups, ny, nx) ndarray of float32, DN
    flags : (ngroups, ny, nx) ndarray of uint8
    threshold : float
        In DN; NaN samples never exceed it.

    Returns
    -------
    (ny, nx) ndarray of int32 or None
        ``ngroups`` where no group does; None where that is so everywhere.
    """
    ngroups, ny, nx = ramp.shape
    planes, dq = flat_pixels(ramp), flat_pixels(flags)
    first = None
    limit = np.float32(threshold)
    for tile in pixel_tiles(ny * nx, max(1024, TILE // ngroups)):
        above = planes[:, tile] > limit
        if not above.any():
            continue
        above &= dq[:, tile] != DO_NOT_USE
        if first is None:
            first = np.full(ny * nx, ngroups, np.int32)
        first[tile] = np.where(above.any(axis=0), above.argmax(axis=0), ngroups)
    return None if first is None else first.reshape(ny, nx)


def spread_to_neighbours(first: np.ndarray) -> np.ndarray:
    """Smallest value of each pixel and its neighbours above, below, left and right.

    Parameters
    ----------
    first : (ny, nx) ndarray

    Returns
    -------
    (ny, nx) ndarray
    """
    spread = first.copy()
    np.minimum(spread[1:], first[:-1], out=spread[1:])
    np.minimum(spread[:-1], first[1:], out=spread[:-1])
    np.minimum(spread[:, 1:], first[:, :-1], out=spread[:, 1:])
    np.minimum(spread[:, :-1], first[:, 1:], out=spread[:, :-1])
    return spread
