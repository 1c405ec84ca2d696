"""Put the stripes of superstripe exposures together. Source: spec common_detector.md §7, "Re-assembly"."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.dqflags import REFERENCE_PIXEL
from jwst.lib.orientation import FULL_SIZE
from jwst.lib.stripes import LineRange, StripeReadout, integrations, stripe_readout
from jwst.refpix.read_times import LineClock, read_times
from stpipe.exceptions import InputError

__all__ = ["Assembly", "assemble", "assembly_of", "merged_times"]

log = logging.getLogger(__name__)

_FULL_DETECTOR = frozenset({"SUB17STRIPE_SOSS", "SUB60STRIPE_SOSS", "SUB204STRIPE_SOSS", "SUB680STRIPE_SOSS"})
_STRIPE_KEYS = (
    "multistripe_reads1",
    "multistripe_skips1",
    "multistripe_reads2",
    "multistripe_skips2",
    "repeat_stripe",
    "interleave_reads1",
    "superstripe_step",
    "num_superstripe",
)


@dataclass(frozen=True)
class Assembly:
    """Where the stripes go.

    Parameters
    ----------
    readout : StripeReadout
    first, size : int
        First detector line of the result, in readout order, counted from 0, and its lines.
    ranges : tuple of tuple of LineRange
        Science ranges of each stripe.
    """

    readout: StripeReadout
    first: int
    size: int
    ranges: tuple[tuple[LineRange, ...], ...]

    @property
    def repeats(self) -> int:
        """Groups that each group becomes."""
        return len(self.ranges[0])

    @property
    def start(self) -> int:
        """First line of the result in science orientation, counted from 1."""
        if self.readout.orientation.slow > 0:
            return self.first + 1
        return FULL_SIZE - self.first - self.size + 1

    def shape(self, fast: int) -> tuple[int, int]:
        """Rows and columns of the result in science orientation."""
        return (fast, self.size) if self.readout.orientation.transposed else (self.size, fast)

    def ramps(self, stripes: np.ndarray, fill: float) -> np.ndarray:
        """Put ramps together.

        Parameters
        ----------
        stripes : (nints, ngroups, ny, nx) ndarray
            An integration for each stripe.
        fill : float
            Where there are no data.

        Returns
        -------
        (nints / nstripes, ngroups * repeats, ny', nx') ndarray
        """
        source = self.readout.orientation.to_detector(stripes)
        number = len(self.ranges)
        shape = (len(stripes) // number, stripes.shape[1] * self.repeats, *self.shape(source.shape[-1]))
        result = np.full(shape, fill, stripes.dtype)
        target = self.readout.orientation.to_detector(result)
        for stripe, ranges in enumerate(self.ranges):
            for repeat, item in enumerate(ranges):
                target[:, repeat :: self.repeats, self._place(item)] = source[stripe::number, :, item.place]
        return result

    def frames(self, stripes: np.ndarray, fill: float) -> np.ndarray:
        """Put one frame of each integration together, (nints, ny, nx): the first range of each stripe."""
        source = self.readout.orientation.to_detector(stripes)
        number = len(self.ranges)
        result = np.full((len(stripes) // number, *self.shape(source.shape[-1])), fill, stripes.dtype)
        target = self.readout.orientation.to_detector(result)
        for stripe, ranges in enumerate(self.ranges):
            target[:, self._place(ranges[0])] = source[stripe::number, ranges[0].place]
        return result

    def flags(self, planes: np.ndarray) -> np.ndarray:
        """Put the pixel flags of the stripes together, (nstripes, ny, nx); REFERENCE_PIXEL where there are none."""
        source = self.readout.orientation.to_detector(planes)
        result = np.full(self.shape(source.shape[-1]), REFERENCE_PIXEL, np.uint32)
        target = self.readout.orientation.to_detector(result)
        for stripe, ranges in enumerate(self.ranges):
            for item in ranges:
                target[self._place(item)] = source[stripe, item.place]
        return result

    def _place(self, item: LineRange) -> slice:
        """Lines of the result where a range goes."""
        return slice(item.first - self.first, item.first - self.first + item.number)


def assembly_of(subarray: Any) -> Assembly:
    """Work out where the stripes of a superstripe exposure go.

    Parameters
    ----------
    subarray : node
        ``meta.subarray``.

    Raises
    ------
    InputError
        The stripe keywords are not possible, or lead off the detector.
    """
    readout = stripe_readout(subarray)
    ranges = tuple(readout.science_ranges(stripe) for stripe in range(readout.number))
    first = min(item.first for items in ranges for item in items)
    last = max(item.source.stop for items in ranges for item in items)
    if last > FULL_SIZE:
        raise InputError(f"The stripes lead to line {last} of a detector of {FULL_SIZE} lines; see SSTR_STP, SSTR_NST")
    if subarray.name in _FULL_DETECTOR:
        first, last = 0, FULL_SIZE
    return Assembly(readout, first, last - first, ranges)


def assemble(ramp: Any) -> Any:
    """Put a superstripe exposure together.

    Parameters
    ----------
    ramp : SuperstripeRampModel
        Not changed. The reference lines are used up.

    Returns
    -------
    RampModel
        With ordinary subarray keywords and as many integrations as there are superstripes. NaN in the samples and
        REFERENCE_PIXEL in the flags where no stripe has data.

    Raises
    ------
    InputError
        The integrations are not a whole number of superstripes, or the stripe keywords are not possible.
    """
    from stdatamodels.jwst import datamodels

    list(integrations(ramp))
    assembly = assembly_of(ramp.meta.subarray)
    data = assembly.ramps(ramp.data, np.nan)
    result = datamodels.RampModel(
        data=data, pixeldq=assembly.flags(ramp.pixeldq), groupdq=assembly.ramps(ramp.groupdq, 0)
    )
    result.update(ramp)
    if ramp.meta.exposure.zero_frame and ramp.zeroframe is not None:
        result.zeroframe = assembly.frames(ramp.zeroframe, np.nan)
    _set_metadata(result, assembly)
    _set_times(result, ramp, assembly)
    log.info("%d stripes are put together to %d lines", assembly.readout.number, assembly.size)
    return result


def _set_metadata(result: Any, assembly: Assembly) -> None:
    """Describe the whole: what was counted in stripes is counted in superstripes."""
    subarray, exposure = result.meta.subarray, result.meta.exposure
    number = assembly.readout.number
    clock = LineClock.of(exposure, subarray, assembly.readout) if assembly.repeats > 1 else None
    for key in ("nints", "integration_start", "integration_end"):
        value = getattr(exposure, key)
        if value is not None:
            setattr(exposure, key, -(-int(value) // number))
    if clock is not None:
        exposure.read_times = read_times(clock, assembly.readout, exposure.ngroups or 0)
    exposure.ngroups = int(result.data.shape[1])
    for key in _STRIPE_KEYS:
        setattr(subarray, key, None)
    axis = "x" if assembly.readout.orientation.transposed else "y"
    setattr(subarray, f"{axis}start", assembly.start)
    setattr(subarray, f"{axis}size", assembly.size)


def _set_times(result: Any, ramp: Any, assembly: Assembly) -> None:
    """Give the times of the integrations, and keep those of the stripes in a table of their own."""
    times = ramp.int_times
    number = assembly.readout.number
    if times is None or len(times) < number:
        return
    first = result.meta.exposure.integration_start or 1
    if len(times) != ramp.data.shape[0] and int(times["integration_number"][0]) == 1:
        first = 1
    whole, stripes = merged_times(np.asarray(times), number, first=int(first))
    result.int_times = whole.astype(result.get_dtype("int_times"))
    result.int_times_stripe = stripes.astype(result.get_dtype("int_times_stripe"))


def merged_times(times: np.ndarray, number: int, *, first: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Merge the times of stripes.

    Parameters
    ----------
    times : (nrows,) structured ndarray
        INT_TIMES with a row for each stripe.
    number : int
        Stripes of a superstripe.
    first : int
        Number of the first integration of the result.

    Returns
    -------
    whole : (nrows / number,) structured ndarray
        Begin of the first stripe, end of the last, and the middle between the two.
    stripes : (nrows,) structured ndarray
        What was given, with the number of the integration and, in the second column, that of the stripe from 1.
    """
    count = len(times) // number
    times = times[: count * number]
    begin, end = times[::number], times[number - 1 :: number]
    whole = begin.copy()
    whole["integration_number"] = np.arange(first, first + count)
    for scale in ("MJD_UTC", "BJD_TDB"):
        whole[f"int_end_{scale}"] = end[f"int_end_{scale}"]
        whole[f"int_mid_{scale}"] = (begin[f"int_start_{scale}"] + end[f"int_end_{scale}"]) / 2
    names = times.dtype.names or ()
    fields = [(names[0], np.int32), ("stripe_number", np.int32), *((name, np.float64) for name in names[1:])]
    stripes = np.zeros(len(times), fields)
    for name in names[1:]:
        stripes[name] = times[name]
    stripes["integration_number"] = np.repeat(whole["integration_number"], number)
    stripes["stripe_number"] = np.tile(np.arange(1, number + 1), count)
    return whole, stripes
