"""Readouts in stripes: which detector lines they deliver, and what of a reference belongs to them.

A sub-stripe exposure reads several ranges of lines into one image. A superstripe exposure moves the range from
integration to integration, so that each has a reference plane of its own. Source: spec common_detector.md §7.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.orientation import FULL_SIZE, Orientation
from stpipe.exceptions import InputError

__all__ = [
    "LineRange",
    "StripeCut",
    "StripeReadout",
    "integrations",
    "is_striped",
    "plane_of",
    "stripe_readout",
    "superstripes",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LineRange:
    """Consecutive detector lines and where they go.

    Parameters
    ----------
    first : int
        First line of the detector, in readout order, counted from 0.
    number : int
        Lines.
    target : int
        First line of the exposure.
    science : bool
        False for the lines at the start, which hold reference pixels.
    """

    first: int
    number: int
    target: int
    science: bool

    @property
    def source(self) -> slice:
        """Lines of the detector."""
        return slice(self.first, self.first + self.number)

    @property
    def place(self) -> slice:
        """Lines of the exposure."""
        return slice(self.target, self.target + self.number)


@dataclass(frozen=True)
class StripeReadout:
    """How an exposure was read out in stripes; the names are those of the keywords.

    Parameters
    ----------
    orientation : Orientation
    start : int
        First line that is read, in readout order, counted from 0.
    size : int
        Lines of the exposure.
    reads1, skips1, reads2, skips2 : int
        Lines at the start, lines left out after them, lines of a range, lines left out between ranges.
    repeat, interleave : bool
        Go back to the start after each range; then read on where the range before ended, rather than the same range.
    step, number : int
        Lines by which each stripe is further, and stripes; 0 for an exposure that is no superstripe exposure.
    """

    orientation: Orientation
    start: int
    size: int
    reads1: int
    skips1: int
    reads2: int
    skips2: int
    repeat: bool = False
    interleave: bool = False
    step: int = 0
    number: int = 0

    def ranges(self, stripe: int = 0) -> tuple[LineRange, ...]:
        """Ranges of lines of one stripe, in the order in which they are read.

        Raises
        ------
        InputError
            They do not fill the exposure, or nothing is read.

        Notes
        -----
        Interleaved ranges after the first are the same in all stripes, as in the released pipeline.
        """
        reads = self.reads2 if self.reads2 > 0 or not self.number else self.step
        if reads <= 0:
            raise InputError(f"MSTR_RD2={self.reads2}: a stripe readout needs at least one line")
        found: list[LineRange] = []
        skipped = self.skips1 + (self.step * stripe if self.number else 0)
        interleaved = self.skips1
        cursor, filled = self._read(found, self.start, 0, (self.reads1, False))
        cursor, filled = self._read(found, cursor + skipped, filled, (reads, True))
        while filled < self.size:
            if self.repeat:
                cursor, filled = self._read(found, self.start, filled, (self.reads1, False))
                interleaved += self.skips2 + reads
                cursor += interleaved if self.interleave else skipped
            else:
                cursor += self.skips2
            cursor, filled = self._read(found, cursor, filled, (reads, True))
        if filled != self.size:
            raise InputError(
                f"Stripe readout does not match science array shape: MSTR_RD1={self.reads1} and MSTR_RD2={reads} make "
                f"{filled} lines, the exposure has {self.size}"
            )
        return tuple(found)

    @staticmethod
    def _read(found: list[LineRange], cursor: int, filled: int, what: tuple[int, bool]) -> tuple[int, int]:
        """Add a range, unless it is empty, and move on."""
        number, science = what
        if number > 0:
            found.append(LineRange(cursor, number, filled, science))
        return cursor + max(0, number), filled + max(0, number)

    def science_ranges(self, stripe: int = 0) -> tuple[LineRange, ...]:
        """The ranges that are not at the start."""
        return tuple(item for item in self.ranges(stripe) if item.science)

    def lines(self, stripe: int = 0) -> np.ndarray:
        """Detector line of each line of the exposure, (size,) int."""
        return np.concatenate([np.arange(item.first, item.first + item.number) for item in self.ranges(stripe)])


def is_striped(model: Any) -> bool:
    """Whether an exposure was read out in stripes and is not put together yet.

    Raises
    ------
    InputError
        There are keywords of stripes, but not the one that says so.
    """
    subarray = model.meta.subarray
    if getattr(subarray, "multistripe_reads1", None) is not None:
        return True
    others = {"multistripe_reads2": "MSTR_RD2", "num_superstripe": "SSTR_NST"}
    found = [keyword for key, keyword in others.items() if (getattr(subarray, key, None) or 0) > 0]
    if found:
        raise InputError(
            f"The exposure has {' and '.join(found)} of a readout in stripes but no MSTR_RD1; set it to the number of "
            "lines at the start of a frame, or take the others out"
        )
    return False


def superstripes(model: Any) -> int:
    """Number of stripes of a superstripe exposure; 0 for any other.

    Raises
    ------
    InputError
        The number is negative.
    """
    number = int(getattr(model.meta.subarray, "num_superstripe", None) or 0)
    if number < 0:
        raise InputError(f"SSTR_NST is {number}: it must be the number of stripes of a superstripe, or 0")
    return number


def integrations(model: Any) -> Iterator[tuple[slice, int | None]]:
    """Which integrations share a plane of a reference.

    Parameters
    ----------
    model : data model
        The exposure.

    Yields
    ------
    slice, int or None
        Integrations, and the number of their plane; all of them and None where there is one plane only.

    Raises
    ------
    InputError
        The integrations are not a whole number of superstripes.
    """
    number = superstripes(model)
    if not number:
        yield slice(None), None
        return
    nints = model.data.shape[0]
    if nints % number:
        raise InputError(
            f"{nints} integrations are no whole number of superstripes of SSTR_NST={number} stripes; "
            "leave the incomplete superstripe out of the file"
        )
    for index in range(nints):
        yield slice(index, index + 1), index % number


def plane_of(array: np.ndarray, plane: int | None) -> np.ndarray:
    """The plane of an array that `integrations` names, (ny, nx); the array itself where there is one plane only."""
    return array if plane is None else array[plane]


def stripe_readout(subarray: Any) -> StripeReadout:
    """Read the stripe keywords of an exposure.

    Parameters
    ----------
    subarray : node
        ``meta.subarray`` of an exposure.

    Returns
    -------
    StripeReadout

    Raises
    ------
    InputError
        A keyword is missing, or its value is not possible.
    """
    keys = {"fastaxis": "FASTAXIS", "slowaxis": "SLOWAXIS", "xstart": "SUBSTRT1", "ystart": "SUBSTRT2"}
    keys |= {"xsize": "SUBSIZE1", "ysize": "SUBSIZE2", "multistripe_reads1": "MSTR_RD1"}
    keys |= {"multistripe_skips1": "MSTR_SK1", "multistripe_reads2": "MSTR_RD2"}
    found: dict[str, Any] = {key: getattr(subarray, key, None) for key in keys}
    missing = [keyword for key, keyword in keys.items() if found[key] is None]
    if missing:
        raise InputError(
            "Can't determine science file subarray properties: an exposure in stripes must have set "
            f"{', '.join(missing)} as well"
        )
    orientation = Orientation(int(found["fastaxis"]), int(found["slowaxis"]))
    return _readout({key: int(value) for key, value in found.items()}, subarray, orientation)


def _readout(found: Mapping[str, int], subarray: Any, orientation: Orientation) -> StripeReadout:
    """The readout, from keywords that are all there."""
    optional = ("multistripe_skips2", "repeat_stripe", "interleave_reads1", "superstripe_step", "num_superstripe")
    skips2, repeat, interleave, step, number = (int(getattr(subarray, key, None) or 0) for key in optional)
    if (number > 1 and step == 0) or (number == 0 and step != 0):
        raise InputError(
            f"SSTR_NST={number} and SSTR_STP={step}: superstripes need the number of stripes and the lines by which "
            "each is further than the one before; other exposures have neither"
        )
    corner, size = ("xstart", "xsize") if orientation.transposed else ("ystart", "ysize")
    return StripeReadout(
        orientation=orientation,
        start=_start(found[corner], orientation.slow, getattr(subarray, "name", None) or ""),
        size=found[size],
        reads1=found["multistripe_reads1"],
        skips1=found["multistripe_skips1"],
        reads2=found["multistripe_reads2"],
        skips2=skips2,
        repeat=repeat > 0,
        interleave=bool(interleave),
        step=step,
        number=number,
    )


def _start(corner: int, slow: int, name: str) -> int:
    """First line that is read, in readout order, counted from 0."""
    if corner < 1:
        raise InputError(f"Bad subarray corners in the science file: {corner}")
    start = corner - 1
    if slow < 0:
        start = FULL_SIZE - corner
        if corner == 1:
            log.warning("The subarray starts at 1 though SLOWAXIS=%d; taken as read from the first line on", slow)
            start = 0
    if "DHS" in name and start:
        log.warning("The readout of %s is taken to start at the first line", name)
        start = 0
    return start


@dataclass(frozen=True)
class StripeCut:
    """Which part of a reference belongs to an exposure in stripes.

    Parameters
    ----------
    window : (slice of rows, slice of columns)
        The smallest rectangle of the reference that has it all, in science orientation.
    orientation : Orientation
    lines : (nstripes, size) ndarray of int
        For each stripe, the line of the rectangle for each line of the exposure, in readout order.
    stack : bool
        Give a plane for each stripe (superstripes).
    """

    window: tuple[slice, slice]
    orientation: Orientation
    lines: np.ndarray
    stack: bool

    @classmethod
    def of(cls, model: Any, reference: Any) -> StripeCut:
        """Find the part of a reference for an exposure.

        Parameters
        ----------
        model : data model
            The exposure.
        reference : Subarray
            Where the array of the reference lies.

        Raises
        ------
        InputError
            The exposure is not inside the reference.
        """
        where = model.meta.subarray
        readout = stripe_readout(where)
        orientation = readout.orientation
        lines = np.stack([readout.lines(stripe) for stripe in range(max(1, readout.number))])
        fast, slow = _axes(where, reference, orientation)
        first, last = int(lines.min()) - slow.lowest, int(lines.max()) + 1 - slow.lowest
        if fast.first < 0 or fast.first + fast.size > fast.reference or first < 0 or last > slow.reference:
            raise InputError(
                f"Bad reference file slice indexes: detector lines {int(lines.min())}:{int(lines.max()) + 1} and "
                f"pixels {fast.first}:{fast.first + fast.size} of each are wanted of a reference of "
                f"{reference.ysize} x {reference.xsize}"
            )
        pixels = slice(fast.first, fast.first + fast.size)
        span = slice(first, last) if orientation.slow > 0 else slice(slow.reference - last, slow.reference - first)
        window = (pixels, span) if orientation.transposed else (span, pixels)
        return cls(window, orientation, lines - int(lines.min()), readout.number > 0)

    def apply(self, rectangle: np.ndarray) -> np.ndarray:
        """Pick the lines of the exposure from the rectangle.

        Parameters
        ----------
        rectangle : (..., ny, nx) ndarray
            What `window` cuts from the reference, in science orientation.

        Returns
        -------
        (..., ny, nx) or (nstripes, ny, nx) ndarray
            In science orientation, C-contiguous.

        Raises
        ------
        InputError
            A superstripe exposure needs a plane for each stripe, and this array is no image.
        """
        if self.stack and rectangle.ndim != 2:
            raise InputError(
                f"Superstripe exposures can be combined with reference images only, not with {rectangle.ndim} axes; "
                "run refpix first, which puts the stripes together"
            )
        lines = self.lines if self.stack else self.lines[0]
        picked = self.orientation.to_detector(rectangle)[..., lines, :]
        return np.ascontiguousarray(self.orientation.to_science(picked))


@dataclass(frozen=True)
class _Axis:
    """First pixel in the reference, pixels of the exposure, pixels of the reference, its lowest readout position."""

    first: int
    size: int
    reference: int
    lowest: int


def _axes(where: Any, reference: Any, orientation: Orientation) -> tuple[_Axis, _Axis]:
    """The fast axis, in science order, and the slow axis, in readout order."""
    x = int(where.xstart) - reference.xstart, int(where.xsize), reference.xsize, reference.xstart - 1
    y = int(where.ystart) - reference.ystart, int(where.ysize), reference.ysize, reference.ystart - 1
    fast, slow = (y, x) if orientation.transposed else (x, y)
    lowest = slow[3] if orientation.slow > 0 else FULL_SIZE - slow[3] - slow[2]
    return _Axis(*fast), _Axis(slow[0], slow[1], slow[2], lowest)
