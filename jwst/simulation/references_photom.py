"""Photometric references of imaging modes, made from a simple telescope.

A surface brightness B gives in a pixel of solid angle W the rate B A q (dl/l) W / h of electrons, with the area A of
the mirror and the share q of the light that is detected: the same for all filters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from jwst.simulation.detectors import Detector
from jwst.simulation.distortion import SPECTROGRAPHS, distortion_model
from jwst.simulation.reference_request import ReferenceRequest

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import JwstDataModel

__all__ = ["electrons_per_mjysr", "filter_width", "make_area", "make_photom", "photometric_elements", "typical_gain"]

MIRROR_AREA = 25.4
"""Square metres."""
EFFICIENCY = 0.4
AREA_STEP = 64
PLANCK = 6.62607015e-34
MEGAJANSKY = 1e-20
UNCERTAINTY = 0.02
STERADIANS = (np.pi / 648000) ** 2
"""Of a square arcsecond."""

_WIDTHS = {"LP": 0.8, "LPR": 0.8, "W2": 0.6, "W": 0.23, "WR": 0.16, "M": 0.1, "C": 0.06, "N": 0.01, "ND": 0.01}
"""Width of a filter by the letters of its name, as a share of its wavelength."""
_OPEN = 0.8

_NIRCAM = """F070W F090W F115W F140M F150W F150W2 F162M F164N F182M F187N F200W F210M F212N F250M F277W F300M F322W2
F323N F335M F356W F360M F405N F410M F430M F444W F460M F466N F470N F480M"""
_NIRCAM_PUPIL = ("F162M", "F164N", "F323N", "F405N", "F466N", "F470N")
_NIRISS_PUPIL = "F090W F115W F140M F150W F158M F200W"
_NIRISS_FILTER = "F277W F356W F380M F430M F444W F480M"
_MIRI = "F560W F770W F1000W F1065C F1130W F1140C F1280W F1500W F1550C F1800W F2100W F2300C F2550W F2550WR FND"


def electrons_per_mjysr(width: float, pixel_scale: float) -> float:
    """Rate of electrons in a pixel for a surface brightness of 1 MJy/sr.

    Parameters
    ----------
    width : float
        Width of the filter as a share of its wavelength.
    pixel_scale : float
        Side of a pixel, arcsec.

    Returns
    -------
    float
        Electrons per second.
    """
    return MEGAJANSKY * MIRROR_AREA * EFFICIENCY * width / PLANCK * pixel_scale**2 * STERADIANS


def typical_gain(gain: np.ndarray) -> float:
    """Return the median gain of pixels: that of the detector as a whole, electrons per DN."""
    return float(np.median(gain[np.isfinite(gain) & (gain > 0)]))


def make_photom(request: ReferenceRequest) -> JwstDataModel:
    """Make the photometric reference of a detector, for all filters of its instrument.

    Parameters
    ----------
    request : ReferenceRequest
        Gain and pixel scale of its detector are used.

    Returns
    -------
    NrcImgPhotomModel, MirImgPhotomModel, NisImgPhotomModel or FgsImgPhotomModel
    """
    from stdatamodels.jwst import datamodels

    gain_of_all = typical_gain(request.detector.gain)
    names, rows = photometric_elements(request.sca.instrument)
    factors = [gain_of_all / electrons_per_mjysr(filter_width(row), request.sca.pixel_scale) for row in rows]
    kinds = {"filter": "S12", "pupil": "S12", "subarray": "S17"}
    columns = [*((name, kinds[name]) for name in names), ("photmjsr", "f4"), ("uncertainty", "f4")]
    table = [(*row, factor, UNCERTAINTY * factor) for row, factor in zip(rows, factors, strict=True)]
    prefix = {"NIRCAM": "Nrc", "MIRI": "Mir", "NIRISS": "Nis", "FGS": "Fgs"}[request.sca.instrument]
    model = getattr(datamodels, f"{prefix}ImgPhotomModel")(phot_table=np.array(table, columns))
    _describe_pixels(model, request.sca.pixel_scale)
    return model


def make_area(request: ReferenceRequest) -> JwstDataModel:
    """Make the pixel area reference of a detector: areas as its distortion makes them; of spectrographs all are equal.

    Parameters
    ----------
    request : ReferenceRequest

    Returns
    -------
    PixelAreaModel
        It begins at the first pixel of the detector, whichever rectangle it has to cover.
    """
    from stdatamodels.jwst.datamodels import PixelAreaModel

    region = request.region
    shape = region.ystart - 1 + region.ysize, region.xstart - 1 + region.xsize
    areas = np.ones(shape) if request.sca.name in SPECTROGRAPHS else _areas(request.sca, shape)
    model = PixelAreaModel(data=areas.astype(np.float32))
    _describe_pixels(model, request.sca.pixel_scale)
    return model


def _areas(sca: Detector, shape: tuple[int, int]) -> np.ndarray:
    """Solid angles of pixels in units of the nominal one: a smooth function, which a spline goes through."""
    from scipy.interpolate import RectBivariateSpline

    y, x = (np.linspace(0, size - 1, max(size // AREA_STEP, 4) + 1) for size in shape)
    columns, rows = np.meshgrid(x, y)
    model = distortion_model(sca.name)
    right, left = (np.array(model(columns + step, rows)) for step in (0.5, -0.5))
    above, below = (np.array(model(columns, rows + step)) for step in (0.5, -0.5))
    (a, b), (c, d) = right - left, above - below
    areas = np.abs(a * d - b * c) / sca.pixel_scale**2
    return RectBivariateSpline(y, x, areas)(np.arange(shape[0]), np.arange(shape[1]))


def _describe_pixels(model: JwstDataModel, scale: float) -> None:
    """Write the nominal area of a pixel."""
    model.meta.photometry.pixelarea_arcsecsq = scale**2
    model.meta.photometry.pixelarea_steradians = scale**2 * STERADIANS


def photometric_elements(instrument: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns that rows of tables of filters are found by, and their values.

    Parameters
    ----------
    instrument : str
        Name in upper case.

    Returns
    -------
    names : tuple of str
        None for FGS, which has no filters.
    rows : list of tuple of str
        One for each filter, and subarray "GENERIC" for MIRI.
    """
    if instrument == "FGS":
        return (), [()]
    rows: list[tuple[str, ...]]
    if instrument == "MIRI":
        rows = [(name, "GENERIC") for name in _MIRI.split()]
        return ("filter", "subarray"), rows
    if instrument == "NIRISS":
        rows = [("CLEAR", name) for name in _NIRISS_PUPIL.split()]
        rows += [(name, pupil) for name in _NIRISS_FILTER.split() for pupil in ("CLEARP", "NRM")]
        return ("filter", "pupil"), rows
    rows = [(name, pupil) for name in _NIRCAM.split() for pupil in ("CLEAR", "MASKRND", "MASKBAR")]
    rows += [(name, pupil) for name in ("F150W2", "F322W2", "F444W") for pupil in _NIRCAM_PUPIL]
    return ("filter", "pupil"), rows


def filter_width(row: tuple[str, ...]) -> float:
    """Return the width of the narrowest filter among names of elements, as a share of its wavelength."""
    filters = [re.fullmatch(r"F\d*([A-Z]+2?)", name) for name in row]
    return min((_WIDTHS[match[1]] for match in filters if match and match[1] in _WIDTHS), default=_OPEN)
