"""Output grid of a mosaic: a tangent plane that holds all inputs. Source: spec resample.md §3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.resample.custom_grid import load_grid
from jwst.resample.grid_types import GridRequest, OutputGrid, UnsupportedWCSError, check_imaging
from jwst.resample.pixel_area import mean_pixel_area
from jwst.resample.regions import mean_position, polygons_of
from stpipe.exceptions import InputError, MissingMetadataError

__all__ = [
    "GridRequest",
    "OutputGrid",
    "UnsupportedWCSError",
    "check_imaging",
    "input_pixel_scale",
    "load_grid",
    "make_grid",
]

_NEEDED = ("ra_ref", "dec_ref", "roll_ref", "v3yangle", "vparity")
_ARCSEC = 3600.0
_LARGEST = 2.0**36
_NO_WISHES = GridRequest()


def input_pixel_scale(wcs: Any, position: tuple[float, float]) -> float:
    """Scale of an image at a place of the sky: geometric mean of the steps along x and y.

    Parameters
    ----------
    wcs : gwcs.wcs.WCS
        Of the image.
    position : (float, float), deg
        RA and Dec, in general the reference point.

    Returns
    -------
    float, deg per pixel

    Raises
    ------
    InputError
        The image has no coordinates there.
    """
    from astropy.coordinates import SkyCoord

    x, y = (float(value) for value in wcs.invert(*position, with_bounding_box=False))
    sky = np.array(wcs(np.array([x, x + 1, x]), np.array([y, y, y + 1]), with_bounding_box=False))
    scale = np.nan
    if np.isfinite(sky).all():
        points = SkyCoord(*sky, unit="deg")
        scale = float(np.sqrt(np.prod(points[0].separation(points[1:]).deg)))
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(
            f"The world coordinates of the first input have no finite scale at its reference point, RA and Dec "
            f"{position} deg. Check meta.wcs and meta.wcsinfo.ra_ref and dec_ref, or give pixel_scale and crval"
        )
    return scale


def _known(wcsinfo: Mapping[str, float]) -> dict[str, float]:
    """The reference point and the orientation of the first input."""
    values = {name: wcsinfo.get(name) for name in _NEEDED}
    absent = [f"meta.wcsinfo.{name}" for name, value in values.items() if value is None or not np.isfinite(value)]
    if absent:
        raise MissingMetadataError(
            f"The first input does not say how it lies on the sky; without a value: {', '.join(absent)}. "
            "Add the keywords, or give output_wcs"
        )
    return {name: float(value) for name, value in values.items() if value is not None}


def _scales(wcs: Any, info: Mapping[str, float], request: GridRequest) -> tuple[float, float]:
    """Output scale in deg, and its ratio to that of the input."""
    if request.pixel_scale is None:
        scale = input_pixel_scale(wcs, (info["ra_ref"], info["dec_ref"]))
        return scale * request.pixel_scale_ratio, request.pixel_scale_ratio
    scale = request.pixel_scale / _ARCSEC
    return scale, scale / np.rad2deg(np.sqrt(mean_pixel_area(wcs, _image_shape(wcs))))


def _image_shape(wcs: Any) -> tuple[int, int]:
    """Rows and columns of an input: its shape, or else its bounding box."""
    if wcs.array_shape is not None:
        return tuple(wcs.array_shape)
    if wcs.bounding_box is None:
        raise InputError(
            "The world coordinates of the first input have no bounding box and no shape, so that the area of its "
            "pixels is not known. Run assign_wcs on it again"
        )
    (_, right), (_, top) = wcs.bounding_box.bounding_box(order="F")
    return int(top + 0.5), int(right + 0.5)


def _matrix(info: Mapping[str, float], rotation: float | None) -> np.ndarray:
    """PC matrix."""
    parity, angle = info["vparity"], info["v3yangle"]
    roll = info["roll_ref"] if rotation is None else rotation + parity * angle
    turn = np.deg2rad(roll - parity * angle)
    return np.array(
        [[parity * np.cos(turn), np.sin(turn)], [-parity * np.sin(turn), np.cos(turn)]],
    )


def _tangent_plane(crpix: Sequence[float], crval: Sequence[float], scale: float, pc: np.ndarray) -> Any:
    """Pixels from 0 to the sky, with an inverse."""
    from astropy.modeling.models import Pix2Sky_TAN
    from gwcs import FITSImagingWCSTransform

    return FITSImagingWCSTransform(Pix2Sky_TAN(), crpix=crpix, crval=crval, cdelt=[scale, scale], pc=pc)


def _pair(values: Sequence[float], name: str) -> np.ndarray:
    """Two finite numbers."""
    found = np.asarray(values, float)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise InputError(f"{name} is {values!r}; it has to be two finite numbers")
    return found


@dataclass(frozen=True)
class _Extent:
    """Reference pixel, shape (nx, ny) and bounding box of the output."""

    crpix: np.ndarray
    shape: tuple[int, int]
    box: tuple[tuple[float, float], tuple[float, float]]


def _extent(domain: np.ndarray, origin: np.ndarray, request: GridRequest) -> _Extent:
    """Place the vertices in the output; ``domain`` is (2, 2): lowest and highest x and y (spec §3.5-6)."""
    shift = origin - domain[0] if request.crpix is None else _pair(request.crpix, "crpix") - origin
    low, high = domain + shift
    rounded = np.floor(high + 0.5).astype(int) if (high > -0.5).all() else np.zeros(2, int)
    if request.output_shape is None:
        shape, lower, upper = rounded, np.full(2, -0.5), rounded - 0.5
    else:
        shape = _pair(request.output_shape, "output_shape").astype(int)
        lower = np.maximum(0, np.trunc(low + 0.5)) - 0.5
        upper = np.minimum(np.trunc(high + 0.5), shape) - 0.5
        if (upper <= lower).any():  # all inputs lie beside the output
            lower, upper = np.full(2, -0.5), shape - 0.5
    if (shape < 2).any():
        raise InputError(
            f"The output would have {shape[0]} columns and {shape[1]} rows; it needs 2 or more of each. "
            "Check crpix, crval, pixel_scale, pixel_scale_ratio and output_shape"
        )
    if float(shape[0]) * float(shape[1]) > _LARGEST:
        raise InputError(
            f"The output would have {shape[0]} columns and {shape[1]} rows: the inputs lie far apart. "
            "Leave out those that are elsewhere on the sky, or give output_shape, crval and crpix, or a coarser scale"
        )
    box = ((float(lower[0]), float(upper[0])), (float(lower[1]), float(upper[1])))
    return _Extent(shift, (int(shape[0]), int(shape[1])), box)


def _check_scale(request: GridRequest) -> None:
    """Scales are positive."""
    for name in ("pixel_scale_ratio", "pixel_scale"):
        value = getattr(request, name)
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} is {value!r}; it has to be a positive number")


def make_grid(
    footprints: Sequence[str],
    reference_wcs: Any,
    wcsinfo: Mapping[str, float],
    request: GridRequest = _NO_WISHES,
) -> OutputGrid:
    """Make the grid that holds all inputs.

    Parameters
    ----------
    footprints : sequence of str
        ``meta.wcsinfo.s_region`` of all inputs.
    reference_wcs : gwcs.wcs.WCS
        World coordinates of the first input.
    wcsinfo : mapping of str to float
        ``ra_ref``, ``dec_ref``, ``roll_ref``, ``v3yangle`` (deg) and ``vparity`` of the first input.
    request : GridRequest, optional
        Wishes of the user.

    Returns
    -------
    OutputGrid
        A tangent plane, from the input frame to the output frame of ``reference_wcs``.

    Raises
    ------
    InputError
        There is no footprint, one cannot be used, or the output would have no size. A ValueError.
    MissingMetadataError
        ``wcsinfo`` lacks a value.
    UnsupportedWCSError
        The first input is no image.
    """
    from gwcs import wcs as gw

    _check_scale(request)
    check_imaging(reference_wcs, "first input")
    vertices = [polygon for region in footprints for polygon in polygons_of(region)]
    if not vertices:
        raise InputError("There are no inputs, so that there is no output grid. Give one image or more")
    sky = np.concatenate(vertices)
    info = _known(wcsinfo)
    crval = mean_position(sky) if request.crval is None else tuple(_pair(request.crval, "crval"))
    scale, ratio = _scales(reference_wcs, info, request)
    pc = _matrix(info, request.rotation)
    back = _tangent_plane((0.0, 0.0), crval, scale, pc).inverse
    places = np.array(back(*sky.T)).T
    if not np.isfinite(places).all():
        raise InputError(f"Footprints are 90 deg or more away from crval, RA and Dec {crval} deg")
    domain = np.stack([places.min(axis=0), places.max(axis=0)])
    extent = _extent(domain, np.array(back(*crval)), request)
    transform = _tangent_plane(tuple(extent.crpix), crval, scale, pc)
    wcs = gw.WCS([(reference_wcs.input_frame, transform), (reference_wcs.output_frame, None)])
    wcs.bounding_box = extent.box
    wcs.pixel_shape = extent.shape
    return OutputGrid(wcs, extent.shape[::-1], float(ratio), float(scale * _ARCSEC))
