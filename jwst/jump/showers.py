"""Showers: faint extended events of the MIRI detectors, found in smoothed differences.

Source: spec jump.md §7.4.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.jump.blobs import Blobs, draw_ellipse, find_blobs
from jwst.jump.differences import Ramps, bad_planes
from jwst.jump.shower_ratio import Expected
from jwst.jump.shower_search import LEFT_OUT, Scene, bright_pixels
from jwst.jump.smoothing import Ring
from jwst.lib.dqflags import JUMP_DET, SATURATED

__all__ = ["ShowerParameters", "flag_showers"]

log = logging.getLogger(__name__)

JUMP, SAT = np.uint8(JUMP_DET), np.uint8(SATURATED)
FEWEST_DIFFERENCES = 10

LARGEST_RATE = 6.0
"""A pixel whose mean rate would change by more than this, electron/s, gets its flags back."""


@dataclass(frozen=True)
class ShowerParameters:
    """How showers are recognised and grown; the names are those of the step's parameters.

    Attributes
    ----------
    extend_snr_threshold : float
        Smallest smoothed ratio of a difference to its expected scatter.
    extend_min_area : float, pixel
    extend_inner_radius, extend_outer_radius : float, pixel
        Inner radius and width of the smoothing ring.
    extend_ellipse_expand_ratio : float
        Growth of the short axis; the long axis grows by the same length.
    max_extended_radius : int, pixel
        Limit of grown radii.
    groups_after : int
        Groups that are flagged after that of the shower.
    minimum_sigclip_groups : int
        From this many integrations on, a difference is compared across integrations.
    group_time : float, s
    workers : int
        Threads that share the rows; the result does not depend on it.
    """

    extend_snr_threshold: float = 1.2
    extend_min_area: float = 90
    extend_inner_radius: float = 1.0
    extend_outer_radius: float = 2.6
    extend_ellipse_expand_ratio: float = 1.1
    max_extended_radius: int = 200
    groups_after: int = 0
    minimum_sigclip_groups: int = 100
    group_time: float = 1.0
    workers: int = 1


def flag_showers(
    ramps: Ramps, groupdq: NDArray[np.uint8], *, pixeldq: NDArray[np.uint32], parameters: ShowerParameters
) -> int:
    """Flag showers, in place.

    Parameters
    ----------
    ramps : Ramps
        Its ``groupdq`` is a view of the next argument.
    groupdq : (nints, ngroups, ny, nx) C-contiguous ndarray of uint8
        Flags after the search for jumps. Updated in place.
    pixeldq : (ny, nx) ndarray of uint32
        Pixels with DO_NOT_USE, SATURATED or JUMP_DET take no part.
    parameters : ShowerParameters

    Returns
    -------
    int
        Number of showers, each counted in every group in which it is found; 0 when there are too few differences.
    """
    nints, ngroups = groupdq.shape[:2]
    excluded = bad_planes(groupdq)
    usable = nints * (ngroups - 1) - int(np.count_nonzero(excluded))
    if usable < FEWEST_DIFFERENCES or not ramps.pairs:
        log.warning("Not enough groups for the search for showers: %d are needed", FEWEST_DIFFERENCES)
        return 0
    with np.errstate(all="ignore"):
        bad_pixels = (pixeldq & np.uint32(LEFT_OUT)) != 0
        ring = Ring(parameters.extend_inner_radius, parameters.extend_inner_radius + parameters.extend_outer_radius)
        workers = parameters.workers
        expected = Expected(ramps, parameters.minimum_sigclip_groups, workers=workers)
        scene = Scene(ramps, expected, bad_pixels, ring, parameters.extend_snr_threshold, workers)
        count = 0
        for i in range(nints):
            events = _search(scene, excluded, i, minimum=parameters.extend_min_area)
            _flag_integration(ramps, i, events, bad_pixels.shape, parameters)
            count += sum(len(blobs) for _, blobs in events)
    return count


def _search(scene: Scene, excluded: NDArray[np.bool_], i: int, *, minimum: float) -> list[tuple[int, Blobs]]:
    """Group and showers of each difference of an integration that has showers."""
    bad = excluded[i]
    groups = [g for g in range(1, len(bad)) if not (bad[g] or bad[g - 1])]
    found = [(g, find_blobs(at, scene.bad_pixels.shape, minimum=minimum)) for g, at in bright_pixels(scene, i, groups)]
    return [(g, blobs) for g, blobs in found if len(blobs)]


def _flag_integration(
    ramps: Ramps, i: int, events: list[tuple[int, Blobs]], shape: tuple[int, int], parameters: ShowerParameters
) -> None:
    """Flag the showers of an integration, and take flags back where they would change the rate too much."""
    flags = ramps.groupdq[i]
    outlines = [(g, inside) for g, blobs in events for inside in _grown(blobs, shape, parameters)]
    if not outlines:
        return
    pixels = np.unique(np.concatenate([inside for _, inside in outlines]))
    before = flags[:, pixels]
    for g, inside in outlines:
        for plane in flags[g : g + parameters.groups_after + 1]:
            inside = inside[(plane[inside] & SAT) == 0]
            plane[inside] |= JUMP
    electrons = ramps.data[i][:, pixels] * ramps.gain[pixels]
    change = np.abs(_mean_rate(electrons, flags[:, pixels]) - _mean_rate(electrons, before))
    lost = ~(change <= LARGEST_RATE * parameters.group_time)
    flags[:, pixels[lost]] = before[:, lost]


def _grown(blobs: Blobs, shape: tuple[int, int], parameters: ShowerParameters) -> Iterator[NDArray[np.intp]]:
    """Flat indices of the pixels inside each grown ellipse."""
    limit = 2 * parameters.max_extended_radius
    for centre, short, long, angle in blobs.outlines():
        growth = short * (parameters.extend_ellipse_expand_ratio - 1)
        semi_axes = round(min(short + growth, limit) / 2), round(min(long + growth, limit) / 2)
        yield draw_ellipse(centre, semi_axes, angle, shape=shape)


def _mean_rate(electrons: NDArray[np.float32], flags: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean difference of pixels over pairs of groups without a flag, NaN without a pair."""
    used = (flags & LEFT_OUT) == 0
    pair = used[1:] & used[:-1]
    total = np.where(pair, np.diff(electrons, axis=0), 0).sum(axis=0, dtype=np.float64)
    return total / pair.sum(axis=0)
