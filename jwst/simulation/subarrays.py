"""NIRCam detectors and subarrays: corners, sizes, readout directions, number of outputs.

Corners are those of the flight SIAF (PRDOPSSOC-M-026), turned into DMS pixel coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

from stpipe.exceptions import InputError

__all__ = [
    "DETECTORS",
    "DETECTOR_SIZE",
    "NircamDetector",
    "Subarray",
    "find_detector",
    "find_subarray",
    "subarray_names",
]

DETECTOR_SIZE = 2048
BORDER = 4
AMPLIFIER_WIDTH = 512


@dataclass(frozen=True)
class NircamDetector:
    """One NIRCam detector.

    Parameters
    ----------
    name : str
        Name in the DETECTOR keyword, e.g. "NRCA1" or "NRCALONG".
    fastaxis, slowaxis : int
        Readout directions in DMS orientation (spec common_detector.md §6).
    v2, v3 : float
        Reference point of the full array, arcsec.
    pixel_scale : float
        Arcsec per pixel.
    """

    name: str
    fastaxis: int
    slowaxis: int
    v2: float
    v3: float
    pixel_scale: float

    @property
    def module(self) -> str:
        """Module, "A" or "B"."""
        return self.name[3]

    @property
    def channel(self) -> str:
        """Channel, "SHORT" or "LONG"."""
        return "LONG" if self.name.endswith("LONG") else "SHORT"

    @property
    def number(self) -> int:
        """A number of its own for every detector, used in seeds."""
        return 481 + list(DETECTORS).index(self.name)


def _detectors() -> dict[str, NircamDetector]:
    rows = (
        ("NRCA1", -1, 2, 120.525464, -527.543132, 0.0311),
        ("NRCA2", 1, -2, 119.589099, -459.863304, 0.0307),
        ("NRCA3", -1, 2, 51.885582, -527.952752, 0.0313),
        ("NRCA4", 1, -2, 52.194550, -459.972490, 0.0309),
        ("NRCALONG", -1, 2, 86.039011, -493.385704, 0.0628),
        ("NRCB1", 1, -2, -120.969513, -457.788777, 0.0307),
        ("NRCB2", -1, 2, -121.154684, -525.478141, 0.0311),
        ("NRCB3", 1, -2, -53.139934, -457.821740, 0.0309),
        ("NRCB4", -1, 2, -52.845703, -525.729321, 0.0313),
        ("NRCBLONG", 1, -2, -89.596514, -491.474153, 0.0629),
    )
    return {row[0]: NircamDetector(*row) for row in rows}


DETECTORS = _detectors()


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

    Raises
    ------
    InputError
        The rectangle does not fit on the detector, or the number of outputs is neither 1 nor 4.
    """

    name: str
    xstart: int
    ystart: int
    xsize: int
    ysize: int
    noutputs: int = 1

    def __post_init__(self) -> None:
        inside = min(self.xstart, self.ystart, self.xsize, self.ysize) >= 1
        inside &= self.xstart + self.xsize - 1 <= DETECTOR_SIZE and self.ystart + self.ysize - 1 <= DETECTOR_SIZE
        if not inside:
            raise InputError(
                f"Subarray {self.name}: {self.xsize} x {self.ysize} pixels from corner "
                f"({self.xstart}, {self.ystart}) do not fit on a detector of {DETECTOR_SIZE} pixels."
            )
        if self.noutputs not in (1, 4):
            raise InputError(f"Subarray {self.name}: {self.noutputs} outputs; NIRCam reads with 1 or 4.")
        if self.noutputs == 4 and self.xsize != DETECTOR_SIZE:
            raise InputError(f"Subarray {self.name}: four outputs need the full width of {DETECTOR_SIZE} columns.")

    @property
    def is_full(self) -> bool:
        """True for the whole detector."""
        return self.xsize == DETECTOR_SIZE and self.ysize == DETECTOR_SIZE

    @property
    def frame_time(self) -> float:
        """Seconds from frame to frame: clocks of 10 microseconds (spec common_detector.md §7)."""
        extra_rows, extra_clocks = (1, 1) if self.noutputs == 4 else (2 if self.xsize >= 9 else 3, 0)
        columns = self.xsize // self.noutputs
        return ((columns + 12) * (self.ysize + extra_rows) + extra_clocks) * 1e-5


_FULL = Subarray("FULL", 1, 1, DETECTOR_SIZE, DETECTOR_SIZE, 4)
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
_OTHERS = {
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


def find_detector(name: str) -> NircamDetector:
    """Return the detector of that name.

    Raises
    ------
    InputError
        No NIRCam detector has that name.
    """
    try:
        return DETECTORS[name.upper()]
    except KeyError:
        raise InputError(f"No NIRCam detector {name!r}. Known: {', '.join(DETECTORS)}.") from None


def subarray_names(detector: str) -> list[str]:
    """Return the names of the subarrays that a detector has."""
    name = find_detector(detector).name
    return ["FULL", *_SQUARE_SIZES, *(sub for det, sub in _OTHERS if det == name)]


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
        return _FULL
    if (detector, name) in _OTHERS:
        return Subarray(name, *_OTHERS[detector, name])
    if name not in _SQUARE_SIZES:
        raise InputError(f"{detector} has no subarray {name!r}. Known: {', '.join(subarray_names(detector))}.")
    size = _SQUARE_SIZES[name]
    if detector in _LONG_CENTRES:
        x, y = (centre - size // 2 for centre in _LONG_CENTRES[detector])
    else:
        x, y = (1 if end == "low" else DETECTOR_SIZE - size + 1 for end in _SQUARE_CORNERS[detector])
    return Subarray(name, x, y, size, size)
