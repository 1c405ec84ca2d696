"""The clean_flicker_noise step: parameters, references, models. Source: spec clean_flicker_noise.md."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError, NotBuiltError

if TYPE_CHECKING:
    import numpy as np

    from jwst.clean_flicker_noise.clean_flicker_noise import Kept
    from jwst.clean_flicker_noise.exposure import Options
    from jwst.clean_flicker_noise.noise_removal import Removal

__all__ = ["CleanFlickerNoiseStep"]

log = logging.getLogger(__name__)

_AUTOPARAM_TYPES = {"NIS_IMAGE": "NIRISS", "NRC_IMAGE": "NIRCAM"}
_OPTIONS = (
    "fit_method",
    "fit_by_channel",
    "background_method",
    "mask_science_regions",
    "apply_flat_field",
    "n_sigma",
    "fit_histogram",
    "single_mask",
    "user_mask",
)


class _TypesInUse:
    """Reference types: all on the class, and on a step those that any exposure needs."""

    def __get__(self, step: Any, owner: Any = None) -> list[str]:
        if step is None:
            return ["flat", "pastasoss"]
        return ["flat"] if step.apply_flat_field or step.autoparam else []


class CleanFlickerNoiseStep(Step):
    """Subtract 1/f noise from groups or rates."""

    class_alias = "clean_flicker_noise"
    reference_file_types = _TypesInUse()

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

    def process(self, input_model: Any) -> Any:
        """Clean an exposure.

        Parameters
        ----------
        input_model : RampModel, CubeModel, ImageModel, IFUImageModel or str
            Ramps in DN, or rates in DN/s.

        Returns
        -------
        data model
            Of the class of the input. FAILED, with the data as they were, if it cannot be cleaned.

        Raises
        ------
        NotBuiltError
            The parameters need a step that is not part of this release.
        InputError
            The exposure does not say what it is, or its arrays cannot be used.
        """
        from jwst.clean_flicker_noise.exposure import check_metadata, normalised, reason_to_fail
        from jwst.clean_flicker_noise.inputs import own
        from jwst.lib.assignment import unvalidated

        model = own(self, input_model)
        with unvalidated(model):
            check_metadata(model)
            options = normalised(self._options(), model)
            reason = reason_to_fail(model, options)
            if not reason:
                self._refuse(model.meta.exposure.type, options, tso=bool(model.meta.visit.tsovisit))
                reason = self._clean(model, options)
        if reason:
            log.warning("%s; clean_flicker_noise leaves this exposure as it is", reason)
            model.meta.cal_step.clean_flicker_noise = "FAILED"
            return model
        return self.complete(model)

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say which step that is not part of this release the parameters need."""
        exp_type = parameters.get("meta.exposure.type")
        if exp_type is None:
            return ""
        try:
            self._refuse(exp_type, self._options(), tso=bool(parameters.get("meta.visit.tsovisit")))
        except NotBuiltError as error:
            return str(error)
        return ""

    def planned_references(self, parameters: Mapping[str, Any]) -> list[str]:
        """Reference types that a run would ask for."""
        from jwst.clean_flicker_noise.science_regions import region_references

        types = list(self.reference_file_types)
        if not self.mask_science_regions or self.user_mask is not None:
            return types
        return list(dict.fromkeys([*types, *region_references(parameters.get("meta.exposure.type"))]))

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the result, and of mask, background and noise where they are saved."""
        name = self.search_attr("_input_filename")
        wanted = {"mask": self.save_mask, "flicker_bkg": self.save_background, "flicker_noise": self.save_noise}
        extra = [self.planned_path(suffix=suffix, output_file=name) for suffix, saved in wanted.items() if saved]
        return [*extra, *super().planned_products(parameters)]

    def _options(self) -> Options:
        """The parameters of this run."""
        from jwst.clean_flicker_noise.exposure import Options

        values = {name: getattr(self, name) for name in _OPTIONS}
        for name in ("background_method", "user_mask"):
            values[name] = None if str(values[name]).strip().lower() in ("none", "") else values[name]
        box = tuple(self.background_box_size) if self.background_box_size else None
        return Options(**values, background_box_size=box)

    def _refuse(self, exp_type: str, options: Options, *, tso: bool) -> None:
        """Refuse what needs a step that is not part of this release."""
        from jwst.clean_flicker_noise.exposure import median_image_needs

        needs = median_image_needs(exp_type, tso=tso) if options.background_method == "median_image" else ""
        if needs:
            raise NotBuiltError(
                f"clean_flicker_noise with background_method='median_image' needs {needs} for exposures of type "
                f"{exp_type}, to scale the median image to the light curve; that is not part of this release. Use "
                "background_method='model' (smooth background), 'median' (one value) or None. This concerns NIS_SOSS, "
                "NRS_BRIGHTOBJ, NRC_TSGRISM, NRC_TSIMAGE and time series of MIR_IMAGE; other types have 'median_image'"
            )

    def _clean(self, model: Any, options: Options) -> str:
        """Clean a model in place, or say why that is not possible."""
        from jwst.assign_wcs.util import MSAFileError, NoDataOnDetectorError
        from jwst.clean_flicker_noise.noise_removal import Removal, reason_of_mask

        removal = Removal(model, lambda integrations: self._draft(model, integrations))
        if options.apply_flat_field or self.autoparam:
            removal.flat = self._flat(model)
        if self.autoparam:
            options = self._chosen(removal, options)
        if not options.apply_flat_field:
            removal.flat = None
        try:
            mask = self._mask(removal, options)
        except (MSAFileError, NoDataOnDetectorError) as error:
            return f"The science regions cannot be found: {error}"
        reason = reason_of_mask(mask, model.data.shape)
        if reason:
            return reason
        median = removal.median_image() if options.background_method == "median_image" else None
        if options.background_method == "median_image" and median is None:
            return "No integration has a usable rate, so that there is no median image"
        if self.save_mask:
            self._save_product(model, mask.astype("float32"), "mask")
        kept = self._kept(model)
        removal.clean(mask, options, median, kept)
        for array, suffix in ((kept.background, "flicker_bkg"), (kept.noise, "flicker_noise")):
            if array is not None:
                self._save_product(model, array, suffix)
        return ""

    def _flat(self, model: Any) -> np.ndarray | None:
        """The flat field without gaps, or None."""
        from jwst.clean_flicker_noise.flat import fill_flat

        with self.reference(model, "flat", required=False) as reference:
            if reference is None:
                log.warning("There is no flat for this exposure; none is used")
                return None
            flat = reference.array("data")
        if flat is None or flat.shape != model.data.shape[-2:]:
            raise InputError(
                f"The flat {reference.name} has an image of {None if flat is None else flat.shape} pixels, and the "
                f"exposure of {model.data.shape[-2:]}"
            )
        return fill_flat(flat)

    def _chosen(self, removal: Removal, options: Options) -> Options:
        """Options with those that suit the image."""
        from jwst.clean_flicker_noise.autoparam import choose, limits_for, mean_rate, measure
        from jwst.clean_flicker_noise.exposure import line_axis, normalised

        model = removal.model
        instrument = _AUTOPARAM_TYPES.get(model.meta.exposure.type)
        if instrument is None:
            log.warning(
                "autoparam knows no rules for exposures of type %s; nothing is changed", model.meta.exposure.type
            )
            return options
        rate = mean_rate(removal.rate(False))
        found = measure(removal.flat_fielded(rate), line_axis(model), niriss=instrument == "NIRISS")
        choice = choose(found, limits_for(instrument))
        log.info("autoparam: %s of the image lead to %s", found, choice)
        return normalised(
            replace(
                options,
                apply_flat_field=removal.flat is not None,
                background_method=choice.background_method,
                fit_by_channel=choice.fit_by_channel,
            ),
            model,
        )

    def _mask(self, removal: Removal, options: Options) -> np.ndarray:
        """Mask of the background: that of the user, or one made from the rate."""
        from jwst.clean_flicker_noise.noise_removal import read_mask

        if options.user_mask is not None:
            with self.open_model(options.user_mask) as model:
                return read_mask(model)
        excluded = self._excluded(removal.model) if options.mask_science_regions else None
        return removal.scene(options, excluded)

    def _draft(self, model: Any, integrations: bool) -> np.ndarray:
        """Rate of ramps, or those of their integrations, with the defaults of ramp_fit."""
        from jwst.clean_flicker_noise.inputs import draft_rate_of

        log.info("Fitting a draft rate to find the background in")
        return draft_rate_of(model, self.parent, integrations=integrations)

    def _excluded(self, model: Any) -> np.ndarray | None:
        """Pixels of science regions."""
        from jwst.clean_flicker_noise.nirspec_regions import REGION_TYPES, SHUTTER_TYPES
        from jwst.clean_flicker_noise.nirspec_steps import region_of
        from jwst.clean_flicker_noise.science_regions import flagged_pixels, soss_region

        exp_type = model.meta.exposure.type
        if exp_type == "NIS_SOSS":
            return soss_region(model, self.get_reference_file(model, "pastasoss"))
        if exp_type in REGION_TYPES:
            return region_of(self, model, shutters=exp_type in SHUTTER_TYPES)
        return flagged_pixels(model, self)

    def _kept(self, model: Any) -> Kept:
        """Room for what is removed, as far as it is saved."""
        import numpy as np

        from jwst.clean_flicker_noise.clean_flicker_noise import Kept

        wanted = (self.save_background, self.save_noise)
        return Kept(*(np.zeros(model.data.shape, np.float32) if saved else None for saved in wanted))

    def _save_product(self, model: Any, array: np.ndarray, suffix: str) -> None:
        """Save a product that belongs to the exposure."""
        from jwst.clean_flicker_noise.products import product_of

        self.save_model(product_of(model, array), suffix=suffix, output_file=model.meta.filename, force=True)
