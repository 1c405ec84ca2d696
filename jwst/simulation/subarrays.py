"""Subarrays of the detectors: corners, sizes, number of outputs.

Corners are those of the flight SIAF (PRDOPSSOC-M-026) and of the reference mappings of CRDS (context jwst_0676), in DMS
pixel coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jwst.simulation.detectors import DETECTOR_SIZE, Detector, find_detector
from jwst.simulation.stripes import Stripes
from stpipe.exceptions import InputError

__all__ = ["Subarray", "check_fit", "find_subarray", "full_frame", "subarray_names"]


@dataclass(frozen=True)
class Subarray:
    """A rectangle of a detector that is read out.

    Parameters
    ----------
    name : str
        Name in the SUBARRAY keyword.
    xstart, ystart : int
        1-based corner in DMS orientation.
    xsize, ysize : int
        Size in pixels.
    noutputs : int
        Amplifiers that read it, 1 or 4.
    stripes : Stripes or None
        Lines that make up a frame, if they are no rectangle of the detector. Reading starts at the first line then.

    Raises
    ------
    InputError
        The rectangle does not fit on any detector, or the number of outputs is neither 1 nor 4.
    """

    name: str
    xstart: int
    ystart: int
    xsize: int
    ysize: int
    noutputs: int = 1
    stripes: Stripes | None = None

    def __post_init__(self) -> None:
        inside = min(self.xstart, self.ystart, self.xsize, self.ysize) >= 1
        inside &= self.xstart + self.xsize - 1 <= DETECTOR_SIZE and self.ystart + self.ysize - 1 <= DETECTOR_SIZE
        if not inside:
            raise InputError(
                f"Subarray {self.name}: {self.xsize} x {self.ysize} pixels from corner "
                f"({self.xstart}, {self.ystart}) do not fit on a detector of {DETECTOR_SIZE} pixels."
            )
        if self.noutputs not in (1, 4):
            raise InputError(f"Subarray {self.name}: {self.noutputs} outputs; detectors read with 1 or 4.")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (ny, nx)."""
        return self.ysize, self.xsize

    def parent(self, detector: Detector) -> Subarray:
        """Return the rectangle that the lines of stripes are part of, or this one if there are none."""
        if self.stripes is None:
            return self
        if detector.transposed:
            return Subarray(self.name, 1, self.ystart, DETECTOR_SIZE, self.ysize, self.noutputs)
        return Subarray(self.name, self.xstart, 1, self.xsize, DETECTOR_SIZE, self.noutputs)

    def product(self, detector: Detector) -> Subarray:
        """Return the rectangle of the products: superstripes are put together to one (spec common_detector.md §7)."""
        stripes = self.stripes
        if stripes is None or not stripes.count:
            return self
        parent, length = self.parent(detector), self.xsize if detector.transposed else self.ysize
        if self.name in WHOLE_PRODUCTS:
            return parent
        science = stripes.science(length, detector)
        places = np.concatenate([stripes.places(length, detector, stripe=k)[science] for k in range(stripes.count)])
        start, size = int(places.min()) + 1, int(np.ptp(places)) + 1
        if detector.transposed:
            return replace(parent, xstart=start, xsize=size)
        return replace(parent, ystart=start, ysize=size)


_SQUARE_SIZES = {"SUB160": 160, "SUB320": 320, "SUB640": 640}
_SQUARE_CORNERS = {
    "NRCA1": ("high", "high"),
    "NRCA2": ("high", "low"),
    "NRCA3": ("low", "high"),
    "NRCA4": ("low", "low"),
    "NRCB1": ("low", "low"),
    "NRCB2": ("low", "high"),
    "NRCB3": ("high", "low"),
    "NRCB4": ("high", "high"),
}
_LONG_CENTRES = {"NRCALONG": (1025, 1025), "NRCBLONG": (985, 1021)}
_NIRCAM = {
    ("NRCA1", "SUBGRISM64"): (1, 135, 2048, 64, 4),
    ("NRCA1", "SUBGRISM128"): (1, 103, 2048, 128, 4),
    ("NRCA1", "SUBGRISM256"): (1, 1, 2048, 256, 4),
    ("NRCA3", "SUBGRISM64"): (1, 144, 2048, 64, 4),
    ("NRCA3", "SUBGRISM128"): (1, 112, 2048, 128, 4),
    ("NRCA3", "SUBGRISM256"): (1, 1, 2048, 256, 4),
    ("NRCALONG", "SUBGRISM64"): (1, 1, 2048, 64, 4),
    ("NRCALONG", "SUBGRISM128"): (1, 1, 2048, 128, 4),
    ("NRCALONG", "SUBGRISM256"): (1, 1, 2048, 256, 4),
    ("NRCA3", "SUB160P"): (1889, 1, 160, 160, 1),
    ("NRCA3", "SUB400P"): (1649, 1, 400, 400, 1),
    ("NRCA3", "SUB64P"): (1, 101, 64, 64, 1),
    ("NRCALONG", "SUB160P"): (1889, 1, 160, 160, 1),
    ("NRCALONG", "SUB400P"): (1649, 1, 400, 400, 1),
    ("NRCALONG", "SUB64P"): (1046, 1, 64, 64, 1),
    ("NRCB1", "SUB160P"): (1889, 1889, 160, 160, 1),
    ("NRCB1", "SUB400P"): (1649, 1649, 400, 400, 1),
    ("NRCB1", "SUB64P"): (1985, 1985, 64, 64, 1),
    ("NRCBLONG", "SUB160P"): (1889, 1889, 160, 160, 1),
    ("NRCBLONG", "SUB400P"): (1649, 1649, 400, 400, 1),
    ("NRCBLONG", "SUB64P"): (1985, 1985, 64, 64, 1),
    ("NRCA3", "SUB64FP1A"): (430, 1379, 64, 64, 1),
    ("NRCA3", "SUB96DHSPILA"): (968, 1032, 96, 96, 1),
    ("NRCB4", "SUB96DHSPILB"): (989, 1032, 96, 96, 1),
}
_MIRI = {
    ("MIRIMAGE", "SUB64"): (1, 779, 72, 64, 4),
    ("MIRIMAGE", "SUB128"): (1, 889, 136, 128, 4),
    ("MIRIMAGE", "SUB256"): (413, 51, 256, 256, 4),
    ("MIRIMAGE", "BRIGHTSKY"): (457, 51, 512, 512, 4),
    ("MIRIMAGE", "SLITLESSPRISM"): (1, 529, 72, 416, 4),
    ("MIRIMAGE", "MASK1065"): (1, 19, 288, 224, 4),
    ("MIRIMAGE", "MASK1140"): (1, 245, 288, 224, 4),
    ("MIRIMAGE", "MASK1550"): (1, 467, 288, 224, 4),
    ("MIRIMAGE", "MASKLYOT"): (1, 717, 320, 304, 4),
}
_NIRSPEC = {
    ("NRS1", "ALLSLITS"): (1, 897, 2048, 256, 1),
    ("NRS1", "SUB2048"): (1, 946, 2048, 32, 1),
    ("NRS1", "SUB1024A"): (1, 946, 1024, 32, 1),
    ("NRS1", "SUB1024B"): (1025, 946, 1024, 32, 1),
    ("NRS1", "SUB512"): (1025, 957, 512, 32, 1),
    ("NRS1", "SUB512S"): (1025, 965, 512, 16, 1),
    ("NRS1", "SUB32"): (1399, 975, 32, 32, 1),
    ("NRS2", "ALLSLITS"): (1, 897, 2048, 256, 1),
    ("NRS2", "SUB2048"): (1, 946, 2048, 32, 1),
    ("NRS2", "SUB1024A"): (1, 946, 1024, 32, 1),
    ("NRS2", "SUB1024B"): (1025, 946, 1024, 32, 1),
    ("NRS2", "SUB512"): (513, 959, 512, 32, 1),
    ("NRS2", "SUB512S"): (513, 954, 512, 16, 1),
    ("NRS2", "SUB32"): (619, 1043, 32, 32, 1),
}
_NIRISS = {
    ("NIS", "SUBSTRIP256"): (1, 1793, 2048, 256, 1),
    ("NIS", "SUBSTRIP96"): (1, 1803, 2048, 96, 1),
    ("NIS", "SUB256"): (1793, 1793, 256, 256, 1),
    ("NIS", "SUB128"): (1921, 1921, 128, 128, 1),
    ("NIS", "SUB80"): (1045, 1, 80, 80, 1),
    ("NIS", "SUB64"): (1985, 1985, 64, 64, 1),
}
_FGS = {
    (guider, f"SUB{size}{place}"): (corner, corner, size, size, 1)
    for guider in ("GUIDER1", "GUIDER2")
    for size, place, corner in ((128, "LL", 1), (32, "LL", 1), (128, "CNTR", 961), (32, "CNTR", 1009))
}
_STRIPED: dict[tuple[str, str], tuple[Any, ...]] = {
    ("NRCA3", "SUB164STRIPE4_DHS"): (1, 1, 2048, 164, 4, Stripes(4, 300, 40, 260)),
    **{
        ("NIS", f"SUB{reads}STRIPE_SOSS"): (
            1,
            1793,
            4 + reads,
            256,
            1,
            Stripes(4, 0, reads, step=reads, count=2040 // reads),
        )
        for reads in (17, 60, 204, 680)
    },
}
_OTHERS: dict[tuple[str, str], tuple[Any, ...]] = {**_NIRCAM, **_MIRI, **_NIRSPEC, **_NIRISS, **_FGS, **_STRIPED}
WHOLE_PRODUCTS = tuple(f"SUB{reads}STRIPE_SOSS" for reads in (17, 60, 204, 680))
"""Superstripes whose products cover the whole width of the detector."""


def full_frame(detector: str) -> Subarray:
    """Return the whole of a detector."""
    ny, nx = find_detector(detector).shape
    return Subarray("FULL", 1, 1, nx, ny, 4)


def check_fit(region: Subarray, detector: Detector) -> None:
    """Refuse a rectangle that a detector cannot read.

    Raises
    ------
    InputError
        It reaches beyond the detector, or four outputs do not see the full width of it.
    """
    ny, nx = detector.shape
    if region.xstart + region.xsize - 1 > nx or region.ystart + region.ysize - 1 > ny:
        raise InputError(f"Subarray {region.name} does not fit on {detector.name} with {nx} x {ny} pixels.")
    if detector.instrument == "MIRI":
        if region.noutputs != 4 or region.xsize % 4 or region.xstart % 4 != 1:
            raise InputError(
                f"Subarray {region.name}: {detector.name} reads with 4 outputs, so that first column - 1 and number of "
                "columns are multiples of 4."
            )
        return
    if region.stripes is not None:
        length = region.xsize if detector.transposed else region.ysize
        for stripe in range(max(region.stripes.count, 1)):
            region.stripes.lines(length, stripe=stripe)
        if region.stripes.count and length != region.stripes.reads1 + region.stripes.reads2:
            raise InputError(
                f"Subarray {region.name}: superstripes of one stripe per frame can be simulated, no others."
            )
    width = region.ysize if detector.transposed else region.xsize
    if region.noutputs == 4 and width != DETECTOR_SIZE:
        raise InputError(f"Subarray {region.name}: four outputs need the full width of {DETECTOR_SIZE} pixels.")


def subarray_names(detector: str) -> list[str]:
    """Return the names of the subarrays that a detector has."""
    sca = find_detector(detector)
    squares = _SQUARE_SIZES if sca.instrument == "NIRCAM" else {}
    return ["FULL", *squares, *(sub for det, sub in _OTHERS if det == sca.name)]


def find_subarray(name: str, detector: str) -> Subarray:
    """Return a subarray of a detector.

    Parameters
    ----------
    name : str
        Name such as "FULL" or "SUB160".
    detector : str
        Detector name.

    Returns
    -------
    Subarray
        Corner and size in DMS orientation.

    Raises
    ------
    InputError
        The detector has no subarray of that name.
    """
    detector, name = find_detector(detector).name, name.upper()
    if name == "FULL":
        return full_frame(detector)
    if (detector, name) in _OTHERS:
        return Subarray(name, *_OTHERS[detector, name])
    if name not in subarray_names(detector):
        raise InputError(f"{detector} has no subarray {name!r}. Known: {', '.join(subarray_names(detector))}.")
    size = _SQUARE_SIZES[name]
    if detector in _LONG_CENTRES:
        x, y = (centre - size // 2 for centre in _LONG_CENTRES[detector])
    else:
        x, y = (1 if end == "low" else DETECTOR_SIZE - size + 1 for end in _SQUARE_CORNERS[detector])
    return Subarray(name, x, y, size, size)
