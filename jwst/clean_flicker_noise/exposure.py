"""What exposures can be cleaned, and how their parameters fit together. Source: spec clean_flicker_noise.md §2."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from stpipe.exceptions import InputError

__all__ = [
    "FOURIER_TYPES",
    "SOSS_SUBARRAYS",
    "Options",
    "check_metadata",
    "line_axis",
    "median_image_needs",
    "normalised",
    "reason_to_fail",
]

log = logging.getLogger(__name__)

FOURIER_TYPES = frozenset({"NRS_MSASPEC", "NRS_IFU", "NRS_FIXEDSLIT", "NRS_BRIGHTOBJ"})
SOSS_SUBARRAYS = frozenset(
    {"SUBSTRIP256", "SUBSTRIP96", "SUB17STRIPE_SOSS", "SUB60STRIPE_SOSS", "SUB204STRIPE_SOSS", "SUB680STRIPE_SOSS"}
)
_LIGHT_CURVES = {
    "NIS_SOSS": "bkg_subtract and a box extraction along the trace",
    "NRS_BRIGHTOBJ": "extract_2d, extract_1d and white_light",
    "NRC_TSGRISM": "extract_2d, extract_1d and white_light",
    "NRC_TSIMAGE": "tso_photometry",
}


@dataclass(frozen=True)
class Options:
    """Parameters of a run, which may differ from those that were asked for.

    Parameters
    ----------
    fit_method : str
        "median" or "fft".
    fit_by_channel : bool
    background_method : str or None
        "median", "model", "median_image" or None.
    background_box_size : (int, int), optional
    mask_science_regions, apply_flat_field : bool
    n_sigma : float
    fit_histogram, single_mask : bool
    user_mask : str, optional
    """

    fit_method: str = "median"
    fit_by_channel: bool = False
    background_method: str | None = "median"
    background_box_size: tuple[int, int] | None = None
    mask_science_regions: bool = False
    apply_flat_field: bool = False
    n_sigma: float = 2.0
    fit_histogram: bool = False
    single_mask: bool = True
    user_mask: str | None = None


def normalised(options: Options, model: Any) -> Options:
    """Bring options in line with each other and with the exposure; every change is logged."""
    if options.background_method == "median_image" and options.single_mask:
        log.warning("background_method='median_image' needs a mask for each integration; single_mask is set to False")
        options = replace(options, single_mask=False)
    full = model.meta.subarray.name == "FULL" and model.meta.instrument.name != "MIRI"
    if options.fit_by_channel and not full:
        log.warning("fit_by_channel is only for full frames in the near infrared; it is switched off")
        options = replace(options, fit_by_channel=False)
    return options


def reason_to_fail(model: Any, options: Options) -> str:
    """Why an exposure cannot be cleaned, in one sentence; empty if it can."""
    exp_type, subarray = model.meta.exposure.type, model.meta.subarray.name
    if exp_type.startswith("MIR") and exp_type != "MIR_IMAGE":
        return f"Exposures of type {exp_type} cannot be cleaned"
    if options.fit_method == "fft" and exp_type not in FOURIER_TYPES:
        return f"fit_method='fft' cannot be used for exposures of type {exp_type}; use 'median'"
    if options.background_method == "median_image":
        if exp_type == "NIS_SOSS" and subarray not in SOSS_SUBARRAYS:
            return f"background_method='median_image' cannot be used for SOSS exposures of the subarray {subarray}"
        if model.data.ndim < 3 or model.data.shape[0] < 2:
            return "background_method='median_image' needs more than one integration"
    return ""


def median_image_needs(exp_type: str, *, tso: bool) -> str:
    """What the light curve of an exposure needs that is not built; empty if nothing."""
    if exp_type == "MIR_IMAGE":
        return "tso_photometry" if tso else ""
    return _LIGHT_CURVES.get(exp_type, "")


def check_metadata(model: Any) -> None:
    """Find out whether an exposure says what it is.

    Raises
    ------
    InputError
        It has no EXP_TYPE, INSTRUME, DETECTOR or SUBARRAY.
    """
    meta = model.meta
    values = {
        "EXP_TYPE": meta.exposure.type,
        "INSTRUME": meta.instrument.name,
        "DETECTOR": meta.instrument.detector,
        "SUBARRAY": meta.subarray.name,
    }
    missing = [key for key, value in values.items() if value is None]
    if missing:
        raise InputError(f"clean_flicker_noise needs {', '.join(missing)}, which the exposure does not have")


def line_axis(model: Any) -> int:
    """Axis along which the median of a line is taken: 1 for one per row, 0 for one per column.

    Raises
    ------
    InputError
        The exposure does not say which axis is the slow one.
    """
    if model.meta.instrument.name == "MIRI":
        return 0
    slow = model.meta.subarray.slowaxis
    if slow is None or abs(slow) not in (1, 2):
        raise InputError(f"SLOWAXIS of the exposure is {slow}; clean_flicker_noise needs 1, -1, 2 or -2")
    return abs(slow) - 1
