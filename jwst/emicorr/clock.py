"""The clock of the MIRI detectors: when each pixel is read. Source: spec emicorr.md, common definitions.

Times are counted in clocks of 10 microseconds. Four outputs are read at the same time, so that four neighbouring
columns form a quad with one time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLOCK", "OUTPUTS", "Readout", "frac", "period", "row_blocks", "sum_of_outputs"]

CLOCK = 1e-5
"""Length of a clock, in seconds."""

OUTPUTS = 4
"""Columns that are read at the same time."""

_FULL_ROWS = 1024
_CLOCKS_PER_MISSING_ROW = 7
_EDGE_CLOCKS = 3 + 2**32
"""What the last quad of the full width is late by in the released pipeline: 3 clocks, and an overflow."""


@dataclass(frozen=True)
class Readout:
    """How a detector is read.

    Attributes
    ----------
    shape : (ny, nx)
        Rows and columns; a multiple of four columns.
    rowclocks, frameclocks : int, clock
        Length of a row and of a frame, from the reference.
    nsamples : int
        Samples of a pixel that are averaged: 1 (fast) or 9 (slow).
    extra_reset : bool
        One more frame passes between integrations (FASTR1, SLOWR1).
    right_edge : bool
        The last quad is that at the right edge of the full frame.
    """

    shape: tuple[int, int]
    rowclocks: int
    frameclocks: int
    nsamples: int = 1
    extra_reset: bool = True
    right_edge: bool = False

    @property
    def quads(self) -> int:
        """Quads of columns in a row."""
        return self.shape[1] // OUTPUTS

    @property
    def frame_length(self) -> int:
        """Clocks from the start of a frame to the start of the next one."""
        ny = self.shape[0]
        return ny * self.rowclocks + (_FULL_ROWS - ny) * _CLOCKS_PER_MISSING_ROW

    @property
    def gap(self) -> int:
        """Clocks between integrations."""
        return self.frameclocks if self.extra_reset else 0

    def start(self, integration: int, group: int, ngroups: int) -> int:
        """Clock at which a frame of an exposure starts."""
        return (integration * ngroups + group) * self.frame_length + integration * self.gap

    def times(self, start: int, *, edge: bool = True) -> NDArray[np.float64]:
        """Clocks at which the quads of a frame are read.

        Parameters
        ----------
        start : int
            Clock at which the frame starts.
        edge : bool
            Delay the last quad at the right edge of the full frame, as 'sequential' does.

        Returns
        -------
        (ny, nx / 4) ndarray of float64
            Whole numbers.
        """
        rows = start + np.arange(self.shape[0], dtype=np.float64) * self.rowclocks
        columns = np.arange(self.quads, dtype=np.float64) * self.nsamples
        if edge and self.right_edge:
            columns[-1] += _EDGE_CLOCKS
        return rows[:, None] + columns


def period(frequency: float) -> float:
    """Period of a frequency in Hz, in clocks; the order of divisions decides the bin of a few pixels."""
    return 1.0 / frequency / CLOCK


def frac(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the fractional part, in place: from 0 to 1 for negative values too."""
    values -= np.floor(values)
    return values


def sum_of_outputs(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add the four columns of each quad: shape (..., nx) becomes (..., nx / 4)."""
    total = plane[..., 0::OUTPUTS] + plane[..., 1::OUTPUTS]
    for column in range(2, OUTPUTS):
        total += plane[..., column::OUTPUTS]
    return total


def row_blocks(ny: int, samples_per_row: int, *, samples: int) -> Iterable[slice]:
    """Divide rows into blocks of about ``samples`` samples."""
    height = max(1, samples // max(samples_per_row, 1))
    return (slice(start, min(start + height, ny)) for start in range(0, ny, height))
