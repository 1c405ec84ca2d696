"""Ordinary least squares for blocks of ramps. Source: spec ramp_fit.md §4.6 to §5.4; all arithmetic is float64.

A block is some rows of the detector in all integrations. Ramps with the usual flags, nearly all, are one segment of the
usual groups and are fitted tile by tile, each tile in the cache. The others, called flagged, are gathered; their
segments are grouped by first group and length, and each such class is again one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, NO_GAIN_VALUE, SATURATED
from jwst.ramp_fitting.columns import column_products, column_sums
from jwst.ramp_fitting.median_rate import clean_medians, flagged_medians
from jwst.ramp_fitting.prepare import flagged_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes
from jwst.ramp_fitting.segments import SegmentClass, Segments, find_segments
from jwst.ramp_fitting.weights import exponent_index, line_fit, select_slopes

__all__ = ["Block", "BlockFit", "FlaggedRamps", "SegmentFit", "Sums", "fit_block", "read_variance", "segment_slopes"]

TILE = 8192


@dataclass(frozen=True)
class Block:
    """Pixels of some rows with what their fit needs, flattened.

    Parameters
    ----------
    ramps : Ramps
        The whole exposure.
    where : slice or (n,) ndarray of int
        The flattened pixels.
    windows : tuple of slice
        Usual groups of each integration.
    gain, noise, dark : (n,) ndarray of float64
        Gain (e-/DN), group read noise (electrons), dark current (DN/s).
    pixeldq : (n,) ndarray of uint32
        With NO_GAIN_VALUE and DO_NOT_USE where the gain is not usable.
    """

    ramps: Ramps
    where: slice | np.ndarray
    windows: tuple[slice, ...]
    gain: np.ndarray
    noise: np.ndarray
    dark: np.ndarray
    pixeldq: np.ndarray

    @classmethod
    def of(cls, ramps: Ramps, noise: np.ndarray, where: slice | np.ndarray, windows: tuple[slice, ...]) -> Block:
        """Take some (flattened) pixels of an exposure.

        Returns
        -------
        Block
        """
        gain = ramps.gain.reshape(-1)[where].astype(np.float64)
        dark = np.zeros(gain.shape) if ramps.dark is None else ramps.dark.reshape(-1)[where].astype(np.float64)
        pixeldq = ramps.pixeldq.reshape(-1)[where].copy()
        pixeldq[~(gain > 0)] |= np.uint32(NO_GAIN_VALUE | DO_NOT_USE)
        return cls(ramps, where, windows, gain, noise.reshape(-1)[where].astype(np.float64), dark, pixeldq)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.gain.size

    def planes(self, name: str, integration: int) -> np.ndarray:
        """``data`` or ``groupdq`` of one integration, (ngroups, n); a view where the pixels are a slice."""
        array = getattr(self.ramps, name)[integration]
        return array.reshape(array.shape[0], -1)[:, self.where]


@dataclass(frozen=True)
class FlaggedRamps:
    """The ramps of a block that have unusual flags, gathered.

    Parameters
    ----------
    samples : (m,) ndarray of int
        ``integration * n + pixel`` of each.
    pixels : (m,) ndarray of int
    groupdq : (ngroups, m) ndarray of uint8
    data : (ngroups, m) ndarray of float64
        NaN where saturated.
    first_time : (m,) ndarray of float64 or None
        Time T1 of a segment of one group where it is not the group time.
    bad_groups, saturated_groups : (m,) ndarray of int
        Groups that are DO_NOT_USE or SATURATED, and SATURATED.
    """

    samples: np.ndarray
    pixels: np.ndarray
    groupdq: np.ndarray
    data: np.ndarray
    first_time: np.ndarray | None
    bad_groups: np.ndarray
    saturated_groups: np.ndarray


@dataclass(frozen=True)
class Sums:
    """Sums over the segments of every ramp of a block, each (nints, n) float64.

    Parameters
    ----------
    poisson, read, total : ndarray
        Inverse variances of photon noise, read noise and both.
    slope : ndarray
        Slopes over their read variances.
    """

    poisson: np.ndarray
    read: np.ndarray
    total: np.ndarray
    slope: np.ndarray

    def flat(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Views (nints * n,) of the four sums."""
        return self.poisson.reshape(-1), self.read.reshape(-1), self.total.reshape(-1), self.slope.reshape(-1)


@dataclass(frozen=True)
class SegmentFit:
    """Fit of all segments of one class: slope (DN/s) and variances ((DN/s)^2), each (m,) float64."""

    group: SegmentClass
    slope: np.ndarray
    var_rnoise: np.ndarray
    var_poisson: np.ndarray


@dataclass(frozen=True)
class BlockFit:
    """The fit of a block.

    Parameters
    ----------
    sums : Sums
    flagged : FlaggedRamps
        Only these have been cut into segments; the others are one segment.
    segments : Segments
    details : tuple of SegmentFit
        The fit of every segment of the flagged ramps.
    """

    sums: Sums
    flagged: FlaggedRamps
    segments: Segments
    details: tuple[SegmentFit, ...]


def fit_block(block: Block, times: RampTimes, options: FitOptions) -> BlockFit:
    """Fit all ramps of a block.

    Parameters
    ----------
    block : Block
    times : RampTimes
    options : FitOptions

    Returns
    -------
    BlockFit
    """
    nints, ngroups = block.ramps.data.shape[:2]
    special = not options.suppress_one_group or ngroups == 1
    flagged = _gather(block, times, special, everything=options.optional_results or ngroups == 1)
    slope = np.zeros((nints, block.size))
    median = np.zeros((nints, block.size))
    if ngroups > 1 and flagged.samples.size < slope.size:
        for integration in range(nints):
            _fit_clean(block, times, integration, (slope[integration], median[integration]))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        median.reshape(-1)[flagged.samples] = _median_of_flagged(flagged, times, ngroups)
        rate = column_sums(median) / nints
        rate[~(rate > 0)] = 0
        sums = _clean_sums(block, times, (slope, rate))
        segments = find_segments(flagged.groupdq)
        details = _add_flagged(sums, block, (flagged, segments, rate), times)
    return BlockFit(sums, flagged, segments, details)


def _gather(block: Block, times: RampTimes, special: bool, *, everything: bool) -> FlaggedRamps:
    """Collect the flagged ramps of all integrations of a block."""
    nints, ngroups = block.ramps.data.shape[:2]
    pixels, data, flags = [], [], []
    for integration in range(nints):
        groupdq = block.planes("groupdq", integration)
        samples = block.planes("data", integration)
        where = np.arange(block.size) if everything else _unusual_ramps(groupdq, samples, block.windows[integration])
        pixels.append(where)
        flags.append(groupdq[:, where])
        data.append(samples[:, where])
    samples = np.concatenate([where + i * block.size for i, where in enumerate(pixels)])
    groupdq = np.concatenate(flags, axis=1)
    values = np.concatenate(data, axis=1).astype(np.float64)
    saturated = (groupdq & np.uint8(SATURATED)) != 0
    values[saturated] = np.nan
    bad_groups = ((groupdq & np.uint8(DO_NOT_USE | SATURATED)) != 0).sum(0)
    flagged = FlaggedRamps(samples, samples % block.size, groupdq, values, None, bad_groups, saturated.sum(0))
    return _one_group_times(flagged, block, times) if special else flagged


def _unusual_ramps(groupdq: np.ndarray, samples: np.ndarray, window: slice) -> np.ndarray:
    """Ramps (of (ngroups, n) arrays) with unusual flags or a NaN, which the median of all differences does not suit."""
    with np.errstate(invalid="ignore", over="ignore"):
        broken = np.flatnonzero(np.isnan(np.add.reduce(samples[window], axis=0)))
    found = flagged_ramps(groupdq, window)
    return np.union1d(found, broken) if broken.size else found


def _one_group_times(flagged: FlaggedRamps, block: Block, times: RampTimes) -> FlaggedRamps:
    """Times of ramps of a single group, and zero frames in place of ramps without any. Source: spec §4.9."""
    groupdq, ngroups = flagged.groupdq, flagged.groupdq.shape[0]
    good = (groupdq == 0).sum(0)
    first_time = np.full(flagged.samples.shape, times.group_time)
    first_time[(good == 1) & (groupdq[0] == 0)] = times.first_group
    bad, saturated = flagged.bad_groups, flagged.saturated_groups
    if block.ramps.zeroframe is not None:
        frames = block.ramps.zeroframe.reshape(block.ramps.zeroframe.shape[0], -1)
        zero = frames[:, block.where][flagged.samples // block.size, flagged.pixels].astype(np.float64)
        rescued = (good == 0) & (zero != 0)
        flagged.data[0, rescued] = zero[rescued]
        groupdq[0, rescued] = 0
        first_time[rescued] = times.frame_time
        bad = bad - rescued
        saturated = saturated - (rescued & (saturated == ngroups))
    return FlaggedRamps(flagged.samples, flagged.pixels, groupdq, flagged.data, first_time, bad, saturated)


def _median_of_flagged(flagged: FlaggedRamps, times: RampTimes, ngroups: int) -> np.ndarray:
    """Median rates of gathered ramps."""
    if ngroups == 1:
        if flagged.first_time is None:
            raise AssertionError("ramps of one group always have times")
        return flagged.data[0] / np.where(flagged.first_time == times.frame_time, times.frame_time, times.first_group)
    median = flagged_medians(flagged.data, flagged.groupdq, times.group_time)
    if flagged.first_time is not None:
        single = flagged.first_time != times.group_time
        median[single] = flagged.data[0, single] / flagged.first_time[single]
    return median


def _fit_clean(block: Block, times: RampTimes, integration: int, out: tuple[np.ndarray, np.ndarray]) -> None:
    """Slope and median rate of every ramp of one integration as if it had the usual flags."""
    planes = block.planes("data", integration)[block.windows[integration]]
    ngroups = planes.shape[0]
    width = min(TILE, block.size)
    values, steps = np.empty((ngroups, width)), np.empty((ngroups - 1, width), np.float32)
    tile32 = np.empty((ngroups, width), np.float32)
    slope, median = out
    for begin in range(0, block.size, width):
        part = slice(begin, min(begin + width, block.size))
        count = part.stop - begin
        np.copyto(tile32[:, :count], planes[:, part])
        np.copyto(values[:, :count], tile32[:, :count])
        with np.errstate(invalid="ignore", over="ignore"):
            median[part] = clean_medians(tile32[:, :count], times.group_time, steps[:, :count])
            slope[part] = segment_slopes(values[:, :count], block.gain[part], block.noise[part], times.group_time)
    np.nan_to_num(median, nan=0.0, copy=False)


def segment_slopes(
    data: np.ndarray,
    gain: np.ndarray,
    noise: np.ndarray,
    group_time: float,
    first_time: np.ndarray | float | None = None,
) -> np.ndarray:
    """Slopes of segments of one length.

    Parameters
    ----------
    data : (length, n) ndarray of float64, DN
    gain : (n,) ndarray of float64, e-/DN
    noise : (n,) ndarray of float64, electrons
    group_time : float
        Seconds.
    first_time : (n,) ndarray of float64, optional
        Time T1 of segments of one group.

    Returns
    -------
    (n,) ndarray of float64, DN/s
    """
    length = data.shape[0]
    if length == 1:
        return data[0] / (group_time if first_time is None else first_time)
    if length == 2:
        return (data[1] - data[0]) / group_time
    if np.isnan(data.sum(0)).any():
        power = exponent_index(data[-1] - data[0], gain, noise)
        filled = np.nan_to_num(data, nan=0.0, posinf=np.inf, neginf=-np.inf)
        slopes = column_products(line_fit(length).slope, filled)
        result = np.take_along_axis(slopes, power[None], axis=0)[0]
    else:
        result = select_slopes(data, gain, noise)
    result /= group_time
    result[noise == 0] = np.nan
    return result


def read_variance(
    length: int | np.ndarray, gain: np.ndarray, noise: np.ndarray, time: np.ndarray | float
) -> np.ndarray:
    """Read-noise variance of the slope of a segment, (DN/s)^2. Source: spec ramp_fit.md §5.3.

    Parameters
    ----------
    length : int or ndarray of int
        Number of groups; one group counts as two.
    gain, noise : (n,) ndarray of float64
        Gain (e-/DN) and group read noise (electrons).
    time : float or ndarray
        Group time, or T1 for one group, in seconds.

    Returns
    -------
    (n,) ndarray of float64
    """
    count = np.maximum(length, 2)
    return 12 * (noise / time) ** 2 / ((count**3 - count) * gain**2)


def _clean_sums(block: Block, times: RampTimes, fit: tuple[np.ndarray, np.ndarray]) -> Sums:
    """Sums of ramps that are one segment of the usual groups."""
    slope, rate = fit
    lengths = np.array([[window.stop - window.start] for window in block.windows])
    lengths = lengths[:1] if (lengths == lengths[0]).all() else lengths
    read = read_variance(lengths, block.gain, block.noise, times.group_time)
    poisson = (rate + block.dark) / (block.gain * times.group_time * np.maximum(lengths - 1, 1))
    inverse_read = 1 / read
    inverse_poisson = np.where(poisson > 0, 1 / poisson, 0)
    shape = slope.shape
    slope *= inverse_read
    return Sums(
        np.broadcast_to(inverse_poisson, shape).copy(),
        np.broadcast_to(inverse_read, shape).copy(),
        np.broadcast_to(1 / (poisson + read), shape).copy(),
        slope,
    )


def _add_flagged(
    sums: Sums, block: Block, inputs: tuple[FlaggedRamps, Segments, np.ndarray], times: RampTimes
) -> tuple[SegmentFit, ...]:
    """Replace the sums of the flagged ramps by those of their segments."""
    flagged, segments, rate = inputs
    poisson, read, total, slope = sums.flat()
    for array in (poisson, read, total, slope):
        array[flagged.samples] = 0
    details = []
    for group in segments.classes:
        samples, pixels = flagged.samples[group.ramps], flagged.pixels[group.ramps]
        gain, noise = block.gain[pixels], block.noise[pixels]
        data = flagged.data[group.start : group.start + group.length, group.ramps]
        first_time = times.group_time if flagged.first_time is None else flagged.first_time[group.ramps]
        one = first_time if group.length == 1 else times.group_time
        fitted = segment_slopes(data, gain, noise, times.group_time, first_time)
        variance = read_variance(group.length, gain, noise, one)
        photon = (rate[pixels] + block.dark[pixels]) / (gain * one * max(group.length - 1, 1))
        inverse = 1 / variance
        poisson[samples] += np.where(photon > 0, 1 / photon, 0)
        read[samples] += inverse
        total[samples] += 1 / (photon + variance)
        slope[samples] += fitted * inverse
        details.append(SegmentFit(group, fitted, variance, photon))
    return tuple(details)
