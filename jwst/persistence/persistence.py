"""Flags for groups that fall into a fixed time after a pixel was saturated.

Source: spec persistence.md.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, PERSISTENCE, SATURATED
from jwst.lib.tiles import flat_pixels, pixel_tiles

__all__ = ["DataSet", "PersistenceWindow", "epoch_of", "flag_persistence"]

log = logging.getLogger(__name__)

MJD_OF_EPOCH = 40587
SECONDS_PER_DAY = 86400
TILE = 65536
CANDIDATES = 32768


def epoch_of(mjd: float) -> float:
    """Unix time in seconds of a modified Julian date.

    Parameters
    ----------
    mjd : float
        Days.

    Returns
    -------
    float
    """
    return (mjd - MJD_OF_EPOCH) * SECONDS_PER_DAY


@dataclass(frozen=True)
class PersistenceWindow:
    """What opens a window of persistence, and what is flagged in it.

    Parameters
    ----------
    seconds : float
        Its length.
    dn_threshold : float or None
        Counts above which a group opens one too.
    do_not_use : bool
        Flag DO_NOT_USE together with PERSISTENCE.
    """

    seconds: float
    dn_threshold: float | None = None
    do_not_use: bool = False


@dataclass(frozen=True)
class DataSet:
    """A ramp with the times that it was taken at.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps; read only where a limit in counts is given.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        C-contiguous; updated in place by `flag_persistence`.
    starts : sequence of float
        Unix time of the start of each integration, seconds.
    group_time : float
        Seconds between groups.
    """

    data: np.ndarray
    groupdq: np.ndarray
    starts: Sequence[float]
    group_time: float


def flag_persistence(ramp: DataSet, window: PersistenceWindow, ends: np.ndarray | None = None) -> np.ndarray:
    """Flag the groups that lie in a window of persistence, in place.

    Parameters
    ----------
    ramp : DataSet
        Its ``groupdq`` is updated in place with PERSISTENCE, and DO_NOT_USE where that is asked for.
    window : PersistenceWindow
    ends : (ny, nx) ndarray of float64, optional
        Unix times at which windows of earlier exposures end; 0 where there is none. Not changed.

    Returns
    -------
    (ny, nx) ndarray of float64
        Unix times at which the windows end, for the next exposure.

    Notes
    -----
    Only pixels that are saturated, above the limit or still in a window are followed.
    Source: spec persistence.md, "Algorithm".
    """
    ny, nx = ramp.groupdq.shape[-2:]
    ends = np.zeros((ny, nx)) if ends is None else ends.astype(np.float64)
    flat = ends.reshape(-1)
    flags = flat_pixels(ramp.groupdq, 2)
    pixels = _candidates(ramp, window, flat)
    future = 0
    for part in pixel_tiles(pixels.size, CANDIDATES):
        some = pixels[part]
        after, found = _follow(ramp, window, some, flat[some])
        flat[some] = after
        future += found
    if future:
        log.info("%d windows of persistence begin after the group they were compared with; they are ignored", future)
    log.debug("%d of %d pixels followed, in %d integrations", pixels.size, flat.size, len(flags))
    return ends


def _candidates(ramp: DataSet, window: PersistenceWindow, ends: np.ndarray) -> np.ndarray:
    """Indices of the pixels that can have a window."""
    flags = flat_pixels(ramp.groupdq)
    data = flat_pixels(ramp.data) if window.dn_threshold is not None else None
    found = ends != 0
    for tile in pixel_tiles(ends.size, max(1024, TILE // max(len(flags), 1))):
        saturated = flags[:, tile] & np.uint8(SATURATED)
        if saturated.any():
            found[tile] |= saturated.any(axis=0)
        if data is not None:
            found[tile] |= (data[:, tile] > np.float32(window.dn_threshold)).any(axis=0)
    return np.flatnonzero(found)


def _follow(ramp: DataSet, window: PersistenceWindow, pixels: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, int]:
    """Follow some pixels through all groups; returns when their windows end and how many began in the future."""
    flags = flat_pixels(ramp.groupdq, 2)
    data = flat_pixels(ramp.data, 2) if window.dn_threshold is not None else None
    raised = np.uint8(PERSISTENCE | (DO_NOT_USE if window.do_not_use else 0))
    future = 0
    for integration, start in enumerate(ramp.starts):
        count = np.zeros(pixels.size, np.int32)
        time = start
        for group in range(flags.shape[1]):
            time += ramp.group_time
            dq = flags[integration, group, pixels]
            end = time + window.seconds
            ends[ends < time] = 0
            count += (dq & np.uint8(SATURATED)) != 0
            ends[count == 1] = end
            if data is not None:
                ends[(data[integration, group, pixels] > np.float32(window.dn_threshold)) & (ends == 0)] = end
            later = ends > end
            future += int(np.count_nonzero(later))
            ends[later] = 0
            open_now = ends > 0
            flags[integration, group, pixels[open_now]] |= raised
    return ends, future
