"""What happens to the group flags before ramps are fitted. Source: spec ramp_fit.md §4.1 to §4.4."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from jwst.lib.dqflags import CHARGELOSS, DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps

__all__ = ["charge_loss_flags", "flagged_ramps", "limit_groups", "prepare_ramps", "suppress_one_group"]

log = logging.getLogger(__name__)

_TILE = 1 << 17


def prepare_ramps(ramps: Ramps, options: FitOptions) -> tuple[Ramps, np.ndarray | None] | None:
    """Apply the range of groups, the one-group rule and the trimming of MIRI ramps.

    Parameters
    ----------
    ramps : Ramps
        ``groupdq`` is updated in place.
    options : FitOptions

    Returns
    -------
    (Ramps, ndarray or None) or None
        The ramps to fit, and the group flags before the one-group rule where any group has CHARGELOSS. None where
        nothing can be fitted.
    """
    limit_groups(ramps.groupdq, options.firstgroup, options.lastgroup)
    saved = charge_loss_flags(ramps.groupdq)
    if options.suppress_one_group and ramps.data.shape[1] > 1:
        suppress_one_group(ramps.groupdq)
    if options.miri and ramps.data.shape[1] > 1:
        window = _good_range(ramps.groupdq)
        if window is None:
            return None
        ramps = replace(ramps, data=ramps.data[:, window], groupdq=ramps.groupdq[:, window])
        saved = None if saved is None else saved[:, window]
    if (ramps.groupdq[:, 0] & np.uint8(SATURATED)).all():
        log.warning("All pixels of all integrations are saturated in the first group; there is nothing to fit")
        return None
    return ramps, saved


def limit_groups(groupdq: np.ndarray, first: int | None, last: int | None) -> None:
    """Flag the groups outside a range as DO_NOT_USE, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
    first, last : int or None
        Inclusive range, counted from 0. A range that makes no sense is ignored with a warning.
    """
    ngroups = groupdq.shape[1]
    if first is not None and first < 0:
        log.warning("firstgroup=%d is below 0; groups are used from the first on", first)
        first = 0
    if last is not None and last >= ngroups:
        log.warning("lastgroup=%d is not below the %d groups; groups are used to the last", last, ngroups)
        last = None
    first = first or 0
    last = ngroups - 1 if last is None else last
    if first >= last and (first, last) != (0, ngroups - 1):
        log.warning("firstgroup=%d is not below lastgroup=%d; both are ignored", first, last)
        return
    groupdq[:, :first] |= np.uint8(DO_NOT_USE)
    groupdq[:, last + 1 :] |= np.uint8(DO_NOT_USE)


def charge_loss_flags(groupdq: np.ndarray) -> np.ndarray | None:
    """Copy the group flags if any group has CHARGELOSS.

    Returns
    -------
    ndarray or None
    """
    flat = groupdq.reshape(-1)
    for begin in range(0, flat.size, _TILE):
        if (flat[begin : begin + _TILE] & np.uint8(CHARGELOSS)).any():
            return groupdq.copy()
    return None


def flagged_ramps(groupdq: np.ndarray, window: slice) -> np.ndarray:
    """Find ramps that have other flags than DO_NOT_USE outside a window of groups and none inside.

    Parameters
    ----------
    groupdq : (ngroups, n) ndarray of uint8
    window : slice
        Usual groups.

    Returns
    -------
    ndarray of int
        Indices into the second axis.
    """
    found = np.bitwise_or.reduce(groupdq[window], axis=0)
    for outside in (groupdq[: window.start], groupdq[window.stop :]):
        found |= np.bitwise_or.reduce(outside ^ np.uint8(DO_NOT_USE), axis=0)
    return np.flatnonzero(found)


def suppress_one_group(groupdq: np.ndarray) -> None:
    """Flag ramps that have exactly one good group as DO_NOT_USE in all groups, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        A group is good if it has no flag but PERSISTENCE.
    """
    nints, ngroups = groupdq.shape[:2]
    planes = groupdq.reshape(nints, ngroups, -1)
    for integration in planes:
        for begin in range(0, integration.shape[1], _TILE):
            part = integration[:, begin : begin + _TILE]
            part[:, np.flatnonzero(_good_groups(part) == 1)] |= np.uint8(DO_NOT_USE)


def _good_groups(groupdq: np.ndarray) -> np.ndarray:
    """Number of groups without a flag but PERSISTENCE in each ramp of a tile (ngroups, n)."""
    count = np.zeros(groupdq.shape[1], np.uint8 if len(groupdq) < 256 else np.uint32)
    flags, good = np.empty(groupdq.shape[1], np.uint8), np.empty(groupdq.shape[1], bool)
    for plane in groupdq:
        np.bitwise_and(plane, np.uint8(255 - PERSISTENCE), out=flags)
        np.logical_not(flags, out=good)
        np.add(count, good.view(np.uint8), out=count)
    return count


def _good_range(groupdq: np.ndarray) -> slice | None:
    """Leave out leading groups, and one trailing group, that are DO_NOT_USE everywhere (MIRI)."""
    ngroups = groupdq.shape[1]
    first = 0
    while first < ngroups and _unusable(groupdq[:, first]):
        first += 1
        if first < ngroups:
            groupdq[:, first] &= np.uint8(255 - JUMP_DET)
    stop = ngroups - 1 if first < ngroups and _unusable(groupdq[:, -1]) else ngroups
    if stop - first < 2:
        log.warning("Fewer than two groups are left after the trimming of MIRI ramps; there is nothing to fit")
        return None
    return slice(first, stop)


def _unusable(group: np.ndarray) -> bool:
    """Whether a group (nints, ny, nx) is DO_NOT_USE in all pixels of all integrations."""
    return all((plane & np.uint8(DO_NOT_USE)).all() for plane in group)
