"""What resample shares with others: masks, custom grids, grids of libraries. Source: spec resample.md §1."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jwst.resample.custom_grid import read_custom_wcs
from jwst.resample.grid import GridRequest, OutputGrid, load_grid, make_grid
from jwst.resample.resample import check_image
from jwst.resample.weights import good_mask
from stpipe.exceptions import InputError

__all__ = ["build_mask", "footprints", "grid_of_library", "load_custom_wcs", "resampled_wcs_from_models"]

log = logging.getLogger(__name__)

_ORIENTATION = ("ra_ref", "dec_ref", "roll_ref", "v3yangle", "vparity")


def build_mask(dqarr: np.ndarray, bitvalue: str | int | None) -> np.ndarray:
    """Make a mask of usable pixels.

    Parameters
    ----------
    dqarr : (ny, nx) ndarray of uint32
        Flags.
    bitvalue : str, int or None
        Flags that do no harm; see `jwst.resample.weights.good_mask`, also for the errors.

    Returns
    -------
    (ny, nx) ndarray of uint8
        1 for usable pixels, 0 for others.
    """
    return good_mask(dqarr, bitvalue).astype(np.uint8)


def load_custom_wcs(asdf_wcs_file: Any, output_shape: Sequence[int] | None = None) -> dict[str, Any]:
    """Read an ``output_wcs`` file.

    Parameters
    ----------
    asdf_wcs_file : str or Path
        See `jwst.resample.custom_grid.read_custom_wcs`, also for the errors.
    output_shape : (int, int), optional
        Columns and rows.

    Returns
    -------
    dict
        ``wcs``, and ``pixel_scale`` in arcsec (None where the file has none).
    """
    custom = read_custom_wcs(asdf_wcs_file, output_shape)
    return {"wcs": custom.wcs, "pixel_scale": custom.pixel_scale}


def resampled_wcs_from_models(input_models: Any, request: GridRequest | None = None) -> tuple[Any, float, float]:
    """Make the WCS that a library would be resampled to.

    Parameters
    ----------
    input_models : ModelLibrary
        Images; only the first one is opened.
    request : GridRequest, optional
        Wishes of the user.

    Returns
    -------
    wcs : gwcs.wcs.WCS
        With its shape and bounding box.
    input_scale, output_scale : float, arcsec
    """
    grid = grid_of_library(input_models, request or GridRequest(), footprints(input_models))
    return grid.wcs, grid.pixel_scale / grid.pixel_scale_ratio, grid.pixel_scale


def footprints(library: Any, *, required: bool = True) -> list[str]:
    """Read the footprints of the members of a library, without opening them.

    Parameters
    ----------
    library : ModelLibrary
        No member is borrowed.
    required : bool, optional
        False leaves out members that have none, with a warning.

    Returns
    -------
    list of str
        ``meta.wcsinfo.s_region``.

    Raises
    ------
    InputError
        Members have none, or the library is empty; the text names them.
    """
    if not len(library):
        raise InputError("There is nothing to resample: the library is empty")
    found, missing = [], []
    for index in range(len(library)):
        metadata = library.read_metadata(index)
        region = metadata.get("meta.wcsinfo.s_region")
        if region:
            found.append(region)
        else:
            missing.append(str(metadata.get("meta.filename", f"input {index + 1}")))
    if missing and required:
        raise InputError(
            f"There is no footprint (meta.wcsinfo.s_region) in {', '.join(missing)}: it is not known where to resample "
            "to. Run assign_wcs on it"
        )
    if missing:
        log.warning("There is no footprint (S_REGION) in %s; the product's is without it", ", ".join(missing))
    return found


def grid_of_library(
    library: Any, request: GridRequest, regions: Sequence[str], *, output_wcs: Any = None
) -> OutputGrid:
    """Make the grid that the members of a library are resampled to.

    Parameters
    ----------
    library : ModelLibrary
        Its first member is borrowed and shelved.
    request : GridRequest
        Wishes of the user; only the shape is used with ``output_wcs``.
    regions : sequence of str
        Footprints.
    output_wcs : str or Path, optional
        ASDF file with the grid.

    Returns
    -------
    OutputGrid

    Raises
    ------
    InputError, MissingMetadataError, UnsupportedWCSError
        There can be none; the text says why.
    """
    with library:
        first = library.borrow(0)
        try:
            check_image(first)
            if output_wcs:
                return load_grid(
                    output_wcs,
                    output_shape=request.output_shape,
                    first_wcs=first.meta.wcs,
                    pixelarea_steradians=first.meta.photometry.pixelarea_steradians,
                )
            return make_grid(regions, first.meta.wcs, _orientation(first), request)
        finally:
            library.shelve(first, 0, modify=False)


def _orientation(model: Any) -> Mapping[str, Any]:
    """How an image lies on the sky."""
    return {name: getattr(model.meta.wcsinfo, name) for name in _ORIENTATION}
