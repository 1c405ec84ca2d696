"""Readouts that put several stripes of a detector into one frame (spec common_detector.md §7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.simulation.detectors import DETECTOR_SIZE, Detector
from stpipe.exceptions import InputError

__all__ = ["Stripes"]


@dataclass(frozen=True)
class Stripes:
    """Which lines of the detector a frame is made of.

    Parameters
    ----------
    reads1, skips1 : int
        Lines at the start that are read as reference, and lines that are skipped after them.
    reads2, skips2 : int
        Lines of a stripe, and lines that are skipped after it.
    repeat : int
        1 if the reference lines are read again before each further stripe of a frame.
    interleave : int
        With ``repeat``: 1 if each further stripe lies behind the one before, 0 if it is the same one.
    step : int
        Lines by which the stripe of the next integration lies further on (superstripes).
    count : int
        Integrations until the stripes start anew (superstripes); 0 if all integrations read the same lines.
    """

    reads1: int
    skips1: int
    reads2: int
    skips2: int = 0
    repeat: int = 0
    interleave: int = 0
    step: int = 0
    count: int = 0

    def lines(self, length: int, *, start: int = 0, stripe: int = 0) -> np.ndarray:
        """Return the lines of the detector that a frame holds.

        Parameters
        ----------
        length : int
            Lines of the frame.
        start : int
            Line where reading starts, in the order of readout.
        stripe : int
            Number of the integration among ``count``.

        Returns
        -------
        (length,) ndarray of int
            Lines in the order of readout, counted from 0.

        Raises
        ------
        InputError
            The stripes do not fill the frame, or reach beyond the detector.
        """
        offset = self.step * stripe
        reference = list(range(start, start + self.reads1))
        cursor, skip = start + self.reads1 + self.skips1 + offset, self.skips1
        found = [*reference, *range(cursor, cursor + self.reads2)]
        cursor += self.reads2
        while len(found) < length:
            if self.repeat:
                found += reference
                skip += self.skips2 + self.reads2 if self.interleave else 0
                cursor = start + self.reads1 + skip + (0 if self.interleave else offset)
            else:
                cursor += self.skips2
            found += range(cursor, cursor + self.reads2)
            cursor += self.reads2
        if len(found) != length or max(found) >= DETECTOR_SIZE:
            raise InputError(f"Stripes {self} do not fit into a frame of {length} lines from line {start} on.")
        return np.array(found)

    def places(self, length: int, detector: Detector, *, stripe: int = 0) -> np.ndarray:
        """Return the same lines as indices along the slow axis in DMS orientation.

        Parameters
        ----------
        length : int
            Lines of the frame.
        detector : Detector
            Detector with its readout directions. Reading starts at its first line.
        stripe : int
            Number of the integration among ``count``.

        Returns
        -------
        (length,) ndarray of int
            Index on the detector for each index of the frame.
        """
        lines = self.lines(length, stripe=stripe)
        return lines if detector.slowaxis > 0 else DETECTOR_SIZE - 1 - lines[::-1]

    def science(self, length: int, detector: Detector) -> np.ndarray:
        """Return which indices of a frame along the slow axis are no reference lines: (length,) ndarray of bool."""
        wanted = np.arange(length) >= self.reads1
        if self.repeat:
            wanted = np.arange(length) % (self.reads1 + self.reads2) >= self.reads1
        return wanted if detector.slowaxis > 0 else wanted[::-1]
