"""The photom step: parameters, references, models. Source: spec photom.md."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from jwst.stpipe import Step
from jwst.stpipe.inputs import refuse_several
from stpipe import Param
from stpipe.exceptions import InputError, Skip

__all__ = ["PhotomStep"]

log = logging.getLogger(__name__)

_CLASSES = ("ImageModel", "CubeModel", "SlitModel", "IFUImageModel", "MultiSlitModel", "TSOMultiSpecModel")


class PhotomStep(Step):
    """Convert count rates to surface brightness, and attach pixel areas."""

    class_alias = "photom"
    reference_file_types = ["photom", "area"]

    inverse = Param(False, "divide by the conversion factor instead, to undo the correction")
    source_type = Param(None, "treat the source as POINT or EXTENDED (spectra only)", type=str)
    apply_time_correction = Param(True, "use the tables of time dependence of the reference")

    def process(self, input_model: Any) -> Any:
        """Calibrate an exposure.

        Parameters
        ----------
        input_model : ImageModel, CubeModel or str
            Rates in DN/s.

        Returns
        -------
        data model
            Of the class of the input, in MJy/sr.

        Raises
        ------
        InputError
            The exposure is calibrated already, or it or a reference is unusable.
        NotBuiltError
            Spectra.
        """
        from jwst.photom.photom import DataModelTypeError, calibrate, is_imaging, raise_not_built

        refuse_several(input_model, type(self).__name__)
        model = self.prepare_output(input_model)
        if type(model).__name__ not in _CLASSES:
            raise Skip(f"{type(model).__name__} is none of the classes that are calibrated: {', '.join(_CLASSES)}")
        if not is_imaging(model):
            raise_not_built(model)
        if getattr(model, "data", None) is None or model.data.size == 0:
            raise InputError(f"{model.meta.filename or 'The exposure'} has no data (SCI)")
        # The area is looked up first: products name what CRDS said of it even where there is no photom reference.
        with self.reference(model, "area", required=False) as area, self.reference(model, "photom") as photom:
            assert photom is not None
            try:
                calibrate(model, photom, area, inverse=self.inverse, timed=self.apply_time_correction)
            except DataModelTypeError as error:
                log.error("%s", error)
                raise Skip(str(error)) from None
        return self.complete(model)

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say that a run would refuse spectra."""
        from jwst.photom.photom import is_spectral, not_built_text

        exp_type, instrument = parameters.get("meta.exposure.type"), parameters.get("meta.instrument.name")
        return not_built_text(exp_type) if is_spectral(instrument, exp_type) else ""
