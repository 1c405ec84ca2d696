"""First differences of ramps in electrons, by tiles of pixels or for chosen pixels.

Source: spec jump.md §4. A difference belongs to its later group. Planes that are DO_NOT_USE everywhere (the first and
last MIRI group, say) take no part, so that the pixels of the other planes count as undisturbed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jwst.lib.dqflags import DO_NOT_USE, SATURATED
from jwst.lib.selection import sort_columns

__all__ = ["UNUSABLE", "Ramps", "bad_planes", "middle", "scatter", "signed_median"]

UNUSABLE = np.uint8(DO_NOT_USE | SATURATED)
SAMPLE = 1024


def bad_planes(groupdq: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find the groups in which every pixel is DO_NOT_USE.

    Parameters
    ----------
    groupdq : (nints, ngroups, ...) ndarray of uint8

    Returns
    -------
    (nints, ngroups) ndarray of bool
    """
    nints, ngroups = groupdq.shape[:2]
    planes = groupdq.reshape(nints, ngroups, -1)
    flag = np.uint8(DO_NOT_USE)
    bad = np.bitwise_and(planes[:, :, 0], flag) != 0
    for i, g in np.argwhere(bad):
        bad[i, g] = all(
            (planes[i, g, start : start + 65536] & flag).all() for start in range(0, planes.shape[2], 65536)
        )
    return bad


@dataclass(frozen=True)
class Ramps:
    """All that detection reads: ramps, flags and detector properties, with the image axes flattened.

    Attributes
    ----------
    data : (nints, ngroups, npixels) ndarray of float32, DN
    groupdq : (nints, ngroups, npixels) ndarray of uint8
        A view of the caller's array; detection sets JUMP_DET in it.
    gain : (npixels,) ndarray of float32, electron/DN
    readnoise : (npixels,) ndarray of float32, DN
        Noise of the difference of two reads.
    nframes : int
        Frames averaged in a group.
    excluded : (nints, ngroups) ndarray of bool
        Planes that take no part, see `bad_planes`.
    """

    data: NDArray[np.float32]
    groupdq: NDArray[np.uint8]
    gain: NDArray[np.float32]
    readnoise: NDArray[np.float32]
    nframes: int
    excluded: NDArray[np.bool_]

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The (integration, earlier group) of each usable difference."""
        usable = ~self.excluded
        return tuple((int(i), int(g)) for i, g in np.argwhere(usable[:, 1:] & usable[:, :-1]))

    @cached_property
    def pair_planes(self) -> NDArray[np.intp]:
        """For each usable difference, the index of its later group among all ``nints * ngroups`` planes."""
        ngroups = self.data.shape[1]
        return np.array([i * ngroups + g + 1 for i, g in self.pairs], dtype=np.intp)

    @property
    def npixels(self) -> int:
        """Number of pixels of the image."""
        return self.data.shape[2]

    def read_variance(self, pixels: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Variance of the difference of two reads, electron**2, not yet divided by the frames of a group."""
        variance = self.readnoise[pixels] * self.gain[pixels]
        return np.multiply(variance, variance, out=variance)

    def tile(self, tile: slice, out: NDArray[np.float32]) -> None:
        """Compute the differences of neighbouring pixels, ignoring the flags of single pixels.

        Parameters
        ----------
        tile : slice
            Range of pixels.
        out : (npairs, tile size) ndarray of float32, electron
            Filled with the differences.
        """
        gain = self.gain[tile]
        earlier, later = np.empty_like(gain), np.empty_like(gain)
        known: tuple[int, int] | None = None
        for row, (i, g) in zip(out, self.pairs):
            if known != (i, g):
                np.multiply(self.data[i, g, tile], gain, out=earlier)
            np.multiply(self.data[i, g + 1, tile], gain, out=later)
            np.subtract(later, earlier, out=row)
            earlier, later, known = later, earlier, (i, g + 1)

    def usual(self) -> Ramps:
        """Give the ramps without the planes that are DO_NOT_USE in most pixels, judged by a sample of them.

        The first groups of MIRI are such planes: only bright pixels use them.
        """
        step = max(1, self.npixels // SAMPLE)
        bad = (self.groupdq[:, :, ::step] & np.uint8(DO_NOT_USE)).mean(axis=2) > 0.5
        return replace(self, excluded=self.excluded | bad)

    def flags(self, tile: slice, attention: NDArray[np.uint8], expected: NDArray[np.bool_] | None = None) -> None:
        """Combine the flags of neighbouring pixels over all groups that take part.

        Parameters
        ----------
        tile : slice
            Range of pixels.
        attention : (tile size,) ndarray of uint8
            Gets the OR of all group flags; planes that take no part contribute everything but DO_NOT_USE and SATURATED.
        expected : (nints, ngroups) ndarray of bool, optional
            Planes in which DO_NOT_USE is not a flag but its absence is.
        """
        attention[:] = 0
        for i, g in np.argwhere(self.excluded):
            np.bitwise_or(attention, self.groupdq[i, g, tile], out=attention)
        np.bitwise_and(attention, ~UNUSABLE, out=attention)
        scratch = np.empty_like(attention)
        for i, g in np.argwhere(~self.excluded):
            plane = self.groupdq[i, g, tile]
            if expected is not None and expected[i, g]:
                plane = np.bitwise_xor(plane, np.uint8(DO_NOT_USE), out=scratch)
            np.bitwise_or(attention, plane, out=attention)

    def columns(self, pixels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Compute the differences of chosen pixels, NaN where a group is DO_NOT_USE or SATURATED.

        Parameters
        ----------
        pixels : (n,) ndarray of intp
            Flat pixel numbers.

        Returns
        -------
        (npairs, n) ndarray of float32, electron
        """
        out = np.empty((len(self.pairs), pixels.size), dtype=np.float32)
        gain = self.gain[pixels]
        known: tuple[int, int] | None = None
        earlier = later = gain
        for row, (i, g) in zip(out, self.pairs):
            if known != (i, g):
                earlier = self._group(i, g, pixels, gain)
            later = self._group(i, g + 1, pixels, gain)
            np.subtract(later, earlier, out=row)
            earlier, known = later, (i, g + 1)
        return out

    def _group(self, i: int, g: int, pixels: NDArray[np.intp], gain: NDArray[np.float32]) -> NDArray[np.float32]:
        electrons = self.data[i, g].take(pixels)
        electrons *= gain
        bad = self.groupdq[i, g].take(pixels)
        bad &= UNUSABLE
        if bad.any():
            np.copyto(electrons, np.float32(np.nan), where=bad.astype(bool))
        return electrons

    def pair_flags(self, pixels: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Give the flags of the later group of each usable difference of chosen pixels, shape (npairs, n)."""
        out = np.empty((len(self.pairs), pixels.size), dtype=np.uint8)
        for row, (i, g) in zip(out, self.pairs):
            self.groupdq[i, g + 1].take(pixels, out=row, mode="clip")
        return out

    def group_flags(self, pixels: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Give all flags of chosen pixels, shape (nints, ngroups, n)."""
        nints, ngroups = self.groupdq.shape[:2]
        out = np.empty((nints, ngroups, pixels.size), dtype=np.uint8)
        for i, g in np.ndindex(nints, ngroups):
            self.groupdq[i, g].take(pixels, out=out[i, g], mode="clip")
        return out


def signed_median(differences: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the median of the finite differences of each pixel in double precision.

    Parameters
    ----------
    differences : (npairs, n) ndarray of float32, electron

    Returns
    -------
    (n,) ndarray of float64, electron
        NaN for a pixel without a usable difference.
    """
    finite = np.isfinite(differences)
    ordered = sort_columns(np.where(finite, differences, np.float32(np.inf)))
    return middle(ordered, finite.sum(axis=0))


def middle(ordered: NDArray[np.float32], count: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compute medians of the first members of sorted columns.

    Parameters
    ----------
    ordered : (npairs, n) ndarray of float32
        Each column ascending.
    count : (n,) ndarray of intp
        Members to use; the median is NaN where there are none.

    Returns
    -------
    (n,) ndarray of float64
    """
    column = np.arange(count.size)
    low = ordered[np.maximum(count - 1, 0) // 2, column].astype(np.float64)
    high = ordered[np.minimum(count // 2, ordered.shape[0] - 1), column]
    low += high
    low *= 0.5
    low[count < 1] = np.nan
    return low


def scatter(ramps: Ramps, pixels: NDArray[np.intp], median: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the expected scatter of a difference: Poisson noise of the median rate plus read noise.

    Parameters
    ----------
    ramps : Ramps
    pixels : (n,) ndarray of intp
        Flat pixel numbers.
    median : (n,) ndarray of float, electron

    Returns
    -------
    (n,) ndarray of float64, electron
        NaN where it would be 0. Source: spec jump.md §4.6 and Anderson & Gordon 2011 (PASP 123, 1237).
    """
    variance = ramps.read_variance(pixels).astype(np.float64)
    variance /= ramps.nframes
    variance += np.abs(median)
    np.sqrt(variance, out=variance)
    variance[variance == 0] = np.nan
    return variance
