"""Polynomial correction of the non-linear response, for groups and for the reads that were averaged into them.

Source: spec linearity.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jwst.lib.dqflags import NO_LIN_CORR, SATURATED
from jwst.lib.tiles import flat_pixels, pixel_tiles

__all__ = ["correct_reads", "linearize", "linearize_zeroframe", "replace_unusable", "saturated_in"]

TILE = 16384
STACK = 32
READ_TILE = 2048


def replace_unusable(coeffs: np.ndarray, dq: np.ndarray) -> np.ndarray:
    """Give the identity polynomial to pixels that have no usable one.

    Parameters
    ----------
    coeffs : (ncoeffs, ny, nx) ndarray of float32
        c_0, c_1, ...; updated in place. At least two coefficients.
    dq : (ny, nx) ndarray of uint32
        Flags of the reference.

    Returns
    -------
    (ny, nx) ndarray of bool
        Pixels where a coefficient is NaN or c_1 is zero, to be flagged NO_LIN_CORR.

    Raises
    ------
    ValueError
        There are fewer than two coefficients.

    Notes
    -----
    Source: spec linearity.md, "Preparation".
    """
    if coeffs.shape[0] < 2:
        raise ValueError(f"A linearity polynomial needs at least two coefficients; the reference has {coeffs.shape[0]}")
    poly = flat_pixels(coeffs)
    known = (dq.reshape(-1) & np.uint32(NO_LIN_CORR)) != 0
    bad = poly[1] == 0
    for tile in pixel_tiles(poly.shape[1], TILE):
        if np.isnan(poly[:, tile].min()):
            bad[tile] |= np.isnan(poly[:, tile]).any(axis=0)
    bad &= ~known
    replaced = np.flatnonzero(bad | known)
    if replaced.size:
        poly[:, replaced] = 0
        poly[1, replaced] = 1
    return bad.reshape(dq.shape)


def linearize(data: np.ndarray, groupdq: np.ndarray, coeffs: np.ndarray) -> None:
    """Apply the correction polynomial of each pixel to every group, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps, C-contiguous. Updated in place; samples flagged SATURATED keep their value.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Not changed.
    coeffs : (ncoeffs, ny, nx) ndarray of float32
        c_0, c_1, ... for corrected = c_0 + c_1 x + c_2 x^2 + ...

    Notes
    -----
    Horner's scheme in float32, tile by tile: the coefficients of a tile stay in the cache for all groups.
    Source: spec linearity.md, "Plain mode".
    """
    planes, flags, poly = flat_pixels(data), flat_pixels(groupdq), flat_pixels(coeffs)
    with np.errstate(over="ignore", invalid="ignore"):
        for tile in pixel_tiles(poly.shape[1], TILE):
            rows = tuple(poly[:, tile])
            _linearize_tile(planes[:, tile], flags[:, tile], rows)


def _linearize_tile(planes: np.ndarray, flags: np.ndarray, rows: Sequence[np.ndarray]) -> None:
    """Correct all groups of one tile, several planes at once where the tile is small."""
    nplanes, width = planes.shape
    depth = max(1, TILE // max(width, 1))
    stack = max(depth, STACK)
    scratch = np.empty((depth, width), np.float32)
    masked = np.empty((min(stack, nplanes), width), np.uint8)
    for start in range(0, nplanes, stack):
        block = planes[start : start + stack]
        kept = saturated_in(flags[start : start + stack], out=masked[: len(block)])
        before = None if kept is None else block[kept]
        for first in range(0, len(block), depth):
            x = block[first : first + depth]
            result = scratch[: len(x)]
            _horner(x, rows, out=result)
            np.add(result, rows[0], out=x)
        if kept is not None:
            block[kept] = before


def linearize_zeroframe(zeroframe: np.ndarray, coeffs: np.ndarray) -> None:
    """Apply the correction polynomial to the frames taken at zero time, in place.

    Parameters
    ----------
    zeroframe : (nints, ny, nx) ndarray of float32, DN
        Exactly 0 means "unusable" and stays 0.
    coeffs : (ncoeffs, ny, nx) ndarray of float32
        As for `linearize`.

    Notes
    -----
    Source: spec linearity.md, "Plain mode".
    """
    planes, poly = flat_pixels(zeroframe), flat_pixels(coeffs)
    scratch = np.empty(min(TILE, poly.shape[1]), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for tile in pixel_tiles(poly.shape[1], TILE):
            rows = tuple(poly[:, tile])
            for x in planes[:, tile]:
                result = scratch[: x.size]
                _horner(x, rows, out=result)
                np.add(result, rows[0], out=result)
                np.copyto(x, result, where=x != 0)


def correct_reads(
    data: np.ndarray, groupdq: np.ndarray, *, forward: np.ndarray, inverse: np.ndarray, nframes: int
) -> None:
    """Correct groups that are means of several reads at the level of the reads, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps of at least two groups, C-contiguous. Updated in place; SATURATED samples keep their value.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Not changed.
    forward, inverse : (ncoeffs, ny, nx) ndarray of float32
        Polynomials from measured to linear counts and back; their numbers of coefficients may differ.
    nframes : int
        Reads averaged in a group.

    Raises
    ------
    ValueError
        The ramp has one group only: use `linearize`.

    Notes
    -----
    In each group the reads are placed on a straight line through the corrected first and last usable groups, turned
    into measured counts, shifted to the measured mean, corrected one by one and averaged again. Float32 throughout.
    Source: spec linearity.md, "Read-level mode".
    """
    ngroups = data.shape[1]
    if ngroups < 2:
        raise ValueError("The correction of single reads needs two groups or more; use linearize for one group")
    planes, flags = flat_pixels(data, 2), flat_pixels(groupdq, 2)
    there, back = flat_pixels(forward), flat_pixels(inverse)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for tile in pixel_tiles(there.shape[1], READ_TILE):
            reads = _Reads(tuple(there[:, tile]), tuple(back[:, tile]), nframes)
            for ramp, dq in zip(planes[:, :, tile], flags[:, :, tile]):
                reads.correct(ramp, dq)


class _Reads:
    """The reads of one tile, and the scratch memory to work on them."""

    def __init__(self, forward: tuple[np.ndarray, ...], inverse: tuple[np.ndarray, ...], nframes: int) -> None:
        self.forward, self.inverse, self.nframes = forward, inverse, nframes
        width = forward[0].size
        self.shift = forward[0] if forward[0].any() else None
        self.shift_back = inverse[0] if inverse[0].any() else None
        self.line, self.reads = np.empty((2, nframes, width), np.float32)
        self.mean = np.empty(width, np.float32)

    def correct(self, ramp: np.ndarray, dq: np.ndarray) -> None:
        """Correct one integration: ``ramp`` and ``dq`` are (ngroups, npixels)."""
        nframes = self.nframes
        kept = saturated_in(dq)
        before = None if kept is None else ramp[kept]
        first, rate = self._straight_line(ramp, None if kept is None else (dq & np.uint8(SATURATED)) != 0)
        offsets = np.arange(1, nframes + 1, dtype=np.float64) - (nframes + 1) / 2
        line, reads, mean = self.line, self.reads, self.mean
        for group, x in enumerate(ramp):
            np.multiply(rate, (offsets + nframes * group).astype(np.float32)[:, None], out=line)
            np.add(line, first, out=line)
            _horner(line, self.inverse, out=reads)
            if self.shift_back is not None:
                np.add(reads, self.shift_back, out=reads)
            np.subtract(x, self._average(reads, mean), out=mean)
            np.add(reads, mean, out=reads)
            _horner(reads, self.forward, out=line)
            self._average(line, x)
            if self.shift is not None:
                np.add(x, self.shift, out=x)
        if kept is not None:
            ramp[kept] = before

    def _average(self, values: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Mean over the reads."""
        np.add.reduce(values, axis=0, out=out)
        return np.divide(out, np.float32(self.nframes), out=out)

    def _straight_line(self, ramp: np.ndarray, saturated: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Corrected first group, and the slope in DN per read up to the last usable group."""
        ngroups = len(ramp)
        first = self._corrected(ramp[0])
        if saturated is None:
            last = max(ngroups - 1, 2) - 1
            rate = self._corrected(ramp[last])
            rate -= first
            rate /= np.float32(self.nframes * last)
            return first, rate
        np.copyto(first, ramp[0], where=saturated[0])
        usable = ngroups - np.count_nonzero(saturated, axis=0)
        last_of = (np.maximum(usable - 1, 2) - 1)[None]
        x = np.take_along_axis(ramp, last_of, axis=0)[0]
        end = self._corrected(x)
        np.copyto(end, x, where=np.take_along_axis(saturated, last_of, axis=0)[0])
        return first, (end - first) / (self.nframes * last_of[0]).astype(np.float32)

    def _corrected(self, x: np.ndarray) -> np.ndarray:
        """Value of the forward polynomial, as a new array."""
        result = np.empty(x.shape, np.float32)
        _horner(x, self.forward, out=result)
        return np.add(result, self.forward[0], out=result)


def _horner(x: np.ndarray, rows: Sequence[np.ndarray], *, out: np.ndarray) -> None:
    """Value of a polynomial without its constant term, which the caller adds where it wants the result."""
    np.multiply(rows[-1], x, out=out)
    for row in rows[-2:0:-1]:
        np.add(out, row, out=out)
        np.multiply(out, x, out=out)


def saturated_in(flags: np.ndarray, out: np.ndarray | None = None) -> tuple[np.ndarray, ...] | None:
    """Find the samples that are flagged SATURATED.

    Parameters
    ----------
    flags : ndarray of uint8
        Group flags.
    out : ndarray of uint8, optional
        Scratch memory of the same shape.

    Returns
    -------
    tuple of index arrays or None
        None where there is no such sample, which costs one fast pass.
    """
    masked = np.bitwise_and(flags, np.uint8(SATURATED), out=out)
    if not masked.any():
        return None
    np.not_equal(masked, 0, out=masked.view(bool))
    return np.unravel_index(np.flatnonzero(masked.view(bool)), masked.shape)
