"""The clean_flicker_noise step: its name and parameters. Source: spec clean_flicker_noise.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep
from stpipe import Param

__all__ = ["CleanFlickerNoiseStep"]


class CleanFlickerNoiseStep(NotBuiltStep):
    """Subtract 1/f noise from groups or rates (not in this release)."""

    class_alias = "clean_flicker_noise"
    reference_file_types = ["flat", "pastasoss"]

    autoparam = Param(False, "choose some parameters from the data")
    fit_method = Param(
        "median",
        "noise model",
        choices={"fft": "low-frequency Fourier terms of the background", "median": "median of each row or column"},
    )
    fit_by_channel = Param(False, "fit each amplifier by itself (median method, full frame, near infrared)")
    background_method = Param(
        "median",
        "background that is removed before the fit and put back after it",
        choices={
            "median": "one value",
            "model": "smooth image",
            "median_image": "median over integrations",
            None: "none",
        },
    )
    background_box_size = Param(
        None, "box of the 'model' background: y, x", min_length=2, max_length=2, unit="pixel", type=list[int]
    )
    mask_science_regions = Param(False, "leave science regions out of the fit")
    apply_flat_field = Param(False, "divide by the flat for mask and fit")
    n_sigma = Param(2.0, "upper clip of the background; 0 for none", unit="sigma")
    fit_histogram = Param(False, "get centre and width of the background from a fit of its histogram")
    single_mask = Param(True, "one mask for all integrations")
    user_mask = Param(None, "file with a mask: background where it is not zero", type=str)
    save_mask = Param(False, "save the scene mask")
    save_background = Param(False, "save the background")
    save_noise = Param(False, "save the noise")
    skip = Param(True, "skip this step")
