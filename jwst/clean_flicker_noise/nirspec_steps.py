"""assign_wcs and msa_flagging inside another step, which needs to know where the target falls on the detector.

Source: spec clean_flicker_noise.md §3.2, picture_frame.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jwst.clean_flicker_noise.nirspec_regions import MSA_FAILED_OPEN, aperture_pixels, flagged_open
from jwst.lib.assignment import unvalidated
from stpipe.exceptions import Skip

__all__ = ["coordinate_types", "nirspec_region", "region_of", "regions_refused", "with_coordinates"]

log = logging.getLogger(__name__)

_SHUTTERS = "msaoper"


def coordinate_types() -> list[str]:
    """Types of all references that the regions of NIRSpec need."""
    from jwst.assign_wcs.assign_wcs_step import AssignWcsStep

    return [*AssignWcsStep.reference_file_types, _SHUTTERS]


def regions_refused(parameters: Mapping[str, Any]) -> str:
    """Why the regions of an exposure cannot be found in this release; empty if they can.

    Parameters
    ----------
    parameters : mapping
        ``meta.…`` values by dotted name.
    """
    from jwst.assign_wcs.assign_wcs_step import AssignWcsStep

    reason = AssignWcsStep().planned_refusal(parameters)
    return f"{reason}. mask_science_regions=True needs them: set it to False" if reason else ""


def region_of(step: Any, model: Any, *, shutters: bool) -> Any:
    """Find the pixels of NIRSpec that light of the target, or of shutters that do not close, can reach.

    Parameters
    ----------
    step : Step
        The step that needs to know. Overrides of ``assign_wcs`` and ``msa_flagging`` beside it in a pipeline are used.
    model : data model
        Ramps or a rate; not changed.
    shutters : bool
        Look for shutters that do not close.

    Returns
    -------
    (ny, nx) or (nints, ny, nx) ndarray of bool

    Raises
    ------
    NoDataOnDetectorError
        Nothing falls on the detector.
    MSAFileError
        The file that says which shutters are open is missing, or not that of the exposure.
    """
    from jwst.assign_wcs.assign_wcs_step import AssignWcsStep
    from jwst.msaflagopen.msaflagopen_step import MSAFlagOpenStep

    return nirspec_region(
        model,
        model.data.shape[-2:],
        assign=_recording(_sub_step(AssignWcsStep, step)),
        find_open=_or_unchanged(_sub_step(MSAFlagOpenStep, step)) if shutters else None,
    )


def nirspec_region(
    model: Any, shape: tuple[int, int], *, assign: Callable[[Any], Any], find_open: Callable[[Any], Any] | None = None
) -> np.ndarray:
    """Find the pixels that light of the target, or of shutters that do not close, can reach.

    Parameters
    ----------
    model : data model
        Ramps or a rate of NIRSpec, with world coordinates or without; not changed.
    shape : (int, int)
        Rows and columns.
    assign : callable
        Gives a rate its world coordinates (assign_wcs).
    find_open : callable, optional
        Flags the pixels of shutters that do not close in a rate (msa_flagging).

    Returns
    -------
    (ny, nx) or (nints, ny, nx) ndarray of bool
        Three axes where the flags of the exposure have three.

    Raises
    ------
    NoDataOnDetectorError
        Nothing falls on the detector.
    MSAFileError
        The file that says which shutters are open is missing, or not that of the exposure.
    """
    from jwst.assign_wcs.nirspec import nrs_ifu_wcs

    located = with_coordinates(model, shape, assign)
    wanted = flagged_open(model)
    if located is None:
        return np.zeros(shape, bool) if wanted is None else wanted
    region = aperture_pixels(located.meta.exposure.type, located.meta.wcs, shape, slices=lambda: nrs_ifu_wcs(located))
    if find_open is not None:
        region |= (find_open(located).dq & np.uint32(MSA_FAILED_OPEN)) != 0
    return region if wanted is None else region | wanted


def with_coordinates(model: Any, shape: tuple[int, int], assign: Callable[[Any], Any]) -> Any | None:
    """A rate with the keywords of an exposure and its world coordinates, and nothing in its pixels.

    Parameters
    ----------
    model : data model
    shape : (int, int)
    assign : callable

    Returns
    -------
    ImageModel, IFUImageModel or None
        None for a type of exposure without world coordinates.
    """
    from stdatamodels.jwst import datamodels

    kind = datamodels.IFUImageModel if model.meta.exposure.type == "NRS_IFU" else datamodels.ImageModel
    located = kind()
    with unvalidated(located):
        located.data, located.dq = np.zeros(shape, np.float32), np.zeros(shape, np.uint32)
        located.update(model)
        located.meta.filename = model.meta.filename
        known = getattr(model.meta, "wcs", None)
        if known is not None:
            located.meta.wcs = known
            return located
    try:
        located = assign(located)
    except Skip as reason:
        log.warning("No science regions are left out: %s", reason)
        return None
    return None if getattr(located.meta, "wcs", None) is None else located


def _sub_step(cls: Any, step: Any) -> Any:
    """A step inside another one, with the overrides of its like in the pipeline."""
    inner = cls(parent=step)
    sibling = getattr(step.parent, cls.class_alias, None)
    for reftype in cls.reference_file_types if sibling is not None else ():
        setattr(inner, f"override_{reftype}", getattr(sibling, f"override_{reftype}", None))
    return inner


def _recording(inner: Any) -> Callable[[Any], Any]:
    """Run a step and write into the result which references it used."""

    def run(model: Any) -> Any:
        log.info("Making world coordinates, to find where the target falls on the detector")
        result = inner.process(model)
        inner._record_references(result, inner._reference_files_used)
        return result

    return run


def _or_unchanged(inner: Any) -> Callable[[Any], Any]:
    """Run a step; the model comes back as it was where the step does not apply."""

    def run(model: Any) -> Any:
        try:
            return inner.process(model)
        except Skip as reason:
            log.warning("Shutters that do not close are not looked for: %s", reason)
            return model

    return run
