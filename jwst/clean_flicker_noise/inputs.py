"""What the steps that work on ramps and on rates take in, and the rate that they look for the background in.

Source: spec clean_flicker_noise.md §3, picture_frame.md.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["draft_rate_of", "own"]

RAMP_AXES = 4

_RAMPS = ("RampModel", "SuperstripeRampModel")
_REFERENCES = ("gain", "readnoise")


def own(step: Any, input_model: Any) -> Any:
    """Open or copy the input of a step, so that its data can be changed in place.

    Parameters
    ----------
    step : JwstStep
    input_model : str, Path or data model
        Ramps or rates.

    Returns
    -------
    data model
        Its data are of native byte order, contiguous and writable; for ramps all arrays are.

    Raises
    ------
    InputError
        There are no data, they are neither ramps nor rates, or they are ramps in stripes.
    """
    from jwst.stpipe.inputs import native_arrays

    model = step.prepare_output(input_model, open_as_ramp=_is_ramp(step, input_model))
    data = getattr(model, "data", None)
    if data is None or data.ndim not in (2, 3, RAMP_AXES) or 0 in data.shape:
        shape = None if data is None else data.shape
        raise InputError(
            f"{step.class_alias} works on ramps and rates; the data of this {type(model).__name__} are {shape}"
        )
    if data.ndim == RAMP_AXES:
        native_arrays(model)
        if model.pixeldq.ndim != 2:
            raise InputError(
                f"These ramps are still in stripes: run refpix before {step.class_alias}, which joins them"
            )
    elif not (data.flags.c_contiguous and data.flags.writeable and data.dtype.isnative and data.dtype == np.float32):
        model.data = np.array(data, np.float32, order="C")
    return model


def _is_ramp(step: Any, input_model: Any) -> bool:
    """Whether an input holds ramps, which are opened in another way and have to be of their own class."""
    from stdatamodels.jwst import datamodels

    if isinstance(input_model, str | os.PathLike):
        parameters = step._get_crds_parameters(step.make_input_path(input_model))[0]
        return parameters.get("meta.model_type") in _RAMPS
    data = getattr(input_model, "data", None)
    return isinstance(input_model, datamodels.JwstDataModel) and data is not None and data.ndim == RAMP_AXES


def draft_rate_of(model: Any, pipeline: Any = None, *, integrations: bool = False) -> np.ndarray:
    """Fit a rate to ramps that are still to be corrected.

    Parameters
    ----------
    model : RampModel
        Not changed.
    pipeline : Pipeline, optional
        Whose ramp_fit step says which gain and read noise to use in place of those of CRDS.
    integrations : bool
        A rate for each integration.

    Returns
    -------
    (ny, nx) or (nints, ny, nx) ndarray of float32, DN/s
        NaN where nothing can be fitted.
    """
    from jwst.ramp_fitting.draft_rate import draft_rate
    from jwst.ramp_fitting.ramp_fit_step import RampFitStep
    from jwst.ramp_fitting.ramp_inputs import Ramps
    from jwst.ramp_fitting.rate_products import exposure_times

    step = RampFitStep()
    sibling = getattr(pipeline, "ramp_fit", None)
    for reftype in _REFERENCES if sibling is not None else ():
        setattr(step, f"override_{reftype}", getattr(sibling, f"override_{reftype}", None))
    times = exposure_times(model)
    with step.reference(model, "readnoise") as readnoise, step.reference(model, "gain") as gain:
        planes = [_plane(reference) for reference in (gain, readnoise)]
    ramps = Ramps(model.data, model.groupdq, model.pixeldq, *planes)
    return draft_rate(ramps, times, integrations=integrations, miri=model.meta.instrument.name == "MIRI")


def _plane(reference: Any) -> np.ndarray:
    """Image of a reference, cut to the exposure."""
    plane = reference.array("data")
    if plane is None:
        raise InputError(f"{reference.name} has no image (SCI), which ramp_fit needs for a draft rate")
    return plane
