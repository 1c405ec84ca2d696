"""Differences of an exposure against their median and scatter, for the search for showers.

Source: spec jump.md §7.4, steps 2 to 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jwst.jump.differences import UNUSABLE, Ramps, signed_median
from jwst.jump.sigma_clip import clip_bounds
from jwst.jump.threads import share
from jwst.lib.dqflags import JUMP_DET
from jwst.lib.selection import middle_ranks, select_ranks

__all__ = ["Differences", "Expected", "spoiled"]

JUMP = np.uint8(JUMP_DET)
SIGMAS = 5.0

TILE_BYTES = 1 << 20
"""Size of the differences of a tile."""


def spoiled(flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which groups have no signal: those that are unusable, and those whose only flag is JUMP_DET.

    Parameters
    ----------
    flags : ndarray of uint8

    Returns
    -------
    ndarray of bool, of the same shape
    """
    result: NDArray[np.bool_] = (flags & UNUSABLE).astype(bool)
    result |= flags == JUMP
    return result


class Differences:
    """First differences without groups that a jump or a flag has spoiled, flattened pixels.

    Parameters
    ----------
    ramps : Ramps
    """

    def __init__(self, ramps: Ramps) -> None:
        self._ramps = ramps

    def group(self, i: int, g: int, part: slice) -> NDArray[np.float32]:
        """Signal in electrons, NaN where the group is spoiled."""
        electrons = self._ramps.data[i, g, part] * self._ramps.gain[part]
        np.copyto(electrons, np.float32(np.nan), where=spoiled(self._ramps.groupdq[i, g, part]))
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


class Expected:
    """Median of the differences and their scatter; for each group where many integrations are compared.

    Parameters
    ----------
    ramps : Ramps
        With at least one usable difference.
    minimum_integrations : int
        From this many integrations on, a difference is compared across integrations.
    workers : int
        Threads that share the pixels; the result does not depend on it.
    """

    def __init__(self, ramps: Ramps, minimum_integrations: int, *, workers: int = 1) -> None:
        self._differences, self._ramps = Differences(ramps), ramps
        nints, ngroups, npixels = ramps.data.shape
        usual = set(ramps.usual().pairs)
        self._usual = np.array([pair in usual or not usual for pair in ramps.pairs])
        self.by_group = nints >= minimum_integrations
        planes = ngroups - 1 if self.by_group else 1
        self._median, self._scatter = np.empty((planes, npixels)), np.empty((planes, npixels))
        size = max(TILE_BYTES // (4 * max(nints * (1 if self.by_group else ngroups), 1)), 256)
        parts = [slice(start, min(start + size, npixels)) for start in range(0, npixels, size)]
        share(self._fill, parts, workers=workers)

    def of(self, g: int, part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Median and scatter of the difference that ends in group ``g``, electron."""
        k = g - 1 if self.by_group else 0
        return self._median[k, part], self._scatter[k, part]

    def ratio(self, i: int, g: int, part: slice) -> NDArray[np.float64]:
        """Distance of a difference from the median, in units of the scatter."""
        median, scatter = self.of(g, part)
        distance: NDArray[np.float64] = np.subtract(self._differences.one(i, g, part), median)
        np.abs(distance, out=distance)
        distance /= scatter
        return distance

    def _fill(self, parts: list[slice]) -> list[None]:
        with np.errstate(all="ignore"):
            for part in parts:
                for k in range(len(self._median)):
                    self._median[k, part], self._scatter[k, part] = (
                        self._clip(k, part) if self.by_group else self._all(part)
                    )
        return [None] * len(parts)

    def _all(self, part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        median = _median(self._differences.all(part), self._usual)
        return median, np.sqrt(np.abs(median) + self._ramps.read_variance(part) / self._ramps.nframes)

    def _clip(self, k: int, part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = np.stack([self._differences.one(i, k + 1, part) for i in range(len(self._ramps.data))], axis=1)
        low, high = clip_bounds(columns, SIGMAS)
        kept = (columns >= low[:, None]) & (columns <= high[:, None])
        values = np.where(kept, columns, np.float32(np.nan))
        mean = np.where(kept, columns, 0).sum(axis=1, dtype=np.float64) / kept.sum(axis=1)
        variance = np.where(kept, (columns - mean[:, None]) ** 2, 0).sum(axis=1) / kept.sum(axis=1)
        return signed_median(np.ascontiguousarray(values.T)), np.sqrt(variance)


def _median(differences: NDArray[np.float32], usual: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Median of the finite members of each column of ``differences`` (destroyed), as by `signed_median`.

    Most columns have exactly the members of the ``usual`` rows, so that their median has the same rank in all.
    """
    odd = np.zeros(differences.shape[1], bool)
    members = differences
    if not usual.all():
        members = differences[usual]
        np.isfinite(differences[~usual]).any(axis=0, out=odd)
    odd |= ~np.isfinite(members.sum(axis=0))
    others = np.flatnonzero(odd)
    medians_of_others = signed_median(differences[:, others])
    low, high = middle_ranks(len(members))
    planes = select_ranks(members, (low, high) if high > low else (low,))
    median = planes[0].astype(np.float64)
    median += planes[-1]
    median *= 0.5
    median[others] = medians_of_others
    return median
