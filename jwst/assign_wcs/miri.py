"""World coordinates of MIRI images: what users and other steps import. Source: spec assign_wcs_imaging.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jwst.assign_wcs.assign_wcs import image_types
from jwst.assign_wcs.imaging import first_of_filter, image_pipeline

__all__ = ["create_pipeline", "imaging"]


def imaging(input_model: Any, reference_files: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Make the transforms of an image.

    Parameters
    ----------
    input_model : ImageModel or CubeModel
        Exposure.
    reference_files : mapping of str to (str, Path or data model)
        References by type; see `jwst.assign_wcs.imaging.image_pipeline`, also for the errors.

    Returns
    -------
    list of (frame, transform)
        For `gwcs.wcs.WCS`: detector, v2v3, v2v3vacorr, world.
    """
    return image_pipeline(input_model, reference_files, first_of_filter)


_MODES = dict.fromkeys(image_types("MIRI"), imaging)


def create_pipeline(input_model: Any, reference_files: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Make the transforms of an exposure of any mode that is part of this release.

    Parameters
    ----------
    input_model, reference_files
        As for `imaging`.

    Returns
    -------
    list of (frame, transform)
        For `gwcs.wcs.WCS`.

    Raises
    ------
    KeyError
        The type of the exposure is none of them.
    """
    return _MODES[str(input_model.meta.exposure.type).upper()](input_model, reference_files)
