"""Subtract the reset transient, group by group, with one plane of the reference in memory at a time.

Source: spec reset.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jwst.lib.tiles import pixel_tiles
from stpipe.exceptions import InputError

__all__ = ["subtract_reset"]

_TILE_PIXELS = 32768


def subtract_reset(
    data: np.ndarray, read: Callable[[int, int], np.ndarray], *, shape: tuple[int, int], first: int = 0
) -> None:
    """Subtract the transient from the first groups of every integration, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps, C-contiguous. Groups after the last one of the reference do not change.
    read : callable
        ``read(i, g)`` gives group ``g`` of integration ``i`` of the reference as a new (ny, nx) array of float32 in DN.
        NaN stands for no correction.
    shape : (int, int)
        Integrations and groups of the reference. Its last integration stands for all that follow.
    first : int
        Number of the first integration of ``data`` in the exposure, counted from 0.

    Raises
    ------
    InputError
        The planes of the reference have another shape than those of the exposure, or there are none.
    """
    stored, groups = shape
    if stored < 1:
        raise InputError("The reset reference has no integration; use another one (override_reset)")
    for integration in range(min(first, stored - 1), stored):
        start = max(0, integration - first)
        target = data[start : start + 1] if integration < stored - 1 else data[start:]
        if not len(target):
            return
        for group in range(min(groups, data.shape[1])):
            _subtract_plane(target[:, group], read(integration, group))


def _subtract_plane(group: np.ndarray, plane: np.ndarray) -> None:
    """Subtract one plane of the reference from one group of some integrations; NaN counts as 0."""
    if plane.shape != group.shape[-2:]:
        raise InputError(
            f"The reset reference has planes of {plane.shape} but the exposure has {group.shape[-2:]}; "
            "use a reference of the same subarray (override_reset), or skip the step"
        )
    flat = plane.reshape(-1)
    targets = [target.reshape(-1) for target in group]
    for tile in pixel_tiles(flat.size, _TILE_PIXELS):
        part = flat[tile]
        if np.isnan(part.min()):
            part[np.isnan(part)] = 0
        for target in targets:
            np.subtract(target[tile], part, out=target[tile])
