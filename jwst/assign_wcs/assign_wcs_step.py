"""The assign_wcs step: parameters, references, models. Source: spec assign_wcs_*.md."""

from __future__ import annotations

import logging
import os
from collections.abc import Container, Mapping
from typing import Any

from jwst.stpipe import Step
from stpipe import Param
from stpipe.exceptions import NotBuiltError, Skip

__all__ = ["AssignWcsStep"]

log = logging.getLogger(__name__)

_MODELS = ("ImageModel", "CubeModel", "IFUImageModel")


class AssignWcsStep(Step):
    """Attach the transform from pixels to the sky and to wavelengths (images, NIRSpec spectra)."""

    class_alias = "assign_wcs"
    reference_file_types = [  # in this order: it is that of messages and of the log
        "distortion",
        "filteroffset",
        "specwcs",
        "regions",
        "wavelengthrange",
        "camera",
        "chromcorr",
        "collimator",
        "disperser",
        "fore",
        "fpa",
        "msa",
        "ote",
        "ifupost",
        "ifufore",
        "ifuslicer",
    ]

    sip_approx = Param(True, "imaging: write a FITS SIP approximation")
    sip_max_pix_error = Param(0.01, "largest error of the SIP approximation", unit="pixel")
    sip_degree = Param(None, "degree of the SIP approximation; none for the lowest that will do", type=int, le=6)
    sip_max_inv_pix_error = Param(0.01, "largest error of the inverse SIP approximation", unit="pixel")
    sip_inv_degree = Param(None, "degree of the inverse; none for the lowest that will do", type=int, le=6)
    sip_npoints = Param(12, "points along each axis for the SIP approximation")
    slit_y_low = Param(-0.55, "NIRSpec: lower end of a slit, from its centre, in units of its height")
    slit_y_high = Param(0.55, "NIRSpec: upper end of a slit, from its centre, in units of its height")
    nrs_ifu_slice_wcs = Param(False, "NIRSpec IFU: coordinates that are called with the number of the slice")

    def process(self, input_model: Any) -> Any:
        """Attach world coordinates to an exposure.

        Parameters
        ----------
        input_model : ImageModel, CubeModel, IFUImageModel or str
            Rates. Their data are not changed.

        Returns
        -------
        data model
            Of the class of the input.

        Raises
        ------
        MSAFileError
            The MSA metadata file is missing or does not describe the exposure.
        NoDataOnDetectorError
            No slit or slice is on the detector.
        NotBuiltError
            The mode is not part of this release.
        InputError
            A reference or a keyword is missing.
        """
        from jwst.assign_wcs.assign_wcs import IMAGE_TYPES, Mode, load_wcs

        model = self.prepare_output(input_model)
        if type(model).__name__ not in _MODELS:
            raise Skip(f"assign_wcs works on rates ({', '.join(_MODELS)}), and this is a {type(model).__name__}")
        mode = Mode.of_model(model)
        if mode.without_wcs:
            log.critical(mode.without_wcs)
            raise Skip(mode.without_wcs)
        if mode.not_built:
            raise NotBuiltError(mode.not_built)
        references = {kind: self._reference(model, kind, mode.needs) for kind in self.reference_file_types}
        name = model.meta.instrument.msa_metadata_file
        self._resolve_msa_file(model)
        try:
            load_wcs(model, references, (self.slit_y_low, self.slit_y_high), self.nrs_ifu_slice_wcs)
        finally:
            model.meta.instrument.msa_metadata_file = name
        if self.sip_approx and mode.exp_type in IMAGE_TYPES:
            self._approximate(model)
        return self.complete(model)

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say of which exposures this release has no world coordinates."""
        from jwst.assign_wcs.assign_wcs import Mode

        mode = Mode.of(parameters)
        return "" if mode.without_wcs else mode.not_built

    def _reference(self, model: Any, reftype: str, needed: Container[str]) -> Any:
        """A reference; none where CRDS cannot give one that this mode can do without."""
        from stpipe.crds_client import LookupFailure

        try:
            return self.get_reference_file(model, reftype)
        except LookupFailure as error:
            if reftype in needed:
                raise
            level = logging.DEBUG if error.not_found else logging.WARNING
            log.log(level, "No %s reference, which these coordinates do not need: %s", reftype, error.reason)
            return "N/A"

    def _approximate(self, model: Any) -> None:
        """Write the SIP approximation into the metadata of an image; a warning where there is none."""
        from jwst.assign_wcs.sip import update_fits_wcsinfo

        try:
            update_fits_wcsinfo(
                model,
                max_pix_error=self.sip_max_pix_error,
                degree=self.sip_degree,
                max_inv_pix_error=self.sip_max_inv_pix_error,
                inv_degree=self.sip_inv_degree,
                npoints=self.sip_npoints,
            )
        except (ValueError, RuntimeError) as error:
            log.warning("No FITS approximation (SIP) of the world coordinates; the gwcs is not affected: %s", error)

    def _resolve_msa_file(self, model: Any) -> None:
        """Put the folder of the input in front of the name of the MSA file."""
        name = model.meta.instrument.msa_metadata_file
        if name and name != "N/A" and not os.path.dirname(name):
            model.meta.instrument.msa_metadata_file = self.make_input_path(name)
