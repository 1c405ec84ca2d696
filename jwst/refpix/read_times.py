"""When the ranges of a stripe were read that is read several times in a group. Source: spec common_detector.md §7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jwst.lib.stripes import StripeReadout
from stpipe.exceptions import InputError

__all__ = ["LineClock", "read_times"]

CLOCK_TICK = 1e-5
LINE_OVERHEAD = 12
FEW_COLUMNS = 9


@dataclass(frozen=True)
class LineClock:
    """Time that the detector needs for lines.

    Parameters
    ----------
    columns : int
        Pixels of a line.
    outputs : int
        Amplifiers that read it, 1 or 4.
    nframes, groupgap : int
        Frames that are averaged to a group, and frames that are left out between groups.
    """

    columns: int
    outputs: int
    nframes: int = 1
    groupgap: int = 0

    @classmethod
    def of(cls, exposure: Any, subarray: Any, readout: StripeReadout) -> LineClock:
        """Read ``meta.exposure`` and ``meta.subarray``.

        Raises
        ------
        InputError
            NOUTPUTS is missing.
        """
        if not exposure.noutputs:
            raise InputError("NOUTPUTS must be set in the exposure: the times of its reads follow from it")
        columns = subarray.ysize if readout.orientation.transposed else subarray.xsize
        return cls(int(columns), int(exposure.noutputs), int(exposure.nframes or 1), int(exposure.groupgap or 0))

    def lines(self, number: int) -> float:
        """Time of some lines without what comes with a frame, in seconds."""
        return (self.columns / self.outputs + LINE_OVERHEAD) * number * CLOCK_TICK

    def frame(self, number: int) -> float:
        """Time of a frame of some lines, in seconds."""
        more, clocks = 3, 0
        if self.outputs == 4:
            more, clocks = 1, 1
        elif self.outputs == 1 and self.columns >= FEW_COLUMNS:
            more = 2
        return ((self.columns / self.outputs + LINE_OVERHEAD) * (number + more) + clocks) * CLOCK_TICK


def read_times(clock: LineClock, readout: StripeReadout, ngroups: int) -> list[list[float]]:
    """Times of the reads of each group of the exposure that is put together.

    Parameters
    ----------
    clock : LineClock
    readout : StripeReadout
    ngroups : int
        Groups before the exposure is put together.

    Returns
    -------
    list of list of float, s
        For each group the times of the frames that were averaged, since the reset.
    """
    frame = clock.frame(readout.size)
    first, *others = _lines_of_samples(readout)
    steps = [clock.frame(first), *(clock.lines(number) for number in others)]
    times, now = [], 0.0
    for _ in range(ngroups):
        for step in steps:
            now += step
            times.append([now + number * frame for number in range(clock.nframes)])
        now += frame * (clock.nframes - 1 + clock.groupgap)
    return times


def _lines_of_samples(readout: StripeReadout) -> list[int]:
    """Lines that are read from the end of one science range to the end of the next."""
    counts, since = [], 0
    for item in readout.ranges():
        since += item.number
        if item.science:
            counts.append(since)
            since = 0
    return counts
