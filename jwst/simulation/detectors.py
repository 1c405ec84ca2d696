"""The detectors of the telescope: size, readout directions, and what kind of pixels they have."""

from __future__ import annotations

from dataclasses import dataclass

from stpipe.exceptions import InputError

__all__ = ["BORDER", "DETECTORS", "DETECTOR_SIZE", "Detector", "find_detector"]

DETECTOR_SIZE = 2048
BORDER = 4
_MIRI_SHAPE = (1024, 1032)
_NEAR_INFRARED_SHAPE = (DETECTOR_SIZE, DETECTOR_SIZE)


@dataclass(frozen=True)
class Detector:
    """One detector.

    Parameters
    ----------
    name : str
        Name in the DETECTOR keyword, e.g. "NRCA1" or "MIRIMAGE".
    instrument : str
        Name in the INSTRUME keyword.
    number : int
        SCA number; used in seeds too.
    fastaxis, slowaxis : int
        Readout directions in DMS orientation (spec common_detector.md §6).
    v2, v3 : float
        Reference point of the full array, arcsec.
    pixel_scale : float
        Arcsec per pixel.
    """

    name: str
    instrument: str
    number: int
    fastaxis: int
    slowaxis: int
    v2: float
    v3: float
    pixel_scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the full array, (ny, nx)."""
        return _MIRI_SHAPE if self.instrument == "MIRI" else _NEAR_INFRARED_SHAPE

    @property
    def transposed(self) -> bool:
        """True if pixels of a line follow each other along columns of the array in DMS orientation."""
        return abs(self.fastaxis) == 2

    @property
    def module(self) -> str | None:
        """Module of NIRCam, "A" or "B"."""
        return self.name[3] if self.instrument == "NIRCAM" else None

    @property
    def channel(self) -> str | None:
        """Channel: "SHORT" or "LONG" of NIRCam, "12" or "34" of the MIRI spectrograph."""
        if self.instrument == "NIRCAM":
            return "LONG" if self.name.endswith("LONG") else "SHORT"
        return {"MIRIFUSHORT": "12", "MIRIFULONG": "34"}.get(self.name)


def _detectors() -> dict[str, Detector]:
    rows = (
        ("NRCA1", "NIRCAM", 481, -1, 2, 120.525464, -527.543132, 0.0311),
        ("NRCA2", "NIRCAM", 482, 1, -2, 119.589099, -459.863304, 0.0307),
        ("NRCA3", "NIRCAM", 483, -1, 2, 51.885582, -527.952752, 0.0313),
        ("NRCA4", "NIRCAM", 484, 1, -2, 52.194550, -459.972490, 0.0309),
        ("NRCALONG", "NIRCAM", 485, -1, 2, 86.039011, -493.385704, 0.0628),
        ("NRCB1", "NIRCAM", 486, 1, -2, -120.969513, -457.788777, 0.0307),
        ("NRCB2", "NIRCAM", 487, -1, 2, -121.154684, -525.478141, 0.0311),
        ("NRCB3", "NIRCAM", 488, 1, -2, -53.139934, -457.821740, 0.0309),
        ("NRCB4", "NIRCAM", 489, -1, 2, -52.845703, -525.729321, 0.0313),
        ("NRCBLONG", "NIRCAM", 490, 1, -2, -89.596514, -491.474153, 0.0629),
        ("NRS1", "NIRSPEC", 491, 2, 1, 378.0, -428.0, 0.1),
        ("NRS2", "NIRSPEC", 492, -2, -1, 378.0, -428.0, 0.1),
        ("MIRIFULONG", "MIRI", 494, 1, 2, -503.7, -318.7, 0.196),
        ("MIRIFUSHORT", "MIRI", 495, 1, 2, -503.7, -318.7, 0.196),
        ("MIRIMAGE", "MIRI", 493, 1, 2, -453.6, -374.1, 0.11),
        ("NIS", "NIRISS", 496, -2, -1, -289.97, -697.72, 0.0656),
        ("GUIDER1", "FGS", 497, -2, 1, 206.4, -697.97, 0.0687),
        ("GUIDER2", "FGS", 498, 2, -1, 22.8, -699.96, 0.0687),
    )
    return {row[0]: Detector(*row) for row in rows}


DETECTORS = _detectors()


def find_detector(name: str) -> Detector:
    """Return the detector of that name.

    Raises
    ------
    InputError
        No detector has that name.
    """
    try:
        return DETECTORS[name.upper()]
    except KeyError:
        raise InputError(f"No detector {name!r}. Known: {', '.join(DETECTORS)}.") from None
