"""calwebb_image3: calibrated images to a mosaic and a catalogue of its sources (spec pipeline_image3.md)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from jwst.assign_mtwcs.assign_mtwcs_step import AssignMTWcsStep
from jwst.outlier_detection.outlier_detection_step import OutlierDetectionStep
from jwst.pipeline.level2_products import planned_inputs, planned_paths
from jwst.resample.resample_step import ResampleStep
from jwst.skymatch.skymatch_step import SkyMatchStep
from jwst.source_catalog.source_catalog_step import SourceCatalogStep
from jwst.stpipe import Pipeline, query_step_status
from jwst.stpipe.inputs import is_model
from jwst.tweakreg.tweakreg_step import TweakRegStep
from stpipe import Param

__all__ = ["Image3Pipeline"]

log = logging.getLogger(__name__)

_LAST = ("skymatch", "outlier_detection", "resample", "source_catalog")


class Image3Pipeline(Pipeline):
    """Align images, match their sky, flag what is in one of them only, combine them, and list the sources."""

    class_alias = "calwebb_image3"

    in_memory = Param(True, "False keeps the exposures in temporary files; for all steps")

    step_defs = {
        "assign_mtwcs": AssignMTWcsStep,
        "tweakreg": TweakRegStep,
        "skymatch": SkyMatchStep,
        "outlier_detection": OutlierDetectionStep,
        "resample": ResampleStep,
        "source_catalog": SourceCatalogStep,
    }

    assign_mtwcs: AssignMTWcsStep
    tweakreg: TweakRegStep
    skymatch: SkyMatchStep
    outlier_detection: OutlierDetectionStep
    resample: ResampleStep
    source_catalog: SourceCatalogStep

    def _active_steps(self) -> Iterator[Any]:
        """Yield the sub-steps whose references are looked up in advance; without a mosaic there is no catalogue."""
        without = self.source_catalog if self.resample.skip else None
        return (step for step in super()._active_steps() if step is not without)

    def planned_steps(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the steps in order."""
        return (_first_step(parameters), *_LAST)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """None: the steps write all products."""
        return []

    def planned_step_products(self, key: str, parameters: Mapping[str, Any]) -> list[str]:
        """Paths that a step writes; those of several exposures are not told, which have names of their own."""
        if not self.save_results:
            return super().planned_step_products(key, parameters)
        if key == "outlier_detection":
            return [] if planned_inputs() else [self.outlier_detection.planned_path(suffix="crf")]
        if key == "resample":
            return planned_paths(self.resample, "i2d")[:1]
        if key == "source_catalog":
            paths = planned_paths(self.source_catalog, "cat")[:1]
            return [f"{path.removesuffix('.fits')}.ecsv" for path in paths]
        return super().planned_step_products(key, parameters)

    def process(self, input_data: Any) -> None:
        """Combine the exposures of an association, or of a list.

        Parameters
        ----------
        input_data : str, Path, association, list, ModelContainer, ModelLibrary or data model
            Calibrated images. Of an association the science members of the first product; a library is used as it is.

        Raises
        ------
        FileNotFoundError
            The input or an exposure does not exist.
        InputError
            There is no science exposure, they are of several instruments, or the name of a file is neither one of an
            exposure nor of an association (also a ValueError).
        OSError
            The association cannot be read.
        WrongKindError
            The input is nothing of all this, or exposures are no images (also a TypeError).
        """
        from jwst.lib.exposures import open_library, refuse_mixed

        log.info("Starting %s", self.class_alias)
        library = open_library(self, input_data, on_disk=not self.in_memory, exptypes=["science"])
        del input_data
        refuse_mixed(library)
        _refuse_other_classes(library)
        self._set_up(library)
        first = _first_step(library.read_metadata(0))
        library = getattr(self, first).run(library)
        library = self.skymatch.run(library)
        library = self.outlier_detection.run(library)
        combined = self.resample.run(library)
        del library
        if is_model(combined) and query_step_status(combined, "resample") == "COMPLETE":
            self.source_catalog.run(combined)
        log.info("Ending %s", self.class_alias)

    def _set_up(self, library: Any) -> None:
        """Give the steps the names of their products, and what the pipeline decides for them."""
        self.output_file = self.output_file or _product_name(library)
        self.asn_id = library.asn.get("asn_id")
        for step in self.sub_steps().values():
            if "in_memory" in step.declared_parameters():
                step.in_memory = self.in_memory
        self.outlier_detection.mode = "imaging"
        for step, suffix in ((self.outlier_detection, "crf"), (self.resample, "i2d"), (self.source_catalog, "cat")):
            step.suffix = suffix
            step.save_results = step.save_results or self.save_results


def _first_step(parameters: Mapping[str, Any]) -> str:
    """Key of the step that settles the coordinates: one for moving targets, and one for all others."""
    moving = str(parameters.get("meta.target.type", "")).lower() == "moving"
    return "assign_mtwcs" if moving else "tweakreg"


def _product_name(library: Any) -> str | None:
    """Name of the product, with an extension so that dots in it stay; None of a list."""
    name = library.asn["products"][0].get("name")
    return f"{name}.fits" if name else None


def _refuse_other_classes(library: Any) -> None:
    """Refuse exposures that are no images, before anything runs; only headers are read."""
    from jwst.lib.exposures import WrongKindError

    for index in range(len(library)):
        metadata = library.read_metadata(index)
        kind = metadata.get("meta.model_type", "ImageModel")
        if kind != "ImageModel":
            raise WrongKindError(
                f"{metadata.get('meta.filename', f'exposure {index + 1}')} is a {kind}; calwebb_image3 combines "
                "calibrated images (ImageModel)"
            )
