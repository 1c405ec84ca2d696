"""The tweakreg step: parameters, catalogues, products. Source: spec tweakreg.md."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from jwst.lib.assignment import unvalidated
from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from jwst.tweakreg.correctors import SipOptions
    from jwst.tweakreg.custom_catalogs import CustomCatalogs

__all__ = ["TweakRegStep"]

log = logging.getLogger(__name__)

_FIT_GEOMETRIES = {
    "shift": "move",
    "rshift": "move and turn",
    "rscale": "move, turn and scale",
    "general": "move, turn, scale and skew",
}
_POINTING = ("v2_ref", "v3_ref", "ra_ref", "dec_ref", "roll_ref", "v3yangle", "vparity")
_FIT_OPTIONS = ("minobj", "nclip", "sigma", "searchrad", "separation", "tolerance", "use2dhist")


@dataclass(frozen=True)
class Exposure:
    """What is kept of an exposure between the catalogues and the result.

    Parameters
    ----------
    corrector : tweakwcs.correctors.JWSTWCSCorrector
    saved : str or None
        Name of the file of its catalogue.
    date : str or None
        Day of the observation.
    wcsinfo : mapping of str to float
        Pointing.
    """

    corrector: Any
    saved: str | None
    date: str | None
    wcsinfo: Mapping[str, float]


class TweakRegStep(Step):
    """Align exposures to each other, and to a catalogue."""

    class_alias = "tweakreg"

    save_catalogs = Param(False, "save the catalogues of sources")
    use_custom_catalogs = Param(False, "take catalogues of yours: of catfile, association or metadata")
    catalog_format = Param("ecsv", "format of saved catalogues", choices=["ecsv", "fits"])
    catfile = Param("", "list of exposures and their catalogues: two file names per line")
    starfinder = Param("iraf", "how sources are found", choices=["iraf", "dao", "segmentation"])

    snr_threshold = Param(10.0, "faintest sources, in standard deviations of the background")
    kernel_fwhm = Param(2.5, "full width at half maximum of the stars", unit="pixel")
    bkg_boxsize = Param(400, "boxes in which the background is measured", unit="pixel")

    minsep_fwhm = Param(0.0, "iraf, dao: least distance of sources, in units of kernel_fwhm")
    sigma_radius = Param(1.5, "iraf, dao: radius of the kernel, in units of its sigma")
    sharplo = Param(0.5, "iraf, dao: least sharpness")
    sharphi = Param(2.0, "iraf, dao: largest sharpness")
    roundlo = Param(0.0, "iraf, dao: least roundness; dao: better -1")
    roundhi = Param(0.2, "iraf, dao: largest roundness")
    brightest = Param(200, "iraf, dao: keep only so many sources")
    peakmax = Param(None, "iraf, dao: leave out sources with brighter pixels", type=float)

    npixels = Param(10, "segmentation: least number of connected pixels")
    connectivity = Param(8, "segmentation: neighbours of a pixel", choices=[4, 8], type=int)
    nlevels = Param(32, "segmentation: levels to tell sources apart")
    contrast = Param(0.001, "segmentation: least part of the flux of a source of its own")
    multithresh_mode = Param("exponential", "segmentation: levels", choices=["exponential", "linear", "sinh"])
    localbkg_width = Param(0, "segmentation: width of a ring for the local background", unit="pixel")
    apermask_method = Param("correct", "segmentation: neighbours in apertures", choices=["correct", "mask", "none"])
    kron_params = Param(None, "segmentation: scale and least radii of Kron apertures", type=list[float], max_length=3)
    deblend = Param(True, "segmentation: tell overlapping sources apart")

    enforce_user_order = Param(False, "align exposures in their order, not by overlap")
    expand_refcat = Param(False, "add sources of aligned exposures to those that the next ones are aligned to")
    minobj = Param(15, "least number of matched sources")
    fitgeometry = Param("rshift", "what may be corrected", choices=_FIT_GEOMETRIES)
    nclip = Param(3, "rounds of clipping in the fit", ge=0)
    sigma = Param(3.0, "limit of the clipping", ge=0, unit="sigma")
    searchrad = Param(2.0, "radius in which a match is looked for", unit="arcsec")
    use2dhist = Param(True, "guess the shift from a histogram")
    separation = Param(1.0, "least distance of sources that are matched", unit="arcsec")
    tolerance = Param(0.7, "largest distance of a match", unit="arcsec")
    xoffset = Param(0.0, "guess of the shift without histogram", unit="arcsec")
    yoffset = Param(0.0, "guess of the shift without histogram", unit="arcsec")

    abs_refcat = Param("", "catalogue of true places: a file, GAIADR3, GAIADR2, GAIADR1 or GAIAREFCAT; empty for none")
    save_abs_catalog = Param(False, "save the stars of Gaia")
    abs_minobj = Param(15, "abs_refcat: least number of matched sources")
    abs_fitgeometry = Param("rshift", "abs_refcat: what may be corrected", choices=_FIT_GEOMETRIES)
    abs_nclip = Param(3, "abs_refcat: rounds of clipping in the fit", ge=0)
    abs_sigma = Param(3.0, "abs_refcat: limit of the clipping", ge=0, unit="sigma")
    abs_searchrad = Param(6.0, "abs_refcat: radius in which a match is looked for", unit="arcsec")
    abs_use2dhist = Param(True, "abs_refcat: guess the shift from a histogram")
    abs_separation = Param(1.0, "abs_refcat: least distance of sources that are matched", unit="arcsec")
    abs_tolerance = Param(0.7, "abs_refcat: largest distance of a match", unit="arcsec")

    sip_approx = Param(True, "write a FITS approximation of the new world coordinates")
    sip_max_pix_error = Param(0.01, "largest error of the approximation", unit="pixel")
    sip_degree = Param(None, "degree of its polynomials", type=int, le=6)
    sip_max_inv_pix_error = Param(0.01, "largest error of its inverse", unit="pixel")
    sip_inv_degree = Param(None, "degree of the polynomials of the inverse", type=int, le=6)
    sip_npoints = Param(12, "points along each axis that the polynomials are fitted to")

    output_use_model = Param(True, "name products after the exposures")
    in_memory = Param(True, "keep the exposures in memory; else at most one, and changed ones in files")

    def process(self, step_input: Any) -> Any:
        """Align exposures.

        Parameters
        ----------
        step_input : association, path of one, list of paths or models, ModelContainer or ModelLibrary
            Exposures with world coordinates.

        Returns
        -------
        ModelLibrary
            ``meta.cal_step.tweakreg`` says COMPLETE where the exposures were treated, and FAILED where nothing could be
            aligned.

        Raises
        ------
        InputError
            There is no exposure, or one has no world coordinates or a catalogue that cannot be used.
        ParameterError
            ``catfile`` or ``abs_refcat`` cannot be used.
        CatalogServiceError
            The stars of Gaia cannot be had (an OSError).
        """
        from jwst.lib.exposures import open_library, refuse_mixed

        library = open_library(self, step_input, on_disk=not self.in_memory)
        if len(library) == 0:
            raise InputError("There is no exposure to align")
        refuse_mixed(library)
        groups = len(library.group_names)
        if groups == 1 and not (self._refcat() or self.save_catalogs):
            log.warning("All exposures are of one group: there is nothing to align them to")
            log.warning("The step %s does nothing; give abs_refcat to align one group to a catalogue", self.name)
            return self._record(library, "FAILED")
        exposures = self._exposures(library)
        exposures, aligned = self._align(exposures, groups)
        return self._finish(library, exposures, aligned)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the results, and of the catalogues that are saved where the exposures are known."""
        from stpipe.run_state import current_state

        products = super().planned_products(parameters)
        if not self.save_catalogs or self.use_custom_catalogs:
            return products
        state = current_state()
        names = (state.outermost.planned_inputs if state is not None else None) or ()
        return [*(self._catalog_path(name) for name in names if name), *products]

    def _refcat(self) -> str:
        """Catalogue of true places; empty where there is none."""
        return (self.abs_refcat or "").strip()

    def _exposures(self, library: Any) -> list[Exposure]:
        """Catalogue and world coordinates of each exposure; at most one is open."""
        custom = self._custom_catalogs(library)
        return list(library.map_function(partial(self._exposure, custom, library), modify=False))

    def _exposure(self, custom: CustomCatalogs | None, library: Any, model: Any, index: int) -> Exposure:
        from jwst.tweakreg.correctors import exposure_name, make_corrector
        from jwst.tweakreg.custom_catalogs import for_alignment

        corrector = make_corrector(model, group_id=_group_of(library, index))
        path = custom.path_for(model) if custom is not None else ""
        catalog = _user_table(path, model) if path else self._found(model)
        catalog = for_alignment(catalog, model.meta.wcs, path or f"of {model.meta.filename}")
        catalog.meta["name"] = exposure_name(model)
        log.info("%s: %d sources%s", model.meta.filename, len(catalog), f" of {path}" if path else "")
        corrector.meta["catalog"] = catalog
        saved = self._saved(catalog, model) if self.save_catalogs and not path else None
        wcsinfo = {name: getattr(model.meta.wcsinfo, name) for name in _POINTING}
        return Exposure(corrector, saved, model.meta.observation.date, wcsinfo)

    def _custom_catalogs(self, library: Any) -> CustomCatalogs | None:
        """Where catalogues of users are, if they are wanted."""
        if not self.use_custom_catalogs:
            return None
        from jwst.tweakreg.custom_catalogs import CustomCatalogs, read_catfile

        path = (self.catfile or "").strip()
        listed = read_catfile(self.make_input_path(path)) if path else {}
        return CustomCatalogs(listed, library.asn_dir)

    def _found(self, model: Any) -> Any:
        """Catalogue made here."""
        from jwst.tweakreg.tweakreg_catalog import make_tweakreg_catalog

        options = self._segment_options() if self.starfinder == "segmentation" else self._star_options()
        catalog, _ = make_tweakreg_catalog(
            model, self.snr_threshold, self.kernel_fwhm, self.bkg_boxsize, None, self.starfinder, options, full=False
        )
        return catalog

    def _star_options(self) -> dict[str, Any]:
        """Parameters of iraf and dao, under the names of photutils."""
        from jwst.tweakreg.starfinders import least_separation

        return {
            "sigma_radius": self.sigma_radius,
            "sharpness_range": (self.sharplo, self.sharphi),
            "roundness_range": (self.roundlo, self.roundhi),
            "n_brightest": self.brightest,
            "peak_max": self.peakmax,
            "min_separation": least_separation(self.minsep_fwhm, self.kernel_fwhm),
        }

    def _segment_options(self) -> dict[str, Any]:
        """Parameters of segmentation, under the names of photutils."""
        return {
            "n_pixels": self.npixels,
            "connectivity": self.connectivity,
            "n_levels": self.nlevels,
            "contrast": self.contrast,
            "mode": self.multithresh_mode,
            "deblend": self.deblend,
            "local_bkg_width": self.localbkg_width,
            "aperture_mask_method": self.apermask_method,
            "kron_params": tuple(self.kron_params) if self.kron_params else None,
        }

    def _catalog_path(self, name: str) -> str:
        """Path of the catalogue of an exposure."""
        stem = f"{os.path.splitext(os.path.basename(name))[0]}_cat"
        return self.make_output_path(basepath=stem, suffix=False, ext=f".{self.catalog_format}")

    def _saved(self, catalog: Any, model: Any) -> str:
        """Save the catalogue of an exposure; gives the name of the file."""
        path = self._catalog_path(model.meta.filename or "exposure")
        return self._save_table(catalog, os.path.splitext(os.path.basename(path))[0], self.catalog_format)

    def _save_table(self, table: Any, stem: str, extension: str) -> str:
        from jwst.tweakreg.products import TableFile

        path = self.save_model(TableFile(table), suffix=False, output_file=stem, force=True, ext=f".{extension}")
        return os.path.basename(str(path))

    def _align(self, exposures: list[Exposure], groups: int) -> tuple[list[Exposure], bool]:
        """Align exposures to each other and to a catalogue; False where that fails."""
        if groups == 1 and not self._refcat():
            log.warning("All exposures are of one group, and there is no abs_refcat: nothing is aligned")
            return exposures, False
        relative = groups > 1 and self._relative([one.corrector for one in exposures])
        if not self._refcat():
            return exposures, relative
        if groups > 1 and not relative:
            exposures = _undone(exposures)
        return exposures, self._absolute(exposures)

    def _relative(self, correctors: Sequence[Any]) -> bool:
        from jwst.tweakreg.alignment import AlignmentFailed, Fit, align_relative

        given = {name: getattr(self, name) for name in (*_FIT_OPTIONS, "xoffset", "yoffset")}
        expand = bool(self.expand_refcat or self._refcat())
        try:
            align_relative(
                correctors,
                Fit(fitgeom=self.fitgeometry, **given),
                enforce_user_order=self.enforce_user_order,
                expand_refcat=expand,
            )
        except AlignmentFailed as error:
            log.warning("The exposures cannot be aligned to each other: %s", error)
            return False
        return True

    def _absolute(self, exposures: Sequence[Exposure]) -> bool:
        from jwst.tweakreg.alignment import AlignmentFailed, Fit, align_absolute

        name = self._refcat()
        correctors = [one.corrector for one in exposures]
        fit = Fit(fitgeom=self.abs_fitgeometry, **{key: getattr(self, f"abs_{key}") for key in _FIT_OPTIONS})
        try:
            fit.check_separation("abs_")
            align_absolute(correctors, self._reference(name, exposures), fit, name=name)
        except AlignmentFailed as error:
            log.warning("The exposures cannot be aligned to %s: %s. No exposure is changed", name, error)
            return False
        return True

    def _reference(self, name: str, exposures: Sequence[Exposure]) -> Any:
        """Catalogue of true places."""
        from jwst.tweakreg.reference_catalogs import GAIA_CATALOGS, find_region, read_gaia, read_table_of_places

        if name.upper() not in GAIA_CATALOGS:
            return read_table_of_places(name)
        first = exposures[0]
        region = find_region([one.corrector.wcs for one in exposures], first.wcsinfo, first.date or "")
        catalog = read_gaia(name, region)
        if self.save_abs_catalog:
            self._save_table(catalog, f"fit_{name.lower()}_ref", "ecsv")
        return catalog

    def _finish(self, library: Any, exposures: Sequence[Exposure], aligned: bool) -> Any:
        """Write the new world coordinates and the status into the exposures."""
        with library:
            for index, exposure in enumerate(exposures):
                model = library.borrow(index)
                with unvalidated(model):
                    self._write(model, exposure, aligned)
                library.shelve(model, index)
                del model
        return library

    def _write(self, model: Any, exposure: Exposure, aligned: bool) -> None:
        """Write into an exposure what has become of it."""
        model.meta.cal_step.tweakreg = "COMPLETE" if aligned else "FAILED"
        if exposure.saved:
            model.meta.tweakreg_catalog = exposure.saved
        if aligned:
            self._apply(model, exposure.corrector)

    def _apply(self, model: Any, corrector: Any) -> None:
        """Give an exposure its new world coordinates, if it has any."""
        from jwst.tweakreg.alignment import is_aligned
        from jwst.tweakreg.correctors import update_world_coordinates

        if not is_aligned(corrector):
            return
        wcs = corrector.wcs
        if self._refcat():
            wcs.name = f"FIT-LVL3-{self._refcat()}"
        model.meta.wcs = wcs
        update_world_coordinates(model, self._sip_options())

    def _sip_options(self) -> SipOptions | None:
        from jwst.tweakreg.correctors import SipOptions

        if not self.sip_approx:
            return None
        return SipOptions(
            self.sip_max_pix_error,
            self.sip_degree,
            self.sip_max_inv_pix_error,
            self.sip_inv_degree,
            self.sip_npoints,
        )

    def _record(self, library: Any, status: str) -> Any:
        """Write a status into all exposures."""
        from jwst.stpipe.utilities import record_step_status

        record_step_status(library, "tweakreg", status=status)
        return library


def _undone(exposures: Sequence[Exposure]) -> list[Exposure]:
    """Exposures without what a failed alignment has left in their world coordinates."""
    from jwst.tweakreg.correctors import undone

    return [replace(one, corrector=undone(one.corrector)) for one in exposures]


def _group_of(library: Any, index: int) -> Any:
    """Group id of a member."""
    return next(group for group, members in library.group_indices.items() if index in members)


def _user_table(path: str, model: Any) -> Any:
    """Catalogue of a user."""
    from jwst.tweakreg.custom_catalogs import read_table

    return read_table(path, f"The catalogue of {model.meta.filename}")
