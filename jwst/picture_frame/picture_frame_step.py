"""The picture_frame step: its name and parameters. Source: spec picture_frame.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep
from stpipe import Param

__all__ = ["PictureFrameStep"]


class PictureFrameStep(NotBuiltStep):
    """Subtract the thermal picture frame of NIRSpec (not in this release)."""

    class_alias = "picture_frame"
    reference_file_types = ["pictureframe"]

    mask_science_regions = Param(True, "leave science regions out of the fit")
    n_sigma = Param(2.0, "upper clip of the scene mask; 0 for none", unit="sigma")
    save_mask = Param(False, "save the scene mask")
    save_correction = Param(False, "save what was subtracted")
    skip = Param(True, "skip this step")
