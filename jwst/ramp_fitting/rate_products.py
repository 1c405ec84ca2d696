"""Data models of rates from the arrays of a fit. Source: spec ramp_fit.md §7, §8."""

from __future__ import annotations

from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated
from jwst.ramp_fitting.likely import LikelyFit
from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.ramp_fit import RampFit
from jwst.ramp_fitting.ramp_inputs import OptionalResults, RampTimes, Rates

__all__ = ["exposure_times", "gain_factor", "make_chisq", "make_optional", "make_rates", "read_pattern"]


def exposure_times(ramp: Any) -> RampTimes:
    """Read the times of an exposure.

    Parameters
    ----------
    ramp : RampModel

    Returns
    -------
    RampTimes

    Raises
    ------
    InputError
        A time is missing.
    """
    exposure = ramp.meta.exposure
    return RampTimes(
        group_time=exposure.group_time,
        frame_time=exposure.frame_time,
        nframes=exposure.nframes,
        groupgap=exposure.groupgap,
        drop_frames1=exposure.drop_frames1 or 0,
    )


def read_pattern(ramp: Any) -> ReadPattern:
    """Read the times of all reads of an exposure: those that it lists, or those of its readout pattern.

    Parameters
    ----------
    ramp : RampModel

    Returns
    -------
    ReadPattern

    Raises
    ------
    InputError
        A time is missing, or the read times make no sense.
    """
    ngroups = ramp.data.shape[1]
    read_times = getattr(ramp.meta.exposure, "read_times", None)
    if read_times:
        return ReadPattern.of_exposure(list(read_times), ngroups)
    return ReadPattern.regular(exposure_times(ramp), ngroups)


def gain_factor(gain: Any) -> float | None:
    """The factor of a gain reference by which `gain_scale` multiplies rates; None where it has none."""
    value = gain.meta("exposure.gain_factor")
    return None if value is None else float(value)


def make_rates(ramp: Any, fit: RampFit | LikelyFit, *, ifu: bool) -> tuple[Any, Any]:
    """Make the products of an exposure and of its integrations.

    Parameters
    ----------
    ramp : RampModel
        Metadata and integration times come from it.
    fit : RampFit or LikelyFit
    ifu : bool
        Make the exposure an ``IFUImageModel``.

    Returns
    -------
    (ImageModel or IFUImageModel, CubeModel)
    """
    from stdatamodels.jwst import datamodels

    rate_class = datamodels.IFUImageModel if ifu else datamodels.ImageModel
    rate, rateints = _product(rate_class, ramp, fit.exposure), _product(datamodels.CubeModel, ramp, fit.integrations)
    for table in ("int_times", "int_times_stripe"):
        rows = getattr(ramp, table, None)
        if rows is not None and len(rows):
            setattr(rateints, table, rows)
    return rate, rateints


def _product(cls: Any, ramp: Any, rates: Rates) -> Any:
    """Make a product: its planes, which need no validation, and the metadata of the ramp, which had theirs."""
    model = cls()
    with unvalidated(model):
        _fill(model, rates)
        model.update(ramp)
        model.meta.bunit_data = model.meta.bunit_err = "DN/s"
        model.meta.filename = ramp.meta.filename
    return model


def _fill(model: Any, rates: Rates) -> None:
    """Put the planes into a model without copying them."""
    model.data, model.dq, model.err = rates.slope, rates.dq, rates.err
    model.var_poisson, model.var_rnoise = rates.var_poisson, rates.var_rnoise


def make_optional(ramp: Any, results: OptionalResults) -> Any:
    """Make the optional product.

    Returns
    -------
    RampFitOutputModel
    """
    from stdatamodels.jwst import datamodels

    model = datamodels.RampFitOutputModel()
    with unvalidated(model):
        for name in results.__dataclass_fields__:
            setattr(model, name, getattr(results, name))
        model.update(ramp)
    return model


def make_chisq(ramp: Any, chisq: np.ndarray) -> Any:
    """Make the optional product of the likelihood fit.

    Parameters
    ----------
    ramp : RampModel
    chisq : (ny, nx) ndarray of float32

    Returns
    -------
    ImageModel
    """
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel()
    with unvalidated(model):
        model.data = chisq
        model.update(ramp)
    return model
