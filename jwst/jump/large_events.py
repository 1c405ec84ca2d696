"""Snowballs: large near-infrared events with a saturated core and a wide halo of charge.

Source: spec jump.md §7.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.jump.blobs import Blobs, draw_ellipse, find_blobs, flagged_pixels
from jwst.lib.dqflags import JUMP_DET, SATURATED

__all__ = ["SnowballParameters", "flag_snowballs"]

JUMP, SAT = np.uint8(JUMP_DET), np.uint8(SATURATED)

TOGETHER = 1 << 19
"""Samples that are searched for flags together."""


@dataclass(frozen=True)
class SnowballParameters:
    """How snowballs are recognised and grown; the names are those of the step's parameters.

    Attributes
    ----------
    min_sat_area, min_jump_area : float, pixel
        Smallest areas of a newly saturated and of a jump blob.
    expand_factor : float
        Growth of the short axis of an event; the long axis grows by the same length.
    sat_required_snowball : bool
        An event away from the edge needs a saturated core.
    min_sat_radius_extend : float, pixel
        Cores are grown when their short full axis exceeds this.
    sat_expand : int, pixel
        Growth of the radius of a core.
    edge_size : int, pixel
        Width of the border in which no core is needed.
    max_extended_radius : int, pixel
        Limit of grown radii.
    next_integration_groups : int
        Groups flagged at the core in the integration that follows: 1 up to, not including, this one. 0 for none.
    """

    min_sat_area: float = 1.0
    min_jump_area: float = 5.0
    expand_factor: float = 2.0
    sat_required_snowball: bool = True
    min_sat_radius_extend: float = 2.5
    sat_expand: int = 2
    edge_size: int = 25
    max_extended_radius: int = 200
    next_integration_groups: int = 0


def flag_snowballs(groupdq: NDArray[np.uint8], parameters: SnowballParameters) -> int:
    """Flag the halos and cores of snowballs, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) C-contiguous ndarray of uint8
        Updated in place.
    parameters : SnowballParameters

    Returns
    -------
    int
        Number of events, each counted in every group in which it is found.
    """
    found = [_flag_integration(flags, parameters) for flags in groupdq]
    groups = min(parameters.next_integration_groups, groupdq.shape[1])
    for flags, (_, core) in zip(groupdq[1:], found):
        flags.reshape(flags.shape[0], -1)[1:groups, core] |= JUMP
    return sum(events for events, _ in found)


def _flag_integration(flags: NDArray[np.uint8], parameters: SnowballParameters) -> tuple[int, NDArray[np.intp]]:
    """Flag the events of one integration; gives their number and the pixels of the cores that linger."""
    shape, ngroups = flags.shape[1:], flags.shape[0]
    events, cores = 0, [np.empty(0, dtype=np.intp)]
    sparse, known = _SparseFlags(flags), dict[int, Blobs]()

    def new_saturation(g: int) -> Blobs:
        if g not in known:
            known[g] = find_blobs(sparse.saturations(g), shape, minimum=parameters.min_sat_area)
        return known[g]

    for g in range(1, ngroups):
        jumps = find_blobs(sparse.jumps(g), shape, minimum=parameters.min_jump_area)
        if parameters.sat_required_snowball:
            now = new_saturation(g)
            following = new_saturation(g + 1) if len(jumps) and g + 1 < ngroups else None
            jumps = jumps[_is_event(jumps, (now, following), shape[0], parameters=parameters)]
            drawn = _grow_cores(flags, g, now, parameters=parameters)
            if drawn is not None:
                cores.append(drawn)
                sparse = _SparseFlags(flags)
                known.clear()
        if len(jumps):
            _grow_events(flags[g], jumps, parameters)
        events += len(jumps)
    return events, np.unique(np.concatenate(cores))


class _SparseFlags:
    """Where the groups of an integration have jumps and new saturation: small planes all at once, others when asked
    for."""

    def __init__(self, flags: NDArray[np.uint8]) -> None:
        self._flags = flags
        self._step = max(1, TOGETHER // flags[0].size)
        self._jumps: dict[int, NDArray[np.intp]] = {}
        self._saturations: dict[int, NDArray[np.intp]] = {}

    def jumps(self, g: int) -> NDArray[np.intp]:
        """Flat indices of the jumps of a group, ascending."""
        if g not in self._jumps:
            part = slice(g, g + self._step)
            self._jumps.update(enumerate(_by_group(self._flags[part] & JUMP), g))
        return self._jumps[g]

    def saturations(self, g: int) -> NDArray[np.intp]:
        """Flat indices of what is saturated in group ``g`` > 0 and not in the one before, ascending."""
        if g not in self._saturations:
            fresh = np.invert(self._flags[g - 1 : g - 1 + self._step])
            fresh = fresh[: len(self._flags) - g]
            fresh &= self._flags[g : g + self._step]
            fresh &= SAT
            self._saturations.update(enumerate(_by_group(fresh), g))
        return self._saturations[g]


def _by_group(mask: NDArray[np.uint8]) -> list[NDArray[np.intp]]:
    """Flat indices of the non-zero elements of each plane."""
    found = flagged_pixels(mask)
    size = mask[0].size
    edges = np.searchsorted(found, np.arange(len(mask) + 1) * size)
    return [found[begin:end] - g * size for g, (begin, end) in enumerate(zip(edges[:-1], edges[1:]))]


def _is_event(
    jumps: Blobs, cores: tuple[Blobs, Blobs | None], nrows: int, *, parameters: SnowballParameters
) -> NDArray[np.bool_]:
    """Tell which jump blobs are near an edge or have a new core; both coordinates are compared with the rows."""
    near, far = parameters.edge_size, max(0, nrows - parameters.edge_size)
    event = (jumps.x < near) | (jumps.y < near) | (jumps.x > far) | (jumps.y > far)
    for some in cores:
        if some is not None and len(some):
            rest = np.flatnonzero(~event)
            event[rest] = jumps[rest].contains_any(some)
    return event


def _grow_cores(
    flags: NDArray[np.uint8], g: int, cores: Blobs, *, parameters: SnowballParameters
) -> NDArray[np.intp] | None:
    """Set grown cores to SATURATED from group ``g`` on; gives the pixels of the cores before, None without cores."""
    large = cores[np.minimum(cores.short, cores.long) > parameters.min_sat_radius_extend]
    if len(large) == 0:
        return None
    planes, shape = flags.reshape(flags.shape[0], -1), flags.shape[1:]
    grow, limit = 2 * parameters.sat_expand, 2 * parameters.max_extended_radius
    kept = []
    for centre, short, long, angle in large.outlines():
        grown = round(min(short + grow, limit) / 2), round(min(long + grow, limit) / 2)
        planes[g:, draw_ellipse(centre, grown, angle, shape=shape)] = SAT
        kept.append(draw_ellipse(centre, (round(short / 2), round(long / 2)), angle, shape=shape))
    return np.concatenate(kept)


def _grow_events(plane: NDArray[np.uint8], events: Blobs, parameters: SnowballParameters) -> None:
    """Set JUMP_DET inside the grown ellipses of events in one group, except where it is SATURATED."""
    flat, limit = plane.reshape(-1), 2 * parameters.max_extended_radius
    for centre, short, long, angle in events.outlines():
        growth = short * (parameters.expand_factor - 1)
        semi_axes = round(min(short + growth, limit) / 2), round(min(long + growth, limit) / 2)
        inside = draw_ellipse(centre, semi_axes, angle, shape=plane.shape)
        flat[inside[(flat[inside] & SAT) == 0]] |= JUMP
