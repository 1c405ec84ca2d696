"""What follows a detected jump: flagged neighbours, flagged later groups, and flags that must not stand together.

Source: spec jump.md §6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.jump.differences import UNUSABLE, Ramps, scatter, signed_median
from jwst.lib.dqflags import JUMP_DET

__all__ = [
    "AfterJump",
    "Neighbours",
    "drop_flags_of_unusable_groups",
    "flag_after_jump",
    "flag_neighbours",
    "neighbour_seeds",
    "pixels_with_jumps",
]

JUMP = np.uint8(JUMP_DET)


@dataclass(frozen=True)
class Neighbours:
    """Which hits spread to the four pixels that share an edge: those with ``minimum < ratio < maximum``.

    Attributes
    ----------
    minimum, maximum : float
        In units of the expected scatter.
    """

    minimum: float = 10.0
    maximum: float = 1000.0


@dataclass(frozen=True)
class AfterJump:
    """Two pairs of an amplitude (DN) and the number of groups flagged after a hit at least that large."""

    dn1: float = 0.0
    groups1: int = 0
    dn2: float = 0.0
    groups2: int = 0

    @property
    def pairs(self) -> tuple[tuple[float, int], ...]:
        """The (amplitude, groups) pairs; empty when no group is to be flagged."""
        both = ((self.dn1, self.groups1), (self.dn2, self.groups2))
        return both if self.groups1 > 0 or self.groups2 > 0 else ()


def neighbour_seeds(
    ramps: Ramps, pixels: NDArray[np.intp], differences: NDArray[np.float32], *, limits: Neighbours
) -> NDArray[np.intp]:
    """Find the jumps of chosen pixels that spread.

    Parameters
    ----------
    ramps : Ramps
    pixels : (n,) ndarray of intp
    differences : (npairs, n) ndarray of float32, electron
        Of these pixels.
    limits : Neighbours

    Returns
    -------
    (k,) ndarray of intp
        Flat indices into ``ramps.groupdq``.
    """
    pair, column = np.nonzero(ramps.pair_flags(pixels) & JUMP)
    median = signed_median(differences)
    ratio = np.abs(differences[pair, column] - median[column])
    ratio /= scatter(ramps, pixels, median)[column]
    spreads = (ratio > limits.minimum) & (ratio < limits.maximum)
    pair, column = pair[spreads], column[spreads]
    return ramps.pair_planes[pair] * ramps.npixels + pixels[column]


def flag_neighbours(groupdq: NDArray[np.uint8], seeds: NDArray[np.intp]) -> None:
    """Set JUMP_DET on the four edge neighbours of each seed, unless they are unusable in that group; in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Updated in place.
    seeds : (k,) ndarray of intp
        Flat indices into ``groupdq``.
    """
    ny, nx = groupdq.shape[2:]
    flat = groupdq.reshape(-1)
    row, column = np.divmod(seeds % (ny * nx), nx)
    steps = ((-nx, row > 0), (nx, row < ny - 1), (-1, column > 0), (1, column < nx - 1))
    targets = np.concatenate([seeds[inside] + step for step, inside in steps])
    flat[targets[(flat[targets] & UNUSABLE) == 0]] |= JUMP


def pixels_with_jumps(ramps: Ramps) -> NDArray[np.intp]:
    """Find the pixels with JUMP_DET in any group, as ascending flat pixel numbers."""
    size = 1 << 16
    found = [np.empty(0, dtype=np.intp)]
    flags = np.empty(size, dtype=np.uint8)
    for start in range(0, ramps.npixels, size):
        stop = min(start + size, ramps.npixels)
        ramps.flags(slice(start, stop), flags[: stop - start])
        found.append(np.flatnonzero(flags[: stop - start] & JUMP) + start)
    return np.concatenate(found)


def flag_after_jump(
    ramps: Ramps,
    pixels: NDArray[np.intp],
    differences: NDArray[np.float32],
    *,
    electrons: tuple[tuple[float, int], ...],
) -> None:
    """Flag the groups that follow large positive jumps of chosen pixels, in place.

    Parameters
    ----------
    ramps : Ramps
        Its ``groupdq`` is updated in place.
    pixels : (n,) ndarray of intp
    differences : (npairs, n) ndarray of float32, electron
        Of these pixels.
    electrons : tuple of (amplitude, groups)
        Amplitudes in electrons above the median difference, and how many groups follow the jump.

    Notes
    -----
    The group of the jump is a part of the run. A group that is unusable is passed over; the run goes on after it.
    """
    excess = np.subtract(differences, signed_median(differences), dtype=np.float64)
    jumped = (ramps.pair_flags(pixels) & JUMP) != 0
    flags = ramps.group_flags(pixels)
    nints, ngroups = flags.shape[:2]
    marked = np.zeros(flags.shape, dtype=bool)
    for amplitude, groups in electrons:
        start = np.zeros((nints * ngroups, pixels.size), dtype=bool)
        start[ramps.pair_planes] = jumped & (excess >= amplitude)
        _spread_forward(start.reshape(flags.shape), groups, marked)
    marked &= (flags & (UNUSABLE | JUMP)) == 0
    integration, group, column = np.nonzero(marked)
    ramps.groupdq[integration, group, pixels[column]] |= JUMP


def _spread_forward(start: NDArray[np.bool_], groups: int, marked: NDArray[np.bool_]) -> None:
    """Mark every start and the ``groups`` groups that follow it in its integration."""
    ngroups = start.shape[1]
    for delay in range(min(max(groups, 0), ngroups - 1) + 1):
        marked[:, delay:] |= start[:, : ngroups - delay]


def drop_flags_of_unusable_groups(groupdq: NDArray[np.uint8]) -> None:
    """Remove JUMP_DET where DO_NOT_USE or SATURATED is set too, in place.

    Parameters
    ----------
    groupdq : C-contiguous ndarray of uint8
        Updated in place, eight flags at a time.
    """
    flat = groupdq.reshape(-1)
    whole = flat.size // 8 * 8
    words, rest = flat[:whole].view(np.uint64), flat[whole:]
    mask = np.uint64(0x0404040404040404)
    for begin in range(0, words.size, 8192):
        part = words[begin : begin + 8192]
        clash = (part << np.uint64(2)) | (part << np.uint64(1))
        clash &= mask
        np.invert(clash, out=clash)
        part &= clash
    rest[(rest & UNUSABLE) != 0] &= ~JUMP
