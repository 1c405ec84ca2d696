"""Flag saturated samples, partly saturated groups and samples at the A/D floor. Source: spec saturation.md.

Once a pixel has saturated it stays so, and therefore one plane holds everything about it: in how many groups, counted
from the end, the pixel is saturated. Growth is a maximum filter of that plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import AD_FLOOR, DO_NOT_USE, NO_SAT_CHECK, SATURATED

__all__ = [
    "FramePattern",
    "SaturationLimits",
    "blank_zeroframe",
    "count_flagged",
    "flag_saturation",
    "grown",
    "saturation_limits",
]

_SPARSE = 8
_TILE_PIXELS = 65536
_BLOCK_PIXELS = 1 << 22
_UNCHECKED_LIMIT = np.float32(65536)
_FLOOR = np.uint8(AD_FLOOR | DO_NOT_USE)
_SATURATED = np.uint8(SATURATED)
_DO_NOT_USE = np.uint8(DO_NOT_USE)


@dataclass(frozen=True)
class SaturationLimits:
    """Thresholds of a detector, ready for use.

    Parameters
    ----------
    level : (ny, nx) ndarray of float32, DN
        A sample at or above is saturated; 65536 where there is no check.
    unchecked : (ny, nx) ndarray of bool
        Pixels without a threshold.
    dq : (ny, nx) ndarray of uint32
        Flags of the reference, with NO_SAT_CHECK where the threshold was NaN.
    """

    level: np.ndarray
    unchecked: np.ndarray
    dq: np.ndarray

    def plane(self, number: int | None) -> SaturationLimits:
        """The thresholds of one stripe of a superstripe exposure; for None, which all others have, of the whole."""
        if number is None:
            return self
        return SaturationLimits(self.level[number], self.unchecked[number], self.dq[number])


@dataclass(frozen=True)
class FramePattern:
    """How frames are averaged into groups; skipped frames do not count (spec saturation.md, "Definitions").

    Parameters
    ----------
    nframes : int
        Frames averaged into a group (NFRAMES).
    """

    nframes: int

    def mean(self, group: int) -> float:
        """Mean frame number of a group, counted from 1."""
        return self.nframes * group + (self.nframes + 1) / 2

    def last(self, group: int) -> int:
        """Number of the last frame of a group, counted from 1."""
        return self.nframes * (group + 1)

    def dilution(self, ngroups: int) -> np.ndarray:
        """Mean over last frame number of each group, (ngroups,) float64."""
        return np.array([self.mean(group) / self.last(group) for group in range(ngroups)])

    def hidden_jump(self, first: np.ndarray, second: np.ndarray, level: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Tell where a jump in the second group must be why the third one is saturated.

        Parameters
        ----------
        first, second : (n,) ndarrays of float32, DN
            Samples of these groups.
        level : (n,) ndarray of float32, DN
            Thresholds.
        bias : (n,) ndarray of float64, DN
            Superbias.

        Returns
        -------
        (n,) ndarray of bool
        """
        first, second, level = (values.astype(np.float64) for values in (first, second, level))
        with np.errstate(invalid="ignore"):
            expected = (first - bias) / self.mean(0) * self.last(2) + bias
            return (expected < level) & (second - first > (level - first) / self.nframes)


def saturation_limits(level: np.ndarray, dq: np.ndarray) -> SaturationLimits:
    """Prepare the thresholds of a reference.

    Parameters
    ----------
    level : (ny, nx) ndarray of float32, DN
        Thresholds; NaN where there is none.
    dq : (ny, nx) ndarray of uint32
        Standard flags.

    Returns
    -------
    SaturationLimits
    """
    unknown = np.isnan(level)
    dq = dq | np.where(unknown, np.uint32(NO_SAT_CHECK), np.uint32(0))
    unchecked = (dq & np.uint32(NO_SAT_CHECK)) != 0
    return SaturationLimits(np.where(unchecked, _UNCHECKED_LIMIT, level.astype(np.float32, copy=False)), unchecked, dq)


def flag_saturation(
    data: np.ndarray,
    groupdq: np.ndarray,
    limits: SaturationLimits,
    *,
    grow: int = 1,
    pattern: FramePattern | None = None,
    bias: np.ndarray | None = None,
) -> None:
    """Flag saturation and the A/D floor in ramps of normal (not IRS2) readouts.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps, not changed. NaN is never saturated.
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        Updated in place; flags that are there stay, and SATURATED among them grows within its group.
    limits : SaturationLimits
    grow : int
        Half width of the box of neighbours that are flagged too; 0 for none.
    pattern : FramePattern or None
        Averaging of frames, for the tests of partly saturated groups; None switches these off.
    bias : (ny, nx) ndarray of float32, DN, or None
        Superbias, for the test of the second group; None stands for 0.
    """
    nints, _, ny, nx = data.shape
    size = max(1, _BLOCK_PIXELS // max(1, ny * nx))
    for start in range(0, nints, size):
        block = slice(start, start + size)
        _flag_block(data[block], groupdq[block], limits, grow, pattern)
        if pattern is not None and data.shape[1] > 2:
            _flag_second_group(data[block], groupdq[block], limits, pattern, bias)


def blank_zeroframe(zeroframe: np.ndarray, limits: SaturationLimits, *, grow: int = 1) -> None:
    """Set bad pixels of the zero frames to 0.

    Parameters
    ----------
    zeroframe : (nints, ny, nx) ndarray of float32, DN
        Updated in place: 0 where a pixel or a neighbour within `grow` is saturated, or where the pixel is not positive.
    limits : SaturationLimits
    grow : int
        Half width of the box of neighbours.
    """
    bad = grown(zeroframe >= limits.level, grow)
    bad |= zeroframe <= 0
    zeroframe[bad] = 0


def count_flagged(groupdq: np.ndarray, flag: int) -> int:
    """Count the pixels that have a flag in any group of any integration.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
    flag : int
        Bits to look for.

    Returns
    -------
    int
    """
    ny, nx = groupdq.shape[-2:]
    planes = groupdq.reshape(-1, ny * nx)
    total = 0
    for start in range(0, ny * nx, _TILE_PIXELS):
        present = np.bitwise_or.reduce(planes[:, start : start + _TILE_PIXELS], axis=0)
        total += int(np.count_nonzero(present & np.uint8(flag)))
    return total


def _flag_block(
    data: np.ndarray, groupdq: np.ndarray, limits: SaturationLimits, grow: int, pattern: FramePattern | None
) -> None:
    """Flag some integrations: saturation, growth, A/D floor and partly saturated groups."""
    earlier = bool(np.bitwise_or.reduce(groupdq, axis=None) & _SATURATED)
    if earlier and grow:
        for group in range(groupdq.shape[1]):
            plane = groupdq[:, group]
            plane |= grown(plane & _SATURATED, grow)
    counts = grown(_count_saturated(data, groupdq, limits), grow)
    _flag_last_groups(groupdq, counts)
    if pattern is not None and pattern.nframes > 1:
        clean = _clean_by_flags(groupdq) if earlier else _clean_by_counts(counts, groupdq.shape[1])
        _flag_partial(data, groupdq, limits, clean, (grow, pattern))


def _count_saturated(data: np.ndarray, groupdq: np.ndarray, limits: SaturationLimits) -> np.ndarray:
    """Count the groups from the first saturated one to the end, and flag the A/D floor on the way."""
    nints, ngroups, ny, nx = data.shape
    counts = np.zeros((nints, ny, nx), np.uint8 if ngroups < 256 else np.uint16)
    rows = max(1, _TILE_PIXELS // nx)
    ints = max(1, _TILE_PIXELS // (min(rows, ny) * nx))
    for first in range(0, nints, ints):
        for start in range(0, ny, rows):
            tile = slice(first, first + ints), slice(start, start + rows)
            level = limits.level[tile[1]]
            _count_tile(data[tile[0], :, tile[1]], groupdq[tile[0], :, tile[1]], level, counts[tile])
    return counts


def _count_tile(data: np.ndarray, groupdq: np.ndarray, level: np.ndarray, counts: np.ndarray) -> None:
    """`_count_saturated` for a tile that fits the cache."""
    saturated = np.zeros(counts.shape, bool)
    hit = np.empty_like(saturated)
    zero = np.float32(0)
    for group in range(data.shape[1]):
        plane = data[:, group]
        np.greater_equal(plane, level, out=hit)
        np.logical_or(saturated, hit, out=saturated)
        np.add(counts, saturated.view(np.uint8), out=counts)
        np.less_equal(plane, zero, out=hit)
        if hit.any():
            groupdq[:, group] |= hit.view(np.uint8) * _FLOOR


def grown(planes: np.ndarray, size: int) -> np.ndarray:
    """Grow planes: the maximum over a square box, clipped at the edges.

    Parameters
    ----------
    planes : (..., ny, nx) ndarray
    size : int
        Half width of the box; 0 for none.

    Returns
    -------
    ndarray like ``planes``
    """
    for axis in (-1, -2):
        source = planes
        planes = source.copy()
        for shift in range(1, min(size, source.shape[axis] - 1) + 1):
            lower = (..., slice(None, -shift)) if axis == -1 else (..., slice(None, -shift), slice(None))
            upper = (..., slice(shift, None)) if axis == -1 else (..., slice(shift, None), slice(None))
            np.maximum(planes[lower], source[upper], out=planes[lower])
            np.maximum(planes[upper], source[lower], out=planes[upper])
    return planes


def _flag_last_groups(groupdq: np.ndarray, counts: np.ndarray) -> None:
    """Flag SATURATED in the last `counts` groups of each pixel."""
    nints, ngroups, ny, nx = groupdq.shape
    rows = max(1, _TILE_PIXELS // nx)
    ints = max(1, _TILE_PIXELS // (min(rows, ny) * nx))
    for first in range(0, nints, ints):
        for start in range(0, ny, rows):
            tile = slice(first, first + ints), slice(start, start + rows)
            number = counts[tile]
            planes = groupdq[tile[0], :, tile[1]]
            pixels = np.flatnonzero(number != 0)
            if len(number) == 1 and pixels.size * _SPARSE < number.size:
                _flag_few(planes[0].reshape(ngroups, -1), pixels, number.reshape(-1)[pixels])
            else:
                _flag_many(planes, number)


def _flag_many(planes: np.ndarray, number: np.ndarray) -> None:
    """Flag the last groups of all pixels (nints, ngroups, ny, nx) of a tile."""
    ngroups = planes.shape[1]
    flags = np.empty(number.shape, bool)
    bits = flags.view(np.uint8)
    for group in range(ngroups - int(number.max()), ngroups):
        np.greater_equal(number, ngroups - group, out=flags)
        np.left_shift(bits, 1, out=bits)
        np.bitwise_or(planes[:, group], bits, out=planes[:, group])


def _flag_few(planes: np.ndarray, pixels: np.ndarray, number: np.ndarray) -> None:
    """Flag the last groups of a few pixels of a tile (ngroups, npixels)."""
    order = np.argsort(number)
    pixels = pixels[order]
    starts = np.searchsorted(number[order], np.arange(len(planes), 0, -1))
    for plane, start in zip(planes, starts):
        plane[pixels[start:]] |= _SATURATED


def _clean_by_counts(counts: np.ndarray, ngroups: int) -> tuple[np.ndarray, ...]:
    """Indices (integration, group, y, x) of the last group before saturation, where there is one."""
    integration, y, x = _indices((counts > 0) & (counts < ngroups))
    return integration, ngroups - 1 - counts[integration, y, x].astype(np.intp), y, x


def _clean_by_flags(groupdq: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same from the flags alone, where saturation need not last to the end of the ramp."""
    return _indices(groupdq[:, 1:] & ~groupdq[:, :-1] & _SATURATED)


def _indices(mask: np.ndarray) -> tuple[np.ndarray, ...]:
    """Indices of what is not zero, like `numpy.nonzero`, which is slow for sparse masks of many dimensions."""
    return np.unravel_index(np.flatnonzero(mask != 0), mask.shape)


def _flag_partial(
    data: np.ndarray,
    groupdq: np.ndarray,
    limits: SaturationLimits,
    clean: tuple[np.ndarray, ...],
    rule: tuple[int, FramePattern],
) -> None:
    """Flag groups in which some of the averaged frames were saturated already (spec saturation.md, pass 2)."""
    grow, pattern = rule
    y, x = clean[2:]
    factor = np.where(limits.unchecked[y, x], 1.0, pattern.dilution(data.shape[1])[clean[1]])
    partial = data[clean] >= limits.level[y, x] * factor
    partial &= (groupdq[clean] & _DO_NOT_USE) == 0
    integration, group, y, x = (index[partial] for index in clean)
    ny, nx = data.shape[-2:]
    for dy in range(-grow, grow + 1):
        near_y = np.clip(y + dy, 0, ny - 1)
        for dx in range(-grow, grow + 1):
            groupdq[integration, group, near_y, np.clip(x + dx, 0, nx - 1)] |= _DO_NOT_USE


def _flag_second_group(
    data: np.ndarray,
    groupdq: np.ndarray,
    limits: SaturationLimits,
    pattern: FramePattern,
    bias: np.ndarray | None,
) -> None:
    """Flag the second group where a jump hid in it before the third one saturated (spec saturation.md, pass 3)."""
    integration, y, x = _indices(groupdq[:, 2] & ~groupdq[:, 1] & _SATURATED)
    offset = np.zeros(y.size) if bias is None else bias[y, x].astype(np.float64)
    first, second = data[integration, 0, y, x], data[integration, 1, y, x]
    jumped = pattern.hidden_jump(first, second, limits.level[y, x], offset)
    groupdq[integration[jumped], 1, y[jumped], x[jumped]] |= _DO_NOT_USE
