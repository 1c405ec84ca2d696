"""Metadata of a mosaic. Source: spec resample.md §6."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated
from jwst.resample.footprint import union_region
from jwst.resample.grid import OutputGrid

__all__ = ["BLEND_IGNORED", "describe_grid", "describe_library", "forget_sky"]

log = logging.getLogger(__name__)

BLEND_IGNORED = (
    "meta.photometry.pixelarea_steradians",
    "meta.photometry.pixelarea_arcsecsq",
    "meta.filename",
)
"""Metadata that are not blended; the world coordinates never are."""

_DETECTOR_KEYWORDS = ("v2_ref", "v3_ref", "ra_ref", "dec_ref", "roll_ref", "v3yangle", "vparity")
_DISTORTION = re.compile(r"cd\d_\d|pc\d_\d|cdelt\d|(a|b|ap|bp)_\d_\d|(a|b|ap|bp)_order|sip(mx|iv)err")


def describe_grid(model: Any, grid: OutputGrid, regions: Sequence[str]) -> None:
    """Write into a product where its pixels are.

    Parameters
    ----------
    model : ImageModel
        The product.
    grid : OutputGrid
        Its grid.
    regions : sequence of str
        Footprints of the inputs (``meta.wcsinfo.s_region``).
    """
    model.meta.wcs = grid.wcs
    info = model.meta.wcsinfo
    for name in [*info.instance]:
        if name in _DETECTOR_KEYWORDS or _DISTORTION.fullmatch(name):
            del info.instance[name]
    for name, value in _keywords(grid.wcs).items():
        setattr(info, name, value)
    info.s_region = union_region(regions, grid.wcs, grid.shape) if regions else None
    photometry = model.meta.photometry
    photometry.pixelarea_arcsecsq = grid.pixel_scale**2
    photometry.pixelarea_steradians = float(np.deg2rad(grid.pixel_scale / 3600.0)) ** 2


def _keywords(wcs: Any) -> dict[str, Any]:
    """FITS keywords of a WCS: of its one transform if that is one of FITS, else of one fitted to it."""
    from gwcs import FITSImagingWCSTransform

    transform = wcs.forward_transform
    if isinstance(transform, FITSImagingWCSTransform):
        keys = {f"pc{i + 1}_{j + 1}": float(transform.pc.value[i, j]) for i in (0, 1) for j in (0, 1)}
        for axis in (0, 1):
            keys[f"crpix{axis + 1}"] = float(transform.crpix.value[axis]) + 1
            keys[f"crval{axis + 1}"] = float(transform.crval.value[axis])
            keys[f"cdelt{axis + 1}"] = float(transform.cdelt.value[axis])
        code = _projection_code(transform)
    else:
        log.warning(
            "output_wcs is not one transform of FITS: the FITS keywords of the product are those of a linear fit; its "
            "meta.wcs is exact"
        )
        code = _projection_code(transform)
        keys = _fitted(wcs, code)
    kinds = {"ctype1": f"RA---{code}", "ctype2": f"DEC--{code}", "cunit1": "deg", "cunit2": "deg", "radesys": "ICRS"}
    return keys | kinds


def _projection_code(transform: Any) -> str:
    """Three letters of the projection of a transform; TAN where it has none."""
    from astropy.modeling import CompoundModel
    from astropy.modeling.projections import Projection, projcodes

    projection = getattr(transform, "projection", None)
    if projection is None and isinstance(transform, CompoundModel):
        projection = next((part for part in transform.traverse_postorder() if isinstance(part, Projection)), None)
    name = type(projection).__name__.rpartition("_")[2]
    return name if name in projcodes else "TAN"


def _fitted(wcs: Any, code: str) -> dict[str, Any]:
    """Keywords of a linear fit."""
    header = wcs.to_fits_sip(degree=1, projection=code)
    names = ("crpix1", "crpix2", "crval1", "crval2", "cd1_1", "cd1_2", "cd2_1", "cd2_2", "lonpole", "latpole")
    return {name: header[name.upper()] for name in names}


def forget_sky(model: Any) -> None:
    """Take out of a product what its first input says of its sky; the method of skymatch stays."""
    with unvalidated(model):
        model.meta.background.level = None
        model.meta.background.subtracted = None


def describe_library(model: Any, library: Any) -> None:
    """Write into a product which association it was made of.

    Parameters
    ----------
    model : ImageModel
        The product.
    library : ModelLibrary
        Its inputs.
    """
    for name, key in (("pool_name", "asn_pool"), ("table_name", "table_name")):
        if library.asn.get(key) is not None:  # else that of the input, as calwebb_image2 has written it
            setattr(model.meta.asn, name, library.asn[key])
