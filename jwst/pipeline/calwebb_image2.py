"""calwebb_image2: count rates to calibrated images (spec pipeline_image2.md)."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from jwst.assign_wcs.assign_wcs_step import AssignWcsStep
from jwst.background.background_step import BackgroundStep
from jwst.flatfield.flat_field_step import FlatFieldStep
from jwst.lib.exposures import WrongKindError
from jwst.photom.photom_step import PhotomStep
from jwst.pipeline.level2_products import Level2Product, planned_paths, products_of, raise_failures
from jwst.resample.resample_step import ResampleStep
from jwst.stpipe import Pipeline
from stpipe import Param
from stpipe.exceptions import RunError

__all__ = ["Image2Pipeline"]

log = logging.getLogger(__name__)

_COMBINED_TYPES = ("MIR_IMAGE", "NRC_IMAGE", "NIS_IMAGE", "FGS_IMAGE")
_REFERENCES = ("distortion", "filteroffset", "flat", "photom", "area")
_CLASSES = ("ImageModel", "CubeModel")
_STEPS = ("assign_wcs", "flat_field", "photom")


class Image2Pipeline(Pipeline):
    """Calibrate images: backgrounds, coordinates, flat field and flux; a resampled image of each exposure beside it."""

    class_alias = "calwebb_image2"

    save_bsub = Param(False, "deprecated: save the exposure after its background is subtracted")

    step_defs = {
        "bkg_subtract": BackgroundStep,
        "assign_wcs": AssignWcsStep,
        "flat_field": FlatFieldStep,
        "photom": PhotomStep,
        "resample": ResampleStep,
    }

    bkg_subtract: BackgroundStep
    assign_wcs: AssignWcsStep
    flat_field: FlatFieldStep
    photom: PhotomStep
    resample: ResampleStep

    @property
    def reference_file_types(self) -> list[str]:  # type: ignore[override]
        """Reference types of the steps that are not skipped, without those for spectra."""
        return [kind for kind in super().reference_file_types if kind in _REFERENCES]

    def planned_steps(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the steps in order; bkg_subtract runs only where an association names backgrounds."""
        last = ("resample",) if _is_combined(parameters) else ()
        return ("bkg_subtract", *_STEPS, *last)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the calibrated images."""
        return planned_paths(self, _suffix(parameters), each=True) if self.save_results else []

    def planned_step_products(self, key: str, parameters: Mapping[str, Any]) -> list[str]:
        """Paths that a step writes."""
        if key == "resample":
            return planned_paths(self.resample, "i2d", each=True) if self.save_results else []
        if key == "bkg_subtract":
            return []
        return super().planned_step_products(key, parameters)

    def process(self, input_data: Any) -> list[Any]:
        """Process the products of an association, or single exposures.

        Parameters
        ----------
        input_data : str, Path, association, data model or list
            Path or association of level 2, path or model of an exposure, or a list of these.

        Returns
        -------
        list of ImageModel and CubeModel
            One for each product.

        Raises
        ------
        NoScienceError
            A product has no science exposure (also an IndexError).
        WrongKindError
            An exposure is neither an image nor a cube of count rates (also a TypeError).
        Exception
            Whatever a step raises. Of several products all are tried first, and those that are done are saved.
        """
        log.info("Starting %s", self.class_alias)
        if self.save_bsub:
            _warn_of_save_bsub()
            self.bkg_subtract.save_results = True
        products = products_of(self, input_data)
        results: list[Any] = []
        failures: list[tuple[str, Exception]] = []
        for product in products:
            try:
                results.append(self._process_product(product))
            except RunError:
                raise
            except Exception as error:
                if len(products) == 1:
                    raise
                log.error("The product %s failed: %s", product.name, error)
                failures.append((product.name, error))
        self._name_results(results, several=len(products) > 1)
        if failures:
            self._save_finished(results)
            raise_failures(failures, len(products))
        log.info("Ending %s", self.class_alias)
        return results

    def _process_product(self, product: Level2Product) -> Any:
        """Calibrate one exposure, and write what belongs to it besides the result."""
        log.info("Processing product %s", product.name)
        self.output_file = product.output_file
        model = self.prepare_output(product.science())
        _refuse_other_classes(model)
        model.meta.asn.pool_name, model.meta.asn.table_name = product.pool_name, product.table_name
        model.meta.filename = product.output_file
        if product.backgrounds:
            self.bkg_subtract.suffix = "bsubints" if _is_cube(model) else "bsub"
            model = self.bkg_subtract.run(model, list(product.backgrounds))
        for key in _STEPS:
            model = getattr(self, key).run(model)
        if model.meta.exposure.type in _COMBINED_TYPES and not _is_cube(model):
            self._resample(model)
        suffix = "calints" if _is_cube(model) else "cal"
        model.meta.filename = os.path.basename(self.make_output_path(basepath=product.output_file, suffix=suffix))
        return model

    def _resample(self, model: Any) -> None:
        """Write the resampled image, which is not kept; a skipped step says so in the calibrated image."""
        self.resample.save_results = self.resample.save_results or self.save_results
        self.resample.suffix = "i2d"
        combined = self.resample.run(model)
        if combined is not model and hasattr(combined, "close"):
            combined.close()

    def _name_results(self, results: Sequence[Any], *, several: bool) -> None:
        """Have the results saved under the names of their products."""
        self.suffix = False
        if several:
            folder = os.path.abspath(os.path.dirname(str(self.output_file or "")))
            if not self.search_attr("output_dir") and folder != os.getcwd():
                self.output_dir = folder  # that of the output_file of a list
            self.output_file, self.output_use_model = None, True
        elif results:
            self.suffix = "calints" if _is_cube(results[0]) else "cal"

    def _save_finished(self, results: Sequence[Any]) -> None:
        """Save what is done of a run that is going to end with an error."""
        if self.save_results:
            for model in results:
                self.finalize_result(model, [])
                self.save_model(model)


def _refuse_other_classes(model: Any) -> None:
    """Refuse what is neither an image of count rates nor a cube of them."""
    shape = None if getattr(model, "data", None) is None else model.data.shape
    if type(model).__name__ not in _CLASSES or not shape or 0 in shape:
        raise WrongKindError(
            f"{model.meta.filename or 'The exposure'} is a {type(model).__name__} of shape {shape}; calwebb_image2 "
            "calibrates count rates (ImageModel) and those of integrations (CubeModel). Raw ramps need "
            "calwebb_detector1 first"
        )


def _is_combined(parameters: Mapping[str, Any]) -> bool:
    return parameters.get("meta.exposure.type") in _COMBINED_TYPES and _suffix(parameters) == "cal"


def _suffix(parameters: Mapping[str, Any]) -> str:
    """Suffix of the result, by the class that the input names."""
    return "calints" if parameters.get("meta.model_type") == "CubeModel" else "cal"


def _is_cube(model: Any) -> bool:
    return model.data.ndim == 3


def _warn_of_save_bsub() -> None:
    text = "save_bsub is deprecated; use save_results of the step: steps={'bkg_subtract': {'save_results': True}}"
    warnings.warn(text, DeprecationWarning, stacklevel=4)
    log.warning("%s", text)
