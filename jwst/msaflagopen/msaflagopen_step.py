"""The msa_flagging step: references, models. Source: spec msa_flagging.md."""

from __future__ import annotations

from typing import Any

from jwst.stpipe import Step
from jwst.stpipe.inputs import refuse_several
from stpipe.exceptions import InputError, Skip

__all__ = ["MSAFlagOpenStep"]


class MSAFlagOpenStep(Step):
    """Flag the pixels of NIRSpec that shutters which do not close can light."""

    class_alias = "msa_flagging"
    reference_file_types = ["msaoper"]

    def process(self, input_model: Any) -> Any:
        """Flag an exposure.

        Parameters
        ----------
        input_model : ImageModel, IFUImageModel, CubeModel or str
            A rate of NIRSpec with world coordinates.

        Returns
        -------
        data model
            Of the class of the input.

        Raises
        ------
        InputError
            The exposure is none of NIRSpec, has no world coordinates, or a reference cannot be used.
        """
        from jwst.msaflagopen.msaflag_open import do_correction, wcs_reference_files

        refuse_several(input_model, type(self).__name__)
        model = self.prepare_output(input_model)
        shutters = self.get_reference_file(model, "msaoper")
        if isinstance(shutters, str) and shutters in ("", "N/A"):
            raise Skip("there is no MSAOPER reference for this exposure")
        _check(model)
        return self.complete(do_correction(model, shutters, wcs_reference_files(model)))


def _check(model: Any) -> None:
    """Find out whether a model is a rate of NIRSpec.

    Raises
    ------
    InputError
        It is not.
    """
    data = getattr(model, "data", None)
    if data is None or data.ndim not in (2, 3) or 0 in data.shape:
        shape = None if data is None else data.shape
        raise InputError(f"msa_flagging works on rates; the data of this {type(model).__name__} are {shape}")
    if model.meta.instrument.name != "NIRSPEC":
        raise InputError(f"msa_flagging is for NIRSpec; this exposure is one of {model.meta.instrument.name}")
