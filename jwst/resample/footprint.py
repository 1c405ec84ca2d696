"""Footprint of a mosaic on the sky. Source: spec resample.md §7."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from jwst.resample.polygons import intersection, simplified, union
from jwst.resample.regions import polygons_of, region_text
from stpipe.exceptions import InputError

__all__ = ["union_region"]

log = logging.getLogger(__name__)


def _output_box(wcs: Any, shape: tuple[int, int]) -> np.ndarray:
    """Pixel edges of the output within its bounding box, counter-clockwise (4, 2)."""
    x0, x1, y0, y1 = -0.5, shape[1] - 0.5, -0.5, shape[0] - 0.5
    if wcs.bounding_box is not None:
        (left, right), (low, high) = wcs.bounding_box.bounding_box(order="F")
        x0, x1, y0, y1 = max(x0, left), min(x1, right), max(y0, low), min(y1, high)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def _on_plane(regions: Sequence[str], wcs: Any) -> list[np.ndarray]:
    """Polygons of all footprints in output pixels, those that can be."""
    skies = [sky for region in regions for sky in polygons_of(region)]
    places = np.array(wcs.invert(*np.concatenate(skies).T, with_bounding_box=False)).T
    polygons = np.split(places, np.cumsum([len(sky) for sky in skies])[:-1])
    return [polygon for polygon in polygons if np.isfinite(polygon).all()]


def union_region(regions: Sequence[str], wcs: Any, shape: tuple[int, int]) -> str | None:
    """Footprint of a mosaic: the union of those of its inputs, as far as it is on the output.

    Parameters
    ----------
    regions : sequence of str
        ``meta.wcsinfo.s_region`` of the inputs.
    wcs : gwcs.wcs.WCS
        Of the output.
    shape : (int, int)
        Rows and columns of the output.

    Returns
    -------
    str or None
        ``POLYGON ICRS  …`` for each piece, clockwise in pixels, with two spaces between pieces; None with a WARNING
        where no input is on the output.

    Raises
    ------
    InputError
        There are no inputs, or one has no usable footprint.
    """
    if not regions:
        raise InputError("There are no inputs, so that there is no footprint. Give one image or more")
    box = _output_box(wcs, shape)
    pieces = intersection(union(_on_plane(regions, wcs)), box) if (box[2] > box[0]).all() else []
    outlines = [simplified(loop) for loop in pieces]
    outlines = sorted((loop for loop in outlines if len(loop) > 2), key=lambda loop: tuple(loop.min(axis=0)))
    if not outlines:
        log.warning("No input is on the output, so that the mosaic has no footprint (S_REGION)")
        return None
    skies = [np.array(wcs(*loop[::-1].T, with_bounding_box=False)).T for loop in outlines]
    return "  ".join(region_text(sky) for sky in skies)
