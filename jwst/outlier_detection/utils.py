"""What the modes share: values of parameters, states of members, products beside the results."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated
from jwst.lib.invalid import sync_invalid
from jwst.outlier_detection.flagging import Limits, mark_outliers
from stpipe.exceptions import InputError, ParameterError

__all__ = [
    "Options",
    "Products",
    "background_of_blot",
    "check_cube",
    "check_planes",
    "fill_value",
    "good_pixels",
    "label",
    "like",
    "mark",
    "parse_pair",
    "unsubtracted_sky",
]

log = logging.getLogger(__name__)

Products = Callable[[str, str, Any], None]
"""Saves an intermediate product: its suffix, the name of the exposure that it is named after, a function without
arguments that makes the model."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How outliers of images are found; see the parameters of the step.

    Attributes
    ----------
    weight_type, kernel, fillval, good_bits : str
    pixfrac, maskpt : float
    limits : Limits
        With the sky of exposures that do not tell it themselves.
    resample_data, on_disk : bool
    stepsize : float, pixel
    order, window : int
    """

    weight_type: str = "ivm"
    pixfrac: float = 1.0
    kernel: str = "square"
    fillval: str = "NAN"
    maskpt: float = 0.7
    limits: Limits = Limits()
    resample_data: bool = True
    good_bits: str = "~DO_NOT_USE"
    on_disk: bool = False
    stepsize: float = 1.0
    order: int = 1
    window: int = 25


def parse_pair(name: str, text: str) -> tuple[float, float]:
    """Take a parameter apart that holds two numbers.

    Parameters
    ----------
    name : str
        Of the parameter, for the message.
    text : str
        Two numbers with blanks or a comma between them.

    Returns
    -------
    (float, float)

    Raises
    ------
    ParameterError
        These are not two finite numbers that are not negative.

    Examples
    --------
    >>> parse_pair("snr", "5.0 4.0")
    (5.0, 4.0)
    """
    try:
        first, second = (float(word) for word in str(text).replace(",", " ").split())
    except ValueError:
        first = second = math.nan
    if not (0 <= first < math.inf and 0 <= second < math.inf):
        raise ParameterError(
            f"{name}={text!r} has to be two numbers that are not negative, with a blank between them, as '5.0 4.0': "
            "the first is for the first pass, the second for the second"
        )
    return first, second


def fill_value(text: str) -> float:
    """Value of pixels of the common grid without data, from ``fillval``.

    Raises
    ------
    ParameterError
        It is neither a number nor NAN or INDEF.
    """
    if str(text).strip().upper() in ("", "INDEF", "NAN"):
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"fillval={text!r} has to be a number, 'NAN' or 'INDEF'") from None


@dataclass(frozen=True)
class _Sky:
    """What an exposure says of its sky."""

    level: float | None
    subtracted: bool | None

    @classmethod
    def of(cls, model: Any) -> _Sky:
        """Read it."""
        background = model.meta.background
        return cls(background.level, background.subtracted)


def unsubtracted_sky(model: Any) -> float:
    """Sky level that is to be taken off before an exposure is resampled, in the unit of its data; 0 for none."""
    sky = _Sky.of(model)
    return float(sky.level) if sky.level is not None and not sky.subtracted else 0.0


def background_of_blot(model: Any, backg: float) -> float:
    """Sky level that is to be added to the blot: that of the exposure where it says that it is in the data.

    Parameters
    ----------
    model : ImageModel
    backg : float
        The parameter, for exposures that do not say so.
    """
    sky = _Sky.of(model)
    return float(sky.level) if sky.level is not None and sky.subtracted is False else backg


def label(model: Any) -> str:
    """Name of an exposure for messages."""
    return str(model.meta.filename or "an exposure without a name")


def check_planes(model: Any) -> None:
    """Refuse an exposure that has no image, or no errors of the shape of the image.

    Raises
    ------
    InputError
        The text says which exposure and what it lacks.
    """
    data = getattr(model, "data", None)
    if data is None or data.ndim != 2 or data.size == 0:
        shape = None if data is None else data.shape
        raise InputError(
            f"Outliers of images are looked for in calibrated images; the data of {label(model)} "
            f"({type(model).__name__}) have the shape {shape}"
        )
    _check_errors(model)


def check_cube(model: Any) -> None:
    """Refuse what is no exposure of many integrations, or has no errors of the shape of its data.

    Raises
    ------
    TypeError
        It is no CubeModel.
    InputError
        The text says what it lacks.
    """
    from stdatamodels.jwst import datamodels

    if not isinstance(model, datamodels.CubeModel):
        raise TypeError(
            f"Outliers of coronagraphic exposures and of time series are looked for in one exposure with all its "
            f"integrations (CubeModel), not in a {type(model).__name__}"
        )
    _check_errors(model)
    _with_flags(model)


def _check_errors(model: Any) -> None:
    err = model.err if model.hasattr("err") else None
    if err is None or err.shape != model.data.shape:
        what = "no errors (ERR)" if err is None else f"errors of the shape {err.shape}, not {model.data.shape}"
        raise InputError(
            f"{label(model)} has {what}: outliers are what lies beyond the errors. Calibrate it again with ramp_fit "
            "and flat_field, or leave it out"
        )


def _with_flags(model: Any) -> None:
    """Give an exposure without flags some that say nothing."""
    if model.dq is None or model.dq.shape != model.data.shape:
        model.dq = np.zeros(model.data.shape, dtype=np.uint32)


def good_pixels(dq: np.ndarray, good_bits: str) -> np.ndarray:
    """Find pixels that have none but harmless flags; see `jwst.resample.weights.good_mask`."""
    from jwst.resample.weights import good_mask

    return good_mask(dq, good_bits)


def mark(model: Any, flagged: np.ndarray) -> None:
    """Write flags into an exposure, make its planes consistent, and record that the step is complete.

    Parameters
    ----------
    model : ImageModel or CubeModel
        Updated in place.
    flagged : ndarray of bool
        Of the shape of its data.
    """
    _with_flags(model)
    count = mark_outliers(model.dq, flagged)
    log.info("%d pixels of %s are outliers", count, label(model))
    sync_invalid(model)
    model.meta.cal_step.outlier_detection = "COMPLETE"


def like(model: Any, data: np.ndarray) -> Any:
    """Make a model of an image, or of several, with the metadata of an exposure.

    Parameters
    ----------
    model : data model
        The exposure.
    data : (ny, nx) or (nints, ny, nx) ndarray of float32
        Copied.

    Returns
    -------
    ImageModel or CubeModel
    """
    from stdatamodels.jwst import datamodels

    image = datamodels.ImageModel() if data.ndim == 2 else datamodels.CubeModel()
    with unvalidated(image):
        image.update(model)
        image.meta.wcs = model.meta.wcs
    image.data = np.array(data)
    return image
