"""Readout patterns and the times of frames."""

from __future__ import annotations

from dataclasses import dataclass

from jwst.simulation.detectors import Detector
from jwst.simulation.subarrays import Subarray
from stpipe.exceptions import InputError

__all__ = [
    "CLOCK",
    "READOUT_PATTERNS",
    "Readout",
    "find_readout",
    "frame_time",
    "miri_row_clocks",
]

CLOCK = 1e-5
LINE_OVERHEAD = 12
IRS2_LINE = 712
MIRI_SKIPPED_ROW = 7
_MIRI_ROW_CLOCKS = {
    "SLITLESSPRISM": 28,
    "SUB64": 28,
    "SUB128": 44,
    "SUB256": 96,
    "BRIGHTSKY": 162,
    "MASK1065": 82,
    "MASK1140": 82,
    "MASK1550": 82,
    "MASKLYOT": 90,
    "FULL": 271,
}
_MIRI_SLOW_ROW_CLOCKS = 2333


@dataclass(frozen=True)
class Readout:
    """How frames make up groups.

    Parameters
    ----------
    name : str
        Name in the READPATT keyword.
    nframes : int
        Frames averaged into one group.
    groupgap : int
        Frames dropped between groups.
    nsamples : int
        Samples of the converter per pixel.
    """

    name: str
    nframes: int
    groupgap: int
    nsamples: int = 1

    @property
    def period(self) -> int:
        """Frames from one group to the next."""
        return self.nframes + self.groupgap

    @property
    def irs2(self) -> bool:
        """True if reference pixels are read between the others (NIRSpec)."""
        return "IRS2" in self.name

    @property
    def slow(self) -> bool:
        """True for the slow patterns of MIRI."""
        return self.name.startswith("SLOW")

    def frames(self, ngroups: int) -> int:
        """Frames of an integration from the first one to the last one of the last group."""
        return ngroups * self.period - self.groupgap

    def mean_frame(self, group: int) -> float:
        """Mean number of frame times since the reset, for the frames of a group counted from 0."""
        return group * self.period + (self.nframes + 1) / 2


def _by_name(*patterns: Readout) -> dict[str, Readout]:
    return {pattern.name: pattern for pattern in patterns}


READOUT_PATTERNS = {
    "NIRCAM": _by_name(
        Readout("RAPID", 1, 0),
        Readout("BRIGHT1", 1, 1),
        Readout("BRIGHT2", 2, 0),
        Readout("SHALLOW2", 2, 3),
        Readout("SHALLOW4", 4, 1),
        Readout("MEDIUM2", 2, 8),
        Readout("MEDIUM8", 8, 2),
        Readout("DEEP2", 2, 18),
        Readout("DEEP8", 8, 12),
    ),
    "NIRSPEC": _by_name(
        Readout("NRSRAPID", 1, 0),
        Readout("NRS", 4, 0),
        Readout("NRSIRS2RAPID", 1, 0),
        Readout("NRSIRS2", 5, 0),
    ),
    "NIRISS": _by_name(Readout("NISRAPID", 1, 0), Readout("NIS", 4, 0)),
    "FGS": _by_name(Readout("FGSRAPID", 1, 0), Readout("FGS", 2, 8)),
    "MIRI": _by_name(
        Readout("FASTR1", 1, 0),
        Readout("FAST", 1, 0),
        Readout("SLOWR1", 1, 0, 9),
        Readout("SLOW", 1, 0, 9),
    ),
}
"""Patterns by instrument; the first one of each averages no frames and drops none."""


def find_readout(name: str, instrument: str = "NIRCAM") -> Readout:
    """Return a readout pattern of an instrument by name.

    Raises
    ------
    InputError
        The instrument has no such pattern.
    """
    patterns = READOUT_PATTERNS[instrument]
    try:
        return patterns[name.upper()]
    except KeyError:
        raise InputError(f"{instrument} has no readout pattern {name!r}. Known: {', '.join(patterns)}.") from None


def miri_row_clocks(region: Subarray, readout: Readout) -> tuple[int, int]:
    """Return the clocks of a row and of a frame of MIRI (spec emicorr.md, table of cases).

    Parameters
    ----------
    region : Subarray
        The rectangle. One without a name in the table gets the time of its columns.
    readout : Readout
        The pattern.

    Returns
    -------
    row, frame : int
        Clocks of 10 microseconds.

    Raises
    ------
    InputError
        A subarray and a slow pattern.
    """
    if readout.slow:
        if region.name != "FULL":
            raise InputError(f"MIRI reads subarrays such as {region.name} with fast patterns only, not {readout.name}.")
        row = _MIRI_SLOW_ROW_CLOCKS
    else:
        row = _MIRI_ROW_CLOCKS.get(region.name, region.xsize // 4 + 10)
    return row, region.ysize * row + (1024 - region.ysize) * MIRI_SKIPPED_ROW


def frame_time(detector: Detector, region: Subarray, readout: Readout) -> float:
    """Return the time from frame to frame.

    Parameters
    ----------
    detector : Detector
        The detector.
    region : Subarray
        The rectangle that is read.
    readout : Readout
        The pattern.

    Returns
    -------
    float
        Seconds (spec common_detector.md §7, and emicorr.md for MIRI).
    """
    if detector.instrument == "MIRI":
        return miri_row_clocks(region, readout)[1] * CLOCK
    columns, rows = (region.ysize, region.xsize) if detector.transposed else (region.xsize, region.ysize)
    if readout.irs2:
        return (IRS2_LINE * (rows + 1) + 1) * CLOCK
    extra_rows, extra_clocks = (1, 1) if region.noutputs == 4 else (2 if columns >= 9 else 3, 0)
    return ((columns // region.noutputs + LINE_OVERHEAD) * (rows + extra_rows) + extra_clocks) * CLOCK
