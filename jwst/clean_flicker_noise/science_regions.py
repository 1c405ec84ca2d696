"""Pixels that are no background, known without looking at the image. Source: spec clean_flicker_noise.md §5.1."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.clean_flicker_noise.nirspec_regions import REGION_TYPES
from jwst.clean_flicker_noise.soss_traces import Trace, trace_rows, traces_region
from jwst.lib.dqflags import DO_NOT_USE
from stpipe.exceptions import InputError

__all__ = ["flagged_pixels", "region_references", "soss_region"]

log = logging.getLogger(__name__)

NON_SCIENCE = 512
MSA_FAILED_OPEN = 536870912


def region_references(exp_type: str | None) -> list[str]:
    """Types of the references that tell the science regions of a type of exposure; none if it is not known."""
    if exp_type == "NIS_SOSS":
        return ["pastasoss"]
    if exp_type not in REGION_TYPES:
        return ["flat"] if exp_type == "MIR_IMAGE" else []
    from jwst.clean_flicker_noise.nirspec_steps import coordinate_types

    return coordinate_types()


def flagged_pixels(model: Any, step: Any) -> np.ndarray | None:
    """Pixels whose flags say that they are no background.

    Parameters
    ----------
    model : data model
    step : Step
        Gives the flat of MIRI images.

    Returns
    -------
    ndarray of bool or None
        True for such pixels; None for exposures that have none.
    """
    flags = getattr(model, "pixeldq", None)
    flags = getattr(model, "dq", None) if flags is None else flags
    if model.meta.instrument.name == "NIRSPEC":
        return None if flags is None else (flags & np.uint32(MSA_FAILED_OPEN)) != 0
    if model.meta.exposure.type != "MIR_IMAGE":
        return None
    flat = _flat_flags(model, step)
    known = [plane for plane in (flags, flat) if plane is not None]
    wanted = np.uint32(DO_NOT_USE | NON_SCIENCE)
    return np.any(np.broadcast_arrays(*[(plane & wanted) != 0 for plane in known]), axis=0) if known else None


def _flat_flags(model: Any, step: Any) -> np.ndarray | None:
    """Flags that the flat field would give a MIRI image."""
    from jwst.flatfield.flat_arrays import FlatPlanes, clean_flat
    from jwst.flatfield.flat_field_step import FlatFieldStep

    flat_field = FlatFieldStep(override_flat=step.override_flat)
    with flat_field.reference(model, "flat", required=False) as reference:
        if reference is None:
            log.warning("There is no flat for this exposure, which would tell the regions without sky")
            return None
        data = reference.array("data")
        if data is None:
            raise InputError(f"{reference.name} has no image (SCI): it is no flat")
        return clean_flat(FlatPlanes(data, data, reference.dq())).dq


def soss_region(model: Any, source: Any) -> np.ndarray:
    """Pixels near the traces of NIRISS SOSS.

    Parameters
    ----------
    model : data model
    source : PastasossModel or str
        The trace model, or its file.

    Returns
    -------
    (ny, nx) ndarray of bool

    Raises
    ------
    InputError
        There is no trace model, or none for the position of the pupil wheel.
    """
    from stdatamodels.jwst import datamodels

    if isinstance(source, str) and source in ("", "N/A"):
        raise InputError(
            "There is no PASTASOSS reference for this exposure, which tells where its spectra are. Leave "
            "mask_science_regions off, or give a user_mask"
        )
    if isinstance(source, datamodels.PastasossModel):
        return _region(model, source)
    with datamodels.PastasossModel(source) as reference:
        return _region(model, reference)


def _region(model: Any, reference: Any) -> np.ndarray:
    position, bounds = model.meta.instrument.pupil_position, reference.meta.pwcpos_bounds
    if position is None or not bounds[0] <= position <= bounds[1]:
        raise InputError(
            f"The pupil wheel of this exposure is at {position} (PWCPOS); its traces are known for {bounds[0]} to "
            f"{bounds[1]} degrees only. Leave mask_science_regions off, or give a user_mask"
        )
    angle = position - reference.meta.pwcpos_cmd
    small = model.meta.subarray.name == "SUBSTRIP96"
    curves = [trace_rows(trace, angle, substrip96=small) for trace in _traces(reference)]
    ny, nx = model.data.shape[-2:]
    return traces_region((ny, nx), curves)


def _traces(reference: Any) -> list[Trace]:
    """Traces of a reference, with what is known about their wavelengths."""
    models = {entry.spectral_order: entry for entry in reference.wavecal_models}
    traces = []
    for entry in reference.traces:
        waves = models.get(entry.spectral_order)
        traces.append(
            Trace(
                np.asarray(entry.trace),
                (entry.pivot_x, entry.pivot_y),
                None if waves is None else np.asarray(waves.coefficients),
                None if waves is None else np.asarray(waves.scale_extents),
                entry.short_cutoff or 0.0,
            )
        )
    return traces
