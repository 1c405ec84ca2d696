"""Between science orientation and the readout order of the detector. Source: spec common_detector.md §6."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["FULL_SIZE", "Orientation", "Placement"]

FULL_SIZE = 2048


@dataclass(frozen=True)
class Orientation:
    """Directions in which a detector is read.

    Parameters
    ----------
    fast : int
        FASTAXIS: 1 or 2, the science axis (x or y) that is read fast; negative where it is read backwards.
    slow : int
        SLOWAXIS, likewise.

    Raises
    ------
    InputError
        The two are not one of ±1 and one of ±2.
    """

    fast: int
    slow: int

    def __post_init__(self) -> None:
        if {abs(self.fast), abs(self.slow)} != {1, 2}:
            raise InputError(f"FASTAXIS={self.fast} and SLOWAXIS={self.slow} must be ±1 and ±2, or ±2 and ±1")

    @property
    def transposed(self) -> bool:
        """Whether detector columns are science rows."""
        return abs(self.fast) == 2

    def to_detector(self, array: np.ndarray) -> np.ndarray:
        """View an array in readout order.

        Parameters
        ----------
        array : (..., ny, nx) ndarray
            In science orientation.

        Returns
        -------
        (..., rows, columns) ndarray
            A view: fast axis along the columns, slow axis along the rows, both increasing.
        """
        if self.transposed:
            array = array.swapaxes(-1, -2)
        return array[..., :: _sign(self.slow), :: _sign(self.fast)]

    def to_science(self, array: np.ndarray) -> np.ndarray:
        """View an array that is in readout order in science orientation; the inverse of `to_detector`."""
        array = array[..., :: _sign(self.slow), :: _sign(self.fast)]
        return array.swapaxes(-1, -2) if self.transposed else array


@dataclass(frozen=True)
class Placement:
    """Where an array lies on a near-infrared detector.

    Parameters
    ----------
    orientation : Orientation
    x0, y0 : int
        First column and row in science orientation, counted from 0.
    shape : (ny, nx)
        Shape in science orientation.
    """

    orientation: Orientation
    x0: int
    y0: int
    shape: tuple[int, int]

    @property
    def columns(self) -> slice:
        """Detector columns that the array covers."""
        if self.orientation.transposed:
            return _span(self.y0, self.shape[0], self.orientation.fast)
        return _span(self.x0, self.shape[1], self.orientation.fast)

    @property
    def rows(self) -> slice:
        """Detector rows that the array covers."""
        if self.orientation.transposed:
            return _span(self.x0, self.shape[1], self.orientation.slow)
        return _span(self.y0, self.shape[0], self.orientation.slow)


def _sign(axis: int) -> int:
    return -1 if axis < 0 else 1


def _span(start: int, size: int, axis: int) -> slice:
    """Positions along a detector axis, which may run against the science axis."""
    if axis < 0:
        start = FULL_SIZE - start - size
    return slice(start, start + size)
