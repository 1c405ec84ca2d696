"""Distortion of the imaging detectors, and shifts of filters: references for world coordinates.

The distortion is a polynomial in pixels from the middle of the detector: a few pixels at the corners from the second
order, a tenth from the third, hundredths beyond. Numbers are drawn once for each detector. V3 is along columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from jwst.simulation.detectors import Detector, find_detector
from stpipe.exceptions import InputError

__all__ = ["FILTER_SHIFTS", "SPECTROGRAPHS", "distortion_model", "write_distortion", "write_filter_shifts"]

DEGREE = 5
_SIZES = (0.0, 0.0, 1.5e-6, 1.0e-10, 1.0e-14, 1.0e-17)  # by order, pixel^(1 - order)
_SEED = 20220712
_GRID = 48

FILTER_SHIFTS: Mapping[str, tuple[tuple[str, str | None, float, float], ...]] = MappingProxyType(
    {
        "NIRCAM": (
            ("F115W", "CLEAR", 0.021, -0.034),
            ("F150W", "CLEAR", -0.012, 0.047),
            ("F200W", "CLEAR", 0.0, 0.0),
            ("F277W", "CLEAR", -0.084, -0.076),
            ("F356W", "CLEAR", 0.052, 0.031),
            ("F444W", "CLEAR", 0.113, -0.058),
        ),
        "NIRISS": (
            ("CLEAR", "F115W", -0.04, 0.02),
            ("CLEAR", "F150W", 0.0, 0.0),
            ("CLEAR", "F200W", 0.03, -0.01),
            ("F480M", "NRM", 0.02, 0.05),
        ),
        "MIRI": (("F560W", None, -0.08, -0.06), ("F770W", None, 0.0, 0.0), ("F1000W", None, -0.14, -0.62)),
    }
)
"""Filter, pupil, and shift of columns and rows in pixels, by instrument. FGS has no filters."""

SPECTROGRAPHS = ("NRS1", "NRS2", "MIRIFUSHORT", "MIRIFULONG")
"""Detectors that see no images (but for the imaging mode of NIRSpec)."""


def _powers(degree: int = DEGREE) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _coefficients(sca: Detector, axis: int) -> dict[tuple[int, int], float]:
    """Polynomial from pixels to ideal pixels, about the middle of the detector."""
    rng = np.random.default_rng((_SEED, sca.number, axis))
    found = {power: _SIZES[sum(power)] * rng.uniform(-1, 1) for power in _powers()}
    found[(1, 0)], found[(0, 1)] = (1.0, 0.0) if axis == 0 else (0.0, 1.0)
    return found


def _evaluate(coefficients: Mapping[tuple[int, int], float], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sum([value * x**i * y**j for (i, j), value in coefficients.items()], axis=0)


def _inverse(sca: Detector) -> list[dict[tuple[int, int], float]]:
    """Polynomials from ideal pixels back to pixels, fitted over the detector and a little around it."""
    half = np.array(sca.shape[::-1]) / 2 * 1.02
    x, y = (grid.ravel() for grid in np.meshgrid(*(np.linspace(-side, side, _GRID) for side in half)))
    size = half.max()
    ideal = [_evaluate(_coefficients(sca, axis), x, y) / size for axis in (0, 1)]
    design = np.stack([ideal[0] ** i * ideal[1] ** j for i, j in _powers()], axis=1)
    fits = np.linalg.lstsq(design, np.stack([x, y], axis=1), rcond=None)[0]
    return [
        {(i, j): float(value / size ** (i + j)) for (i, j), value in zip(_powers(), fits[:, axis], strict=True)}
        for axis in (0, 1)
    ]


def _polynomials(values: list[dict[tuple[int, int], float]], factors: tuple[float, float]) -> Any:
    """Two polynomials; ``factors`` go before their results and before their arguments."""
    from astropy.modeling.models import Mapping as Copies
    from astropy.modeling.models import Polynomial2D

    outer, inner = factors
    pair = [
        Polynomial2D(DEGREE, **{f"c{i}_{j}": outer * value * inner ** (i + j) for (i, j), value in axis.items()})
        for axis in values
    ]
    return Copies((0, 1, 0, 1)) | pair[0] & pair[1]


def distortion_model(detector: str) -> Any:
    """From pixels of the full detector to the field of the telescope.

    Parameters
    ----------
    detector : str
        Name of an imaging detector.

    Returns
    -------
    astropy.modeling.Model
        (x, y) in pixels from 0 to (V2, V3) in arcsec, with an inverse good to 5e-5 pixel. The middle of the detector is
        at its reference point.

    Raises
    ------
    InputError
        The detector is unknown, or one of a spectrograph.
    """
    from astropy.modeling.models import Scale, Shift

    sca = find_detector(detector)
    if sca.name in SPECTROGRAPHS:
        raise InputError(f"{sca.name} has no distortion of images: it belongs to a spectrograph.")
    ny, nx = sca.shape
    middle = (nx - 1) / 2, (ny - 1) / 2
    forward = [_coefficients(sca, axis) for axis in (0, 1)]
    to_ideal = _polynomials(forward, (sca.pixel_scale, 1.0))
    to_pixels = _polynomials(_inverse(sca), (1.0, 1 / sca.pixel_scale))
    turned = Scale(-1.0) & Scale(1.0)  # V2 runs against columns, as vparity says
    model = Shift(-middle[0]) & Shift(-middle[1]) | to_ideal | turned | Shift(sca.v2) & Shift(sca.v3)
    model.inverse = Shift(-sca.v2) & Shift(-sca.v3) | turned.copy() | to_pixels | Shift(middle[0]) & Shift(middle[1])
    return model


def _meta(reftype: str, instrument: str, path: Path, **more: Any) -> dict[str, Any]:
    from jwst.simulation.reference_request import REFERENCE_META

    return {
        **REFERENCE_META,
        "telescope": "JWST",
        "reftype": reftype,
        "filename": path.name,
        "date": "2023-01-01T00:00:00.000",
        "description": "A polynomial distortion, made up."
        if reftype == "distortion"
        else "Shifts of filters, made up.",
        "instrument": {"name": instrument},
        **more,
    }


def write_distortion(path: Path, detector: str) -> None:
    """Write a distortion reference.

    Parameters
    ----------
    path : Path
        ASDF file.
    detector : str
        Name of an imaging detector.
    """
    import asdf

    sca = find_detector(detector)
    meta = _meta("distortion", sca.instrument, path, input_units="pixel", output_units="arcsec")
    meta["instrument"] |= {"detector": sca.name}
    if sca.instrument == "NIRCAM":
        meta["instrument"] |= {"module": sca.module, "channel": sca.channel, "p_pupil": "CLEAR|"}
    asdf.AsdfFile({"meta": meta, "model": distortion_model(detector)}).write_to(path)


def write_filter_shifts(path: Path, instrument: str) -> None:
    """Write a filteroffset reference.

    Parameters
    ----------
    path : Path
        ASDF file.
    instrument : str
        One of `FILTER_SHIFTS`.
    """
    import asdf

    rows = [
        {"filter": name, "pupil": pupil or "N/A", "column_offset": columns, "row_offset": lines}
        for name, pupil, columns, lines in FILTER_SHIFTS[instrument]
    ]
    asdf.AsdfFile({"meta": _meta("filteroffset", instrument, path), "filters": rows}).write_to(path)
