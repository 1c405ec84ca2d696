"""The source_catalog step: parameters, references, products. Source: spec source_catalog.md."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jwst.source_catalog.detection import Detection, check_image, detect, image_name
from jwst.source_catalog.products import CatalogFile, segmentation_model
from jwst.source_catalog.reference_data import ReferenceData, ReferenceRowsError, check_percentages, offset_table
from jwst.stpipe import Step
from jwst.stpipe.inputs import refuse_several
from stpipe import Param
from stpipe.exceptions import InputError

__all__ = ["SourceCatalogStep"]

log = logging.getLogger(__name__)

_NO_REFERENCE = ("", "N/A")
_MAP_SUFFIX = "segm"
_ECSV: dict[str, Any] = {"ext": ".ecsv"}
_FINDER_OPTIONS = {
    "sigma_radius": "sigma_radius",
    "sharplo": "sharplo",
    "sharphi": "sharphi",
    "roundlo": "roundlo",
    "roundhi": "roundhi",
    "brightest": "n_brightest",
    "peakmax": "peak_max",
    "npixels": "n_pixels",
    "connectivity": "connectivity",
    "nlevels": "n_levels",
    "contrast": "contrast",
    "multithresh_mode": "mode",
    "localbkg_width": "local_bkg_width",
    "apermask_method": "aperture_mask_method",
    "kron_params": "kron_params",
    "deblend": "deblend",
}


class SourceCatalogStep(Step):
    """Detect sources in a combined image, and measure their fluxes and shapes."""

    class_alias = "source_catalog"
    reference_file_types = ["apcorr", "abvegaoffset"]

    aperture_ee1 = Param(30, "encircled energy of the first circle", unit="percent")
    aperture_ee2 = Param(50, "encircled energy of the second circle", unit="percent")
    aperture_ee3 = Param(70, "encircled energy of the third circle", unit="percent")
    ci1_star_threshold = Param(2.0, "second flux over first, above which a source is extended")
    ci2_star_threshold = Param(1.8, "third flux over second, above which a source is extended")
    suffix = Param("cat", "Suffix of output file names", type=str)
    starfinder = Param("segmentation", "how sources are found", choices=("dao", "iraf", "segmentation"))
    snr_threshold = Param(3.0, "least signal of a source over the noise of the background", unit="sigma")
    bkg_boxsize = Param(1000, "size of the boxes that the background is measured in", ge=1, unit="pixels")
    kernel_fwhm = Param(2.0, "width of a star", gt=0, unit="pixels")
    minsep_fwhm = Param(0.0, "dao, iraf: least distance of sources, in kernel_fwhm")
    sigma_radius = Param(1.5, "dao, iraf: where the kernel ends", unit="sigma")
    sharplo = Param(0.5, "dao, iraf: least sharpness")
    sharphi = Param(2.0, "dao, iraf: greatest sharpness")
    roundlo = Param(0.0, "dao, iraf: least roundness")
    roundhi = Param(0.2, "dao, iraf: greatest roundness")
    brightest = Param(200, "dao, iraf: most sources that are kept", type=int)
    peakmax = Param(None, "dao, iraf: brightest pixel that a source may have", type=float)
    npixels = Param(25, "segmentation: least pixels of a source", ge=1)
    connectivity = Param(8, "segmentation: which pixels touch", type=int, choices=(4, 8))
    nlevels = Param(32, "segmentation: levels at which blended sources are told apart", ge=1)
    contrast = Param(0.001, "segmentation: least part of the flux that makes a source of its own", ge=0, le=1)
    multithresh_mode = Param("exponential", "segmentation: spacing", choices=("exponential", "linear", "sinh"))
    localbkg_width = Param(0, "segmentation: width of the ring of local background", unit="pixels")
    apermask_method = Param("correct", "segmentation: what neighbours do", choices=("correct", "mask", "none"))
    kron_params = Param(None, "segmentation: parameters of Kron apertures", type=list[float])
    deblend = Param(True, "segmentation: tell blended sources apart")

    def process(self, input_model: Any) -> Any:
        """Make the catalogue of an image.

        Parameters
        ----------
        input_model : ImageModel or str
            A resampled image in MJy/sr. It is not changed, except that inside a pipeline it gets the names of the
            products.

        Returns
        -------
        QTable or None
            None where there is no source, or no row for the image in the references.

        Raises
        ------
        InputError
            The image or a reference cannot be used; the text says why.
        ParameterError
            The encircled energies do not increase.
        """
        refuse_several(input_model, type(self).__name__)
        percentages = check_percentages((self.aperture_ee1, self.aperture_ee2, self.aperture_ee3))
        with self._image(input_model) as model:
            check_image(model)
            try:
                references = self._references(model, percentages)
            except ReferenceRowsError as error:
                log.warning("There is no catalogue of %s: %s", image_name(model), error)
                return None
            found = detect(model, self._detection())
            if found is None:
                log.warning("There is no catalogue of %s: no source was found in it", image_name(model))
                return None
            return self._catalogued(model, references, *found)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the segmentation map and of the catalogue, where they are saved."""
        from stpipe.outputs import SaveRequest, planned_path

        if not self.save_results:
            return []
        maps = [self.planned_path(suffix=_MAP_SUFFIX)] if self.starfinder == "segmentation" else []
        return [*maps, planned_path(self, SaveRequest(components=_ECSV))]

    def _catalogued(self, model: Any, references: ReferenceData, found: Any, segments: Any) -> Any:
        """Measure the sources that were found, and save what is to be saved."""
        from jwst.source_catalog.source_catalog import JWSTSourceCatalog

        thresholds = self.ci1_star_threshold, self.ci2_star_threshold
        circles, offset = references.aperture_params, references.abvega_offset
        measured = JWSTSourceCatalog(model, found, self.kernel_fwhm, circles, offset, thresholds, segments=segments)
        catalog = measured.catalog
        log.info("%d sources were found in %s", len(catalog), image_name(model))
        if self.save_results:
            self._save_products(model, catalog, segments)
        return catalog

    def _save_products(self, model: Any, catalog: Any, segments: Any) -> None:
        """Write the catalogue and the segmentation map; in a pipeline, tell the image what they are called."""
        path = self.save_model(CatalogFile(catalog), force=True, **_ECSV)
        names = {"source_catalog": os.path.basename(str(path))}
        if segments is not None:
            segmentation = segmentation_model(model, segments)
            segmentation.meta.source_catalog = names["source_catalog"]
            path = self.save_model(segmentation, suffix=_MAP_SUFFIX, force=True)
            names["segmentation_map"] = os.path.basename(str(path))
        if self.parent is not None:
            for key, name in names.items():
                setattr(model.meta, key, name)

    @contextmanager
    def _image(self, input_model: Any) -> Iterator[Any]:
        """Give the image; one that is opened here is closed. There is no copy, because nothing is changed."""
        model = self.prepare_output(input_model, make_copy=False)
        try:
            yield model
        finally:
            if model is not input_model:
                model.close()

    def _references(self, model: Any, percentages: tuple[int, ...]) -> ReferenceData:
        """Read both references."""
        paths = {kind: self.get_reference_file(model, kind) for kind in self.reference_file_types}
        for kind, path in paths.items():
            if isinstance(path, str) and path in _NO_REFERENCE:
                raise InputError(
                    f"There is no {kind} reference for {image_name(model)}, and no catalogue without one: give one "
                    f"with override_{kind}, or switch the step off"
                )
        with self.reference(model, "apcorr") as reference:
            apcorr = reference.table("apcorr_table") if reference is not None else None
        if apcorr is None:
            raise InputError(f"{paths['apcorr']} has no table APCORR: it is no apcorr reference of images")
        offsets = offset_table(paths["abvegaoffset"])
        return ReferenceData(model, percentages, apcorr=apcorr, abvega_offset=offsets)

    def _detection(self) -> Detection:
        """Parameters of the detection."""
        options = {name: getattr(self, own) for own, name in _FINDER_OPTIONS.items()}
        options["min_separation"] = max(2, int(self.minsep_fwhm * self.kernel_fwhm + 0.5))
        return Detection(self.starfinder, self.snr_threshold, self.kernel_fwhm, self.bkg_boxsize, options)
