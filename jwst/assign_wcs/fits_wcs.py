"""World coordinates from FITS keywords: a tangent plane, and an axis of wavelengths if there is one.

Source: spec assign_wcs_imaging.md (names), FITS standard 4.0 §8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import coordinates
from astropy import units as u
from astropy.modeling import models
from astropy.modeling.models import Shift, Tabular1D
from gwcs import coordinate_frames as cf
from gwcs import wcs

from stpipe.exceptions import InputError, MissingMetadataError

__all__ = ["create_fitswcs", "fitswcs_transform_from_model", "frame_from_model"]

_PER_AXIS = ("CRPIX", "CRVAL", "CTYPE", "CUNIT", "CDELT")
_NEEDED = _PER_AXIS[:3]
_SKY = 2


def _keywords(model: Any) -> dict[str, Any]:
    """FITS keywords of a model in the form that `fitswcs_transform_from_model` takes."""
    node = model.meta.wcsinfo.instance
    axes = range(1, (node.get("wcsaxes") or _SKY) + 1)
    found: dict[str, Any] = {name: [node.get(f"{name.lower()}{axis}") for axis in axes] for name in _PER_AXIS}
    absent = [
        f"meta.wcsinfo.{name.lower()}{axis}"
        for name in _NEEDED
        for axis, value in zip(axes, found[name], strict=True)
        if value is None
    ]
    if absent:
        raise MissingMetadataError(f"The model has no FITS world coordinates; without a value: {', '.join(absent)}")
    found["CDELT"] = [1.0 if value is None else value for value in found["CDELT"]]
    return found | _matrix(node, axes)


def _matrix(node: Mapping[str, Any], axes: range) -> dict[str, Any]:
    """The PC matrix, or the CD matrix where there is no PC."""
    for prefix in ("pc", "cd"):
        names = [[f"{prefix}{row}_{column}" for column in axes] for row in axes]
        if any(node.get(name) is not None for row in names for name in row):
            unit = np.eye(len(axes)) if prefix == "pc" else np.zeros((len(axes), len(axes)))
            values = np.array([[np.nan if node.get(name) is None else node[name] for name in row] for row in names])
            return {"PC": np.where(np.isnan(values), unit, values), "has_cd": prefix == "cd"}
    return {"PC": np.eye(len(axes)), "has_cd": False}


def _positions(keywords: Mapping[str, Any]) -> tuple[list[int], int | None]:
    """Axes of the sky, and that of the wavelength."""
    types = [str(kind).upper() for kind in keywords["CTYPE"]]
    sky = [next((n for n, kind in enumerate(types) if kind.startswith(name)), -1) for name in ("RA", "DEC")]
    if -1 in sky:
        raise InputError(f"CTYPE is {', '.join(types)}: there is no right ascension and declination")
    return sky, next((n for n, kind in enumerate(types) if kind.startswith(("WAVE", "AWAV"))), None)


def _spectral(keywords: Mapping[str, Any], axis: int, wavetable: Any) -> Any:
    """Pixels to wavelengths."""
    if wavetable is not None:
        waves = np.asarray(wavetable["wavelength"], float).ravel()
        return Tabular1D(lookup_table=waves, bounds_error=False, fill_value=None)
    pixel, value, step = (float(keywords[name][axis]) for name in ("CRPIX", "CRVAL", "CDELT"))
    return Shift(1 - pixel, name=f"crpix{axis + 1}") | models.Scale(step) | Shift(value)


def fitswcs_transform_from_model(wcsinfo: Mapping[str, Any], wavetable: Any = None) -> Any:
    """Make the transform that FITS keywords describe.

    Parameters
    ----------
    wcsinfo : mapping
        ``CTYPE``, ``CRPIX`` (from 1), ``CRVAL`` (deg), ``CDELT``: a value for each axis; ``PC``: (n, n) ndarray, a CD
        matrix if ``has_cd``.
    wavetable : structured ndarray, optional
        With a column ``wavelength``; used in place of the keywords of the axis of wavelengths.

    Returns
    -------
    astropy.modeling.Model
        Pixels from 0 to RA and Dec in deg, and a wavelength if there is such an axis.

    Raises
    ------
    InputError
        There is no sky among the axes, or the projection is not known.
    """
    sky, spectral = _positions(wcsinfo)
    code = str(wcsinfo["CTYPE"][sky[0]])[5:8].upper()
    projection = getattr(models, f"Pix2Sky_{code}", None)
    if projection is None:
        raise InputError(f"CTYPE is {wcsinfo['CTYPE'][sky[0]]}: its projection is not known")
    shifts = [Shift(1 - float(wcsinfo["CRPIX"][axis]), name=f"crpix{axis + 1}") for axis in sky]
    matrix = np.asarray(wcsinfo["PC"], float)[np.ix_(sky, sky)]
    transform = shifts[0] & shifts[1] | models.AffineTransformation2D(matrix=matrix, name="pc_matrix")
    if not wcsinfo.get("has_cd"):
        scales = [models.Scale(float(wcsinfo["CDELT"][axis]), name=f"cdelt{axis + 1}") for axis in sky]
        transform = transform | scales[0] & scales[1]
    place = [float(wcsinfo["CRVAL"][axis]) for axis in sky]
    transform = transform | projection(name=code) | models.RotateNative2Celestial(*place, 180.0, name="crval")
    return transform if spectral is None else transform & _spectral(wcsinfo, spectral, wavetable)


def frame_from_model(wcsinfo: Any) -> Any:
    """Coordinate frame that FITS keywords describe.

    Parameters
    ----------
    wcsinfo : data model or mapping
        As for `fitswcs_transform_from_model`.

    Returns
    -------
    gwcs.coordinate_frames.CoordinateFrame
        ICRS, with wavelengths if there is such an axis.
    """
    keywords = wcsinfo if isinstance(wcsinfo, Mapping) else _keywords(wcsinfo)
    _, spectral = _positions(keywords)
    sky = cf.CelestialFrame(name="sky", reference_frame=coordinates.ICRS(), axes_names=("RA", "DEC"))
    if spectral is None:
        return sky
    unit = u.Unit(keywords["CUNIT"][spectral] or "um")
    waves = cf.SpectralFrame(name="spectral", axes_order=(2,), unit=(unit,), axes_names=("wavelength",))
    return cf.CompositeFrame([sky, waves], name="world")


def create_fitswcs(inp: Any, input_frame: Any = None) -> wcs.WCS:
    """Make world coordinates of the FITS keywords of a model.

    Parameters
    ----------
    inp : data model
        With ``meta.wcsinfo``.
    input_frame : gwcs.coordinate_frames.CoordinateFrame, optional
        Frame of the pixels; "detector" without it.

    Returns
    -------
    gwcs.wcs.WCS
        Pixels from 0 to RA and Dec in deg.

    Raises
    ------
    MissingMetadataError
        A keyword is missing.
    """
    keywords = _keywords(inp)
    transform, frame = fitswcs_transform_from_model(keywords), frame_from_model(keywords)
    if input_frame is None:
        input_frame = _pixels(transform.n_inputs)
    return wcs.WCS([(input_frame, transform), (frame, None)])


def _pixels(axes: int) -> Any:
    """Frame of pixels."""
    units = (u.pix,) * axes
    if axes == _SKY:
        return cf.Frame2D(name="detector", axes_order=(0, 1), unit=units)
    return cf.CoordinateFrame(axes, ("SPATIAL",) * axes, tuple(range(axes)), name="detector", unit=units)
