"""Numbers of a simple NIRSpec: gratings, spectral configurations, slits, slices.

Sizes, angles and offsets are those of the real instrument, rounded (Jakobsen et al. 2022, A&A 661, A80; Ferruit et al.
2022, A&A 661, A81), so that spectra fall about where they fall in flight.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "FILTERS",
    "FIXED_SLITS",
    "GRATINGS",
    "LAMPS",
    "MSA",
    "SLICES",
    "SPECTRA",
    "Grating",
    "MicroshutterArray",
    "Prism",
    "Slices",
    "Slit",
]


@dataclass(frozen=True)
class Grating:
    """A grating or the mirror.

    Parameters
    ----------
    grooves : float
        Grooves per metre; 0 for the mirror.
    tilt : float
        Blaze of the grating about the axis of the wheel, degree.
    theta : (float, float, float)
        Misalignment about x, y and z, degree.
    """

    grooves: float
    tilt: float
    theta: tuple[float, float, float] = (0.03, 0.02, -0.42)


@dataclass(frozen=True)
class Prism:
    """The prism, of calcium fluoride (Leviton, Frey & Madison 2008, SPIE 6692).

    Parameters
    ----------
    angle, tilt : float
        Angle of the wedge, and of its front, degree.
    theta : (float, float, float)
        Misalignment, degree.
    strengths, resonances : tuple of float
        Sellmeier coefficients K and L (µm²).
    thermal : tuple of float
        Six thermal coefficients.
    temperature : float
        Of the Sellmeier coefficients, K.
    """

    angle: float = -16.5
    tilt: float = 24.29
    theta: tuple[float, float, float] = (0.03, -0.28, -0.14)
    strengths: tuple[float, float, float] = (0.58339748, 0.46085267, 3.8915394)
    resonances: tuple[float, float, float] = (0.00252643, 0.010078333, 1200.556)
    thermal: tuple[float, ...] = (-2.66e-05, 0.0, 0.0, 0.0, 0.0, 0.0)
    temperature: float = 35.0


@dataclass(frozen=True)
class Slit:
    """A slit in the plane of the microshutters, m.

    Parameters
    ----------
    name : str
    x, y : float
        Centre; x is along the dispersion.
    width, height : float
    """

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class MicroshutterArray:
    """Four quadrants of shutters, m.

    Parameters
    ----------
    columns, rows : int
        Shutters along the dispersion and across it.
    pitch, opening : (float, float)
        From shutter to shutter, and of their openings: along the dispersion and across it.
    corners : tuple of (float, float)
        Place of the first shutter of quadrants 1 to 4.
    turns : tuple of float
        Rotation of these quadrants about it, degree.
    """

    columns: int = 365
    rows: int = 171
    pitch: tuple[float, float] = (105e-6, 204e-6)
    opening: tuple[float, float] = (78e-6, 178e-6)
    corners: tuple[tuple[float, float], ...] = (
        (0.0033, 0.0044),
        (0.0033, -0.0391),
        (-0.0415, 0.0044),
        (-0.0415, -0.0391),
    )
    turns: tuple[float, ...] = (0.01, -0.02, 0.03, 0.0)


@dataclass(frozen=True)
class Slices:
    """The image slicer of the integral field unit, m.

    Parameters
    ----------
    count : int
    width, length : float
        Of a slice on the slicer.
    magnification : float
        From the slicer to the virtual slits among the microshutters.
    x : float
        Place of the virtual slits along the dispersion.
    first, step : float
        Distance of the first two slits from the middle, and of the next ones from them.
    """

    count: int = 30
    width: float = 0.0008
    length: float = 0.012
    magnification: float = 0.1
    x: float = 0.0487
    first: float = 0.0086
    step: float = 0.00197


GRATINGS: dict[str, Grating | Prism] = {
    "G140H": Grating(236797.0, -8.8),
    "G140M": Grating(95397.0, -4.2),
    "G235H": Grating(142065.0, -8.8),
    "G235M": Grating(56876.0, -4.2),
    "G395H": Grating(89409.0, -8.8),
    "G395M": Grating(33822.0, -4.1),
    "PRISM": Prism(),
    "MIRROR": Grating(0.0, 0.0, (0.0, 0.0, 0.0)),
}
"""Elements of the grating wheel."""

FILTERS = ("CLEAR", "F070LP", "F100LP", "F110W", "F140X", "F170LP", "F290LP", "OPAQUE")
"""Elements of the filter wheel."""

_BANDS = {
    "F070LP_G140": (0.7e-6, 1.27e-6),
    "F100LP_G140": (0.97e-6, 1.89e-6),
    "F170LP_G235": (1.66e-6, 3.17e-6),
    "F290LP_G395": (2.87e-6, 5.27e-6),
    "FLAT1_G140": (1.0e-6, 1.8e-6),
    "LINE1_G140": (1.0e-6, 1.8e-6),
    "REF_G140": (1.3e-6, 1.7e-6),
    "FLAT2_G235": (1.7e-6, 3.1e-6),
    "LINE2_G235": (1.7e-6, 3.1e-6),
    "FLAT3_G395": (2.9e-6, 5.3e-6),
    "LINE3_G395": (2.9e-6, 5.3e-6),
}
_UNDISPERSED = {
    "F070LP": (0.7e-6, 5.3e-6),
    "F100LP": (1.0e-6, 5.3e-6),
    "F110W": (0.96e-6, 1.24e-6),
    "F140X": (0.78e-6, 2.1e-6),
    "F170LP": (1.7e-6, 5.3e-6),
    "F290LP": (2.9e-6, 5.3e-6),
    "CLEAR": (0.6e-6, 5.3e-6),
    "TEST": (0.6e-6, 5.3e-6),
}
SPECTRA: dict[str, tuple[int, tuple[float, float]]] = (
    {f"{name}{kind}": (-1, limits) for name, limits in _BANDS.items() for kind in "MH"}
    | {f"{name}_MIRROR": (0, limits) for name, limits in _UNDISPERSED.items()}
    | {"CLEAR_PRISM": (0, (0.6e-6, 5.3e-6)), "FLAT4_PRISM": (0, (0.6e-6, 5.3e-6)), "LINE4_PRISM": (0, (0.6e-6, 5.3e-6))}
)
"""Order and range of wavelengths (m) for a filter or lamp and a grating."""

LAMPS = tuple(dict.fromkeys(name.partition("_")[0] for name in SPECTRA if name.partition("_")[0] not in FILTERS))
"""Calibration lamps."""

FIXED_SLITS = (
    Slit("S200A1", 0.0269, -0.0025, 80e-6, 1.3e-3),
    Slit("S200A2", 0.0351, -0.0009, 80e-6, 1.3e-3),
    Slit("S400A1", 0.0294, 0.0008, 160e-6, 1.5e-3),
    Slit("S1600A1", 0.0286, 0.0019, 630e-6, 0.63e-3),
    Slit("S200B1", -0.0318, -0.0014, 80e-6, 1.3e-3),
)
"""Fixed slits, in the order of their numbers."""

MSA = MicroshutterArray()
"""The microshutter array."""

SLICES = Slices()
"""The integral field unit."""
