"""The background step: parameters, the list of backgrounds, models. Source: spec background.md."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from jwst.stpipe import Step
from jwst.stpipe.inputs import is_model
from stpipe import Param
from stpipe.exceptions import InputError, NotBuiltError

__all__ = ["BackgroundStep"]

log = logging.getLogger(__name__)

_NOT_BUILT = ("NIS_WFSS", "NRC_WFSS", "MIR_WFSS", "NIS_SOSS")


class BackgroundStep(Step):
    """Subtract the average of background exposures."""

    class_alias = "bkg_subtract"
    reference_file_types = ["bkg", "wavelengthrange"]

    bkg_list = Param(None, "background exposures, where none come otherwise", type=list[str])
    save_combined_background = Param(False, "save the average of the backgrounds")
    sigma = Param(3.0, "clip of outliers among the backgrounds", unit="sigma")
    maxiters = Param(None, "repetitions of the clip; None until nothing changes", type=int)
    soss_source_percentile = Param(35.0, "SOSS: pixels above this are of the source", unit="percent")
    soss_bkg_percentile = Param(
        None,
        "SOSS: lower and upper limit of the background",
        min_length=2,
        max_length=2,
        unit="percent",
        type=list[float],
    )
    wfss_mmag_extract = Param(None, "WFSS: faintest sources that are masked", unit="mag", type=float)
    wfss_mask = Param(None, "WFSS: file with a mask of the background", type=str)
    wfss_maxiter = Param(5, "WFSS: most rejections of outliers")
    wfss_rms_stop = Param(0.0, "WFSS: stop where a rejection gains less", unit="percent")
    wfss_outlier_percent = Param(1.0, "WFSS: pixels rejected each time", unit="percent")

    def process(self, step_input: Any, input_bkg_list: Any = None) -> Any:
        """Subtract the background of an exposure.

        Parameters
        ----------
        step_input : str, Path, data model or association of level 2
            The science exposure: a rate image, or a cube of rates.
        input_bkg_list : str or sequence of str or data model, optional
            Background exposures; a text is taken apart at commas. Those of the association win over these, and these
            over the parameter ``bkg_list``.

        Returns
        -------
        data model
            Of the class of the science exposure.

        Raises
        ------
        InputError
            An exposure cannot be used; the text says which and why.
        NotBuiltError
            Grism and SOSS exposures, whose background comes from a reference.
        """
        science, members = self._members(step_input)
        model = self.prepare_output(science)
        if model.meta.exposure.type in _NOT_BUILT:
            raise NotBuiltError(self._refusal(model.meta.exposure.type))
        _check(model)
        backgrounds = members or _listed(input_bkg_list) or _listed(self.bkg_list)
        if not backgrounds:
            return self._skipped(model, "there are no background exposures")
        paths = [source if is_model(source) else self.make_input_path(source) for source in backgrounds]
        return self._subtracted(model, paths)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the result, and of the average of the backgrounds where that is saved."""
        extra = [self.planned_path(suffix="combinedbackground")] if self.save_combined_background else []
        return [*extra, *super().planned_products(parameters)]

    def planned_references(self, parameters: Mapping[str, Any]) -> list[str]:
        """Reference types that a run would ask for: none but for grisms and SOSS."""
        return list(self.reference_file_types) if parameters.get("meta.exposure.type") in _NOT_BUILT else []

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say that a run would refuse grism and SOSS exposures."""
        exp_type = parameters.get("meta.exposure.type")
        return self._refusal(exp_type) if exp_type in _NOT_BUILT else ""

    def _refusal(self, exp_type: Any) -> str:
        return (
            f"The background subtraction of {exp_type} is not part of this release. Switch the step off: "
            f"steps={{'{self.name}': {{'skip': True}}}}"
        )

    def _subtracted(self, model: Any, sources: Sequence[Any]) -> Any:
        """Subtract backgrounds from a model in place."""
        from jwst.background.average import Clipping
        from jwst.background.background_sub import combined, open_backgrounds, subtract, tilts_differ

        with open_backgrounds(model, sources) as backgrounds:
            if model.meta.instrument.name == "NIRSPEC" and tilts_differ(model, backgrounds):
                return self._skipped(model, "the grating wheel (GWA_XTIL, GWA_YTIL) stood otherwise for a background")
            wanted = self.save_combined_background
            average = subtract(model, backgrounds, Clipping(self.sigma, self.maxiters), errors=wanted)
        if wanted:
            self.save_model(combined(*average), suffix="combinedbackground", force=True)
        return self.complete(model)

    def _skipped(self, model: Any, reason: str) -> Any:
        """Record that the exposure stays as it is."""
        log.warning("The step %s is skipped: %s", self.name, reason)
        model.meta.cal_step.bkg_subtract = "SKIPPED"
        return model

    def _members(self, step_input: Any) -> tuple[Any, list[Any]]:
        """The science exposure and the backgrounds of an input."""
        path = os.fspath(step_input) if isinstance(step_input, str | os.PathLike) else ""
        if is_model(step_input) or (path and not path.endswith((".json", ".yaml", ".yml"))):
            return step_input, []
        products = self.load_as_level2_asn(step_input)["products"]
        if len(products) > 1:
            log.warning("The input has %d products; only the first one is processed", len(products))
        kinds: dict[str, list[Any]] = {}
        for member in products[0]["members"] if products else []:
            kinds.setdefault(str(member["exptype"]).lower(), []).append(member["expname"])
        science = kinds.get("science", [])
        if not science:
            raise InputError(f"There is no science exposure in the association {path or 'given'}")
        if len(science) > 1:
            log.warning("The product has %d science exposures; only the first one is processed", len(science))
        return science[0], kinds.get("background", [])


def _listed(backgrounds: Any) -> list[Any]:
    """Backgrounds as a list, without empty names."""
    if backgrounds is None:
        return []
    if isinstance(backgrounds, str):
        backgrounds = [name.strip() for name in backgrounds.split(",")]
    elif is_model(backgrounds) or isinstance(backgrounds, os.PathLike):
        backgrounds = [backgrounds]
    return [one for one in backgrounds if not (isinstance(one, str) and not one)]


def _check(model: Any) -> None:
    """Refuse what is no image and no cube."""
    data = getattr(model, "data", None)
    if data is None or data.ndim not in (2, 3) or data.size == 0:
        shape = None if data is None else data.shape
        raise InputError(
            f"The background is subtracted from rate images and cubes of rates; the data of this "
            f"{type(model).__name__} are {shape}"
        )
