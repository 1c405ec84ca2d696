"""Readout patterns of NIRCam and the times of frames and groups."""

from __future__ import annotations

from dataclasses import dataclass

from stpipe.exceptions import InputError

__all__ = ["READOUT_PATTERNS", "Readout", "find_readout"]


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
    """

    name: str
    nframes: int
    groupgap: int

    @property
    def period(self) -> int:
        """Frames from one group to the next."""
        return self.nframes + self.groupgap

    def frames(self, ngroups: int) -> int:
        """Frames of an integration from the first one to the last one of the last group."""
        return ngroups * self.period - self.groupgap

    def mean_frame(self, group: int) -> float:
        """Mean number of frame times since the reset, for the frames of a group counted from 0."""
        return group * self.period + (self.nframes + 1) / 2


READOUT_PATTERNS = {
    pattern.name: pattern
    for pattern in (
        Readout("RAPID", 1, 0),
        Readout("BRIGHT1", 1, 1),
        Readout("BRIGHT2", 2, 0),
        Readout("SHALLOW2", 2, 3),
        Readout("SHALLOW4", 4, 1),
        Readout("MEDIUM2", 2, 8),
        Readout("MEDIUM8", 8, 2),
        Readout("DEEP2", 2, 18),
        Readout("DEEP8", 8, 12),
    )
}


def find_readout(name: str) -> Readout:
    """Return a readout pattern by name.

    Raises
    ------
    InputError
        NIRCam has no such pattern.
    """
    try:
        return READOUT_PATTERNS[name.upper()]
    except KeyError:
        raise InputError(f"No readout pattern {name!r}. Known: {', '.join(READOUT_PATTERNS)}.") from None
