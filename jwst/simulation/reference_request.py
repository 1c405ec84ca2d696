"""Which reference file to make, and what all of them have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.simulation.detector import DetectorTruth
from jwst.simulation.detectors import Detector, find_detector
from jwst.simulation.modes import Optics
from jwst.simulation.readout import Readout, frame_time
from jwst.simulation.subarrays import Subarray

__all__ = ["REFERENCE_META", "ReferenceRequest", "dq_def_table", "flag_where"]

REFERENCE_META = {
    "description": "Made from the truth of a simulated detector.",
    "author": "jwst.simulation",
    "pedigree": "DUMMY",
    "useafter": "2022-01-01T00:00:00",
    "telescope": "JWST",
}


@dataclass(frozen=True, eq=False)
class ReferenceRequest:
    """Which reference to make.

    Parameters
    ----------
    detector : DetectorTruth
        Truth of the rectangle that the reference covers.
    readout : Readout
        For dark and read noise: the readout pattern they belong to. IRS2 patterns have masks and biases of their own.
    ngroups : int
        Groups of the dark.
    inverse_linearity : bool
        Give the linearity reference inverse coefficients too, which switches on the correction read by read.
    kernels : bool
        Give the IPC reference a kernel for every pixel.
    optics : Optics
        Elements that the flat field belongs to.
    cases : tuple of (Subarray, Readout)
        Subarrays and patterns in tables for all exposures of a detector (MIRI).
    seconds : float or None
        Time from frame to frame, if it is not that of the rectangle (superstripes).
    """

    detector: DetectorTruth
    readout: Readout
    ngroups: int = 10
    inverse_linearity: bool = False
    kernels: bool = False
    optics: Optics = Optics()
    cases: tuple[tuple[Subarray, Readout], ...] = ()
    seconds: float | None = None

    @property
    def sca(self) -> Detector:
        """The detector."""
        return find_detector(self.detector.detector)

    @property
    def region(self) -> Subarray:
        """The rectangle."""
        return self.detector.subarray

    @property
    def frame_time(self) -> float:
        """Seconds from frame to frame."""
        return self.seconds or frame_time(self.sca, self.region, self.readout)


def dq_def_table(names: dict[str, int]) -> np.ndarray:
    """Return a table that explains DQ values given in standard bits.

    Parameters
    ----------
    names : dict of str to int
        Flag names and their standard values.

    Returns
    -------
    structured ndarray
        Columns BIT, VALUE, NAME, DESCRIPTION.
    """
    rows = [(value.bit_length() - 1, value, name, name.replace("_", " ").lower()) for name, value in names.items()]
    return np.array(rows, dtype=[("BIT", "<i4"), ("VALUE", "<u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])


def flag_where(flag: int, pixels: np.ndarray) -> np.ndarray:
    """Return a flag where an array of bool is true: ndarray of uint32."""
    return np.where(pixels, np.uint32(flag), np.uint32(0))
