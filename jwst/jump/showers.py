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
from jwst.jump.differences import UNUSABLE, Ramps, bad_planes, signed_median
from jwst.jump.sigma_clip import clip_bounds
from jwst.jump.smoothing import Ring
from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, SATURATED

__all__ = ["ShowerParameters", "flag_showers"]

log = logging.getLogger(__name__)

JUMP, SAT = np.uint8(JUMP_DET), np.uint8(SATURATED)
LEFT_OUT = np.uint8(DO_NOT_USE | SATURATED | JUMP_DET)
SIGMAS = 5.0
FEWEST_DIFFERENCES = 10

LARGEST_RATE = 6.0
"""A pixel whose mean rate would change by more than this, electron/s, gets its flags back."""

TILE_BYTES = 1 << 20


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
    if nints * (ngroups - 1) - int(np.count_nonzero(excluded)) < FEWEST_DIFFERENCES:
        log.warning("Not enough groups for the search for showers: %d are needed", FEWEST_DIFFERENCES)
        return 0
    with np.errstate(all="ignore"):
        expected = _Expected(_Differences(ramps), ramps, parameters.minimum_sigclip_groups)
        bad_pixels = (pixeldq & np.uint32(LEFT_OUT)) != 0
        found = list(_search(expected, groupdq, bad_pixels, parameters=parameters))
        for i in range(nints):
            events = [(g, blobs) for j, g, blobs in found if j == i]
            _flag_integration(ramps, i, events, bad_pixels.shape, parameters)
    return sum(len(blobs) for _, _, blobs in found)


class _Differences:
    """First differences without groups that a jump or a flag has spoiled, flattened pixels."""

    def __init__(self, ramps: Ramps) -> None:
        self._ramps = ramps

    def group(self, i: int, g: int, part: slice) -> NDArray[np.float32]:
        """Signal in electrons, NaN where the group is unusable or its only flag is JUMP_DET."""
        electrons = self._ramps.data[i, g, part] * self._ramps.gain[part]
        flags = self._ramps.groupdq[i, g, part]
        np.copyto(electrons, np.float32(np.nan), where=((flags & UNUSABLE) != 0) | (flags == JUMP))
        return electrons

    def one(self, i: int, g: int, part: slice) -> NDArray[np.float32]:
        """Difference that ends in group ``g``."""
        return self.group(i, g, part) - self.group(i, g - 1, part)

    def all(self, part: slice) -> NDArray[np.float32]:
        """All usable differences of the exposure, shape (npairs, n)."""
        out = np.empty((len(self._ramps.pairs), part.stop - part.start), np.float32)
        later, known = np.empty(0, np.float32), (-1, -1)
        for row, (i, g) in zip(out, self._ramps.pairs):
            earlier = later if known == (i, g) else self.group(i, g, part)
            later, known = self.group(i, g + 1, part), (i, g + 1)
            np.subtract(later, earlier, out=row)
        return out


class _Expected:
    """Median of the differences and their scatter; for each group where many integrations are compared."""

    def __init__(self, differences: _Differences, ramps: Ramps, minimum_integrations: int) -> None:
        self._differences, self._ramps = differences, ramps
        nints, ngroups, npixels = ramps.data.shape
        self._clipped = nints >= minimum_integrations
        planes = ngroups - 1 if self._clipped else 1
        self._median, self._scatter = np.empty((planes, npixels)), np.empty((planes, npixels))
        size = max(TILE_BYTES // (4 * max(nints * (1 if self._clipped else ngroups), 1)), 256)
        for start in range(0, npixels, size):
            part = slice(start, min(start + size, npixels))
            for k in range(planes):
                self._median[k, part], self._scatter[k, part] = (
                    self._clip(k, part) if self._clipped else self._all(part)
                )

    def ratio(self, i: int, g: int, part: slice) -> NDArray[np.float64]:
        """Distance of a difference from the median, in units of the scatter."""
        k = g - 1 if self._clipped else 0
        distance: NDArray[np.float64] = np.subtract(self._differences.one(i, g, part), self._median[k, part])
        np.abs(distance, out=distance)
        distance /= self._scatter[k, part]
        return distance

    def _all(self, part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        median = signed_median(self._differences.all(part))
        return median, np.sqrt(np.abs(median) + self._ramps.read_variance(part) / self._ramps.nframes)

    def _clip(self, k: int, part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = np.stack([self._differences.one(i, k + 1, part) for i in range(len(self._ramps.data))], axis=1)
        low, high = clip_bounds(columns, SIGMAS)
        kept = (columns >= low[:, None]) & (columns <= high[:, None])
        values = np.where(kept, columns, np.float32(np.nan))
        mean = np.where(kept, columns, 0).sum(axis=1, dtype=np.float64) / kept.sum(axis=1)
        variance = np.where(kept, (columns - mean[:, None]) ** 2, 0).sum(axis=1) / kept.sum(axis=1)
        return signed_median(np.ascontiguousarray(values.T)), np.sqrt(variance)


def _search(
    expected: _Expected,
    groupdq: NDArray[np.uint8],
    bad_pixels: NDArray[np.bool_],
    *,
    parameters: ShowerParameters,
) -> Iterator[tuple[int, int, Blobs]]:
    """Give integration, group and showers of each difference with showers."""
    ring = Ring(parameters.extend_inner_radius, parameters.extend_inner_radius + parameters.extend_outer_radius)
    for i, excluded in enumerate(bad_planes(groupdq)):
        first = int(np.argmin(excluded)) if not excluded.all() else len(excluded)
        for g in range(first + 1, len(excluded)):
            if excluded[g] or excluded[g - 1]:
                continue
            pixels = _bright_pixels(expected, groupdq[i, g], (i, g), bad_pixels, ring, parameters.extend_snr_threshold)
            blobs = find_blobs(pixels, bad_pixels.shape, minimum=parameters.extend_min_area)
            if len(blobs):
                yield i, g, blobs


def _bright_pixels(
    expected: _Expected,
    flags: NDArray[np.uint8],
    place: tuple[int, int],
    bad_pixels: NDArray[np.bool_],
    ring: Ring,
    threshold: float,
) -> NDArray[np.intp]:
    """Flat indices of the pixels of a group whose smoothed ratio exceeds the threshold."""
    ny, nx = flags.shape
    r, height = ring.radius, max(TILE_BYTES // (16 * nx), 4 * ring.radius, 1)
    found = []
    for top in range(0, ny, height):
        bottom = min(top + height, ny)
        low, high = max(top - r, 0), min(bottom + r, ny)
        padded = np.zeros((bottom - top + 2 * r, nx + 2 * r))
        inner = padded[low - top + r : high - top + r, r : r + nx]
        inner[...] = expected.ratio(*place, slice(low * nx, high * nx)).reshape(high - low, nx)
        np.copyto(inner, np.nan, where=((flags[low:high] & LEFT_OUT) != 0) | bad_pixels[low:high])
        found.append(np.flatnonzero(ring.mean(padded) > threshold) + top * nx)
    return np.concatenate(found)


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
