"""The picture_frame step: parameters, reference, models. Source: spec picture_frame.md."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError, Skip

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PictureFrameStep"]

log = logging.getLogger(__name__)

_RAMP_AXES = 4


class PictureFrameStep(Step):
    """Subtract the thermal picture frame of NIRSpec."""

    class_alias = "picture_frame"
    reference_file_types = ["pictureframe"]

    mask_science_regions = Param(True, "leave science regions out of the fit")
    n_sigma = Param(2.0, "upper clip of the scene mask; 0 for none", unit="sigma")
    save_mask = Param(False, "save the scene mask")
    save_correction = Param(False, "save what was subtracted")
    skip = Param(True, "skip this step")

    def process(self, input_model: Any) -> Any:
        """Correct an exposure.

        Parameters
        ----------
        input_model : RampModel, CubeModel, ImageModel or str
            Ramps in DN, or rates in DN/s.

        Returns
        -------
        data model
            Of the class of the input.

        Raises
        ------
        InputError
            The exposure or the reference is no full frame.
        NotBuiltError
            Science regions are to be left out of an exposure whose world coordinates this release cannot make.
        """
        from jwst.clean_flicker_noise.inputs import own
        from jwst.lib.assignment import unvalidated

        model = own(self, input_model)
        reason = reason_to_skip(model)
        if reason:
            raise Skip(reason)
        with self.reference(model, "pictureframe") as reference:
            assert reference is not None
            pattern = _checked(reference.array("data", cut=False), reference.name)
        _checked(model.data, "The exposure")
        with unvalidated(model):
            reason = self._correct(model, pattern)
        if reason:
            log.error("%s; picture_frame leaves this exposure as it is", reason)
            model.meta.cal_step.picture_frame = "FAILED"
            return model
        return self.complete(model)

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say of which exposures this release cannot find the science regions."""
        full = parameters.get("meta.instrument.name") == "NIRSPEC" and parameters.get("meta.subarray.name") == "FULL"
        if not self.mask_science_regions or not full:
            return ""
        from jwst.clean_flicker_noise.nirspec_steps import regions_refused

        return regions_refused(parameters)

    def planned_references(self, parameters: Mapping[str, Any]) -> list[str]:
        """Reference types that a run would ask for."""
        if not self.mask_science_regions or parameters.get("meta.instrument.name") != "NIRSPEC":
            return list(self.reference_file_types)
        from jwst.clean_flicker_noise.nirspec_steps import coordinate_types

        return [*self.reference_file_types, *coordinate_types()]

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the result, and of mask and correction where they are saved."""
        name = self.search_attr("_input_filename")
        wanted = {"pctfrm_mask": self.save_mask, "pctfrm_correction": self.save_correction}
        extra = [self.planned_path(suffix=suffix, output_file=name) for suffix, saved in wanted.items() if saved]
        return [*extra, *super().planned_products(parameters)]

    def _correct(self, model: Any, data: np.ndarray) -> str:
        """Correct a model in place, or say why that is not possible."""
        import numpy as np

        from jwst.assign_wcs.util import MSAFileError
        from jwst.picture_frame.picture_frame import Pattern, Regions, subtract_from_images, subtract_from_ramps

        try:
            mask = self._mask(model)
        except MSAFileError as error:
            return f"The science regions cannot be found: {error}"
        regions = Regions.of(mask)
        if not regions.usable:
            log.error("There are no background pixels in the centre, or none at the edge, of the detector")
            raise Skip("the picture frame cannot be measured without background pixels in both regions")
        pattern = Pattern.of(data, regions)
        removed = np.zeros(model.data.shape, np.float32) if self.save_correction else None
        if model.data.ndim == _RAMP_AXES:
            subtract_from_ramps(model.data, pattern, regions, removed)
        else:
            planes = None if removed is None else removed.reshape(-1, *mask.shape)
            subtract_from_images(model.data.reshape(-1, *mask.shape), pattern, regions, planes)
        self._save_product(model, mask.astype(np.float32) if self.save_mask else None, "pctfrm_mask")
        self._save_product(model, removed, "pctfrm_correction")
        return ""

    def _mask(self, model: Any) -> np.ndarray:
        """Mask of the background, from the rate."""
        from jwst.clean_flicker_noise.inputs import draft_rate_of
        from jwst.clean_flicker_noise.scene_mask import scene_mask

        excluded = self._science_regions(model) if self.mask_science_regions else None
        rate = draft_rate_of(model, self.parent) if model.data.ndim == _RAMP_AXES else model.data
        return scene_mask(rate, excluded, n_sigma=self.n_sigma)

    def _science_regions(self, model: Any) -> np.ndarray | None:
        """Pixels that light of the target can reach; None if it does not fall on the detector."""
        from jwst.assign_wcs.util import NoDataOnDetectorError
        from jwst.clean_flicker_noise.nirspec_steps import region_of

        try:
            return region_of(self, model, shutters=True)
        except NoDataOnDetectorError as error:
            log.warning("No science regions are left out: %s", error)
            return None

    def _save_product(self, model: Any, array: np.ndarray | None, suffix: str) -> None:
        """Save a product that belongs to the exposure, if it is there."""
        from jwst.clean_flicker_noise.products import product_of

        if array is not None:
            self.save_model(product_of(model, array), suffix=suffix, output_file=model.meta.filename, force=True)


def reason_to_skip(model: Any) -> str:
    """Why an exposure has no picture frame to correct; empty if it has."""
    instrument, subarray = model.meta.instrument.name, model.meta.subarray.name
    if instrument != "NIRSPEC" or subarray != "FULL":
        return f"the picture frame is that of NIRSpec full frames, and this is {instrument} {subarray}"
    if model.data.ndim == _RAMP_AXES and model.data.shape[1] < 2:
        return "ramps of one group cannot be corrected"
    return ""


def _checked(data: Any, name: str) -> Any:
    """Find out whether an array is a full frame.

    Raises
    ------
    InputError
        It is not.
    """
    from jwst.picture_frame.picture_frame import SIZE

    if data is None or data.shape[-2:] != (SIZE, SIZE):
        shape = None if data is None else data.shape[-2:]
        raise InputError(f"{name} has images of {shape} pixels; picture_frame needs full frames of {SIZE} x {SIZE}")
    return data
