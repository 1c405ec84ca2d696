"""Where light of the target can fall on the detectors of NIRSpec. Source: spec clean_flicker_noise.md §5.1."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = [
    "MSA_FAILED_OPEN",
    "REGION_TYPES",
    "SHUTTER_TYPES",
    "aperture_pixels",
    "box_slices",
    "flagged_open",
    "slice_pixels",
    "slit_boxes",
    "slit_pixels",
]

REGION_TYPES = frozenset({"NRS_IFU", "NRS_FIXEDSLIT", "NRS_BRIGHTOBJ", "NRS_MSASPEC"})
"""Exposure types with slits or slices."""

SHUTTER_TYPES = frozenset({"NRS_IFU", "NRS_MSASPEC"})
"""Exposure types in which shutters that do not close are looked for."""

MSA_FAILED_OPEN = 536870912
FIXED_SLIT_ROWS = slice(922, 1116)
FIXED_SLIT_QUADRANT = 5

Box = tuple[tuple[float, float], tuple[float, float]]


def flagged_open(model: Any) -> np.ndarray | None:
    """Pixels of shutters that an exposure knows to be open.

    Parameters
    ----------
    model : data model
        Ramps or a rate.

    Returns
    -------
    ndarray of bool or None
        Of the shape of its flags; None where it has none.
    """
    flags = getattr(model, "pixeldq", None)
    flags = getattr(model, "dq", None) if flags is None else flags
    return None if flags is None else (flags & np.uint32(MSA_FAILED_OPEN)) != 0


def aperture_pixels(exp_type: str, wcs: Any, shape: tuple[int, int], slices: Callable[[], Iterable[Any]]) -> np.ndarray:
    """Pixels of slits or slices, and of the rows of the fixed slits where shutters are open.

    Parameters
    ----------
    exp_type : str
        Type of the exposure; one that is not among `REGION_TYPES` has none.
    wcs : gwcs.WCS
        Its world coordinates.
    shape : (int, int)
        Rows and columns.
    slices : callable
        Gives the world coordinates of each slice; called for slices that have no map.

    Returns
    -------
    (ny, nx) ndarray of bool
    """
    region = np.zeros(shape, bool)
    if exp_type == "NRS_IFU":
        region |= slice_pixels(wcs, shape, slices)
    elif exp_type in REGION_TYPES:
        region |= slit_pixels(shape, slit_boxes(wcs))
    if exp_type == "NRS_IFU" or (exp_type == "NRS_MSASPEC" and not _has_fixed_slit(wcs)):
        region[FIXED_SLIT_ROWS] = True
    return region


def slit_boxes(wcs: Any) -> list[Box]:
    """Bounding boxes of all slits.

    Parameters
    ----------
    wcs : gwcs.WCS
        World coordinates of an exposure through slits.

    Returns
    -------
    list of ((float, float), (float, float)), pixel
        Limits of x and y.
    """
    boxes: list[Box] = []
    for box in wcs.bounding_box.bounding_boxes.values():
        x, y = ((float(limits.lower), float(limits.upper)) for limits in map(box.named_intervals.get, "xy"))
        boxes.append((x, y))
    return boxes


def box_slices(box: Box, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the pixels of a box.

    Parameters
    ----------
    box : Box
        Limits of x and y, pixel. Both are rounded to the nearest edge of a pixel, of which the upper is not included.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    rows, columns : slice
        Empty where the box is beside the image.
    """
    found = []
    for (low, high), size in zip(box[::-1], shape):
        start = max(int(np.floor(low + 0.5)), 0)
        found.append(slice(start, max(min(int(np.floor(high + 0.5)), size), start)))
    return found[0], found[1]


def slit_pixels(shape: tuple[int, int], boxes: list[Box]) -> np.ndarray:
    """Pixels in any of some boxes.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    boxes : list of Box

    Returns
    -------
    (ny, nx) ndarray of bool
    """
    region = np.zeros(shape, bool)
    for box in boxes:
        region[box_slices(box, shape)] = True
    return region


def _has_fixed_slit(wcs: Any) -> bool:
    return any(slit.quadrant == FIXED_SLIT_QUADRANT for slit in wcs.get_transform("gwa", "slit_frame").slits)


def slice_pixels(wcs: Any, shape: tuple[int, int], slices: Callable[[], Iterable[Any]]) -> np.ndarray:
    """Pixels of the slices of the integral field unit.

    Parameters
    ----------
    wcs : gwcs.WCS
        World coordinates of the exposure.
    shape : (int, int)
        Rows and columns.
    slices : callable
        Gives the world coordinates of each slice; called where those of the exposure have no map of the slices.

    Returns
    -------
    (ny, nx) ndarray of bool
        True where a slice has a wavelength.
    """
    ny, nx = shape
    if "gwa" not in wcs.available_frames:
        mapper = getattr(wcs.get_transform("detector", "slicer"), "label_mapper", None)
        if mapper is not None:
            return np.asarray(mapper.mapper)[:ny, :nx] != 0
    region = np.zeros(shape, bool)
    for one in slices():
        x, y = np.meshgrid(*(np.arange(np.floor(low + 0.5), np.ceil(high - 0.5) + 1) for low, high in one.bounding_box))
        found = np.isfinite(one(x, y)[2]) & (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        region[y[found].astype(int), x[found].astype(int)] = True
    return region
