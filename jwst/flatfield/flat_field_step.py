"""The step that divides by the flat field."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from jwst.flatfield.flat_field import do_flat_field, is_nirspec_spectral, raise_not_built, reason_to_skip
from jwst.lib.reference import Reference, open_reference
from jwst.stpipe import Step
from jwst.stpipe.inputs import refuse_several
from stpipe import Param
from stpipe.exceptions import Skip

__all__ = ["FlatFieldStep"]

log = logging.getLogger(__name__)

_TYPES = ("flat", "fflat", "sflat", "dflat")


class _TypesUnlessSupplied:
    """Reference types: none for a step that is given its flat by the user."""

    def __get__(self, step: Any, owner: Any = None) -> list[str]:
        return list(_TYPES) if step is None or not step.user_supplied_flat else []


class FlatFieldStep(Step):
    """Divide by the flat field and carry its errors and flags along."""

    class_alias = "flat_field"
    reference_file_types = _TypesUnlessSupplied()

    save_interpolated_flat = Param(False, "save the flat that was used, with the suffix interpolatedflat")
    user_supplied_flat = Param(None, "flat to use instead of those of CRDS", type=str)
    inverse = Param(False, "multiply by the flat instead, to undo the correction")

    def process(self, input_model: Any) -> Any:
        """Flat-field an exposure.

        Parameters
        ----------
        input_model : data model or str

        Returns
        -------
        data model
            Of the class of the input.
        """
        refuse_several(input_model, type(self).__name__)
        result = self.prepare_output(input_model)
        reason = reason_to_skip(result)
        if reason is not None:
            raise Skip(reason)
        if is_nirspec_spectral(result) and not self.user_supplied_flat:
            raise_not_built()
        with self._flat(result) as flat:
            if not do_flat_field(result, flat, inverse=self.inverse):
                raise Skip(f"The exposure {result.data.shape[-2:]} is larger than the flat {flat.name}")
            if self.save_interpolated_flat:
                self.save_model(_whole_flat(flat, result), suffix="interpolatedflat", force=True)
        if self.user_supplied_flat:
            result.meta.ref_file.flat.name = os.path.basename(self.user_supplied_flat)
        return self.complete(result)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the result and of the flat that was used."""
        flat = [self.planned_path(suffix="interpolatedflat")] if self.save_interpolated_flat else []
        return [*flat, *super().planned_products(parameters)]

    def _flat(self, model: Any) -> Any:
        """The flat of the user, or that of CRDS."""
        if self.user_supplied_flat:
            return open_reference(self.user_supplied_flat, model, "flat")
        flat = self.reference(model, "flat")
        for reftype in _TYPES[1:]:
            self._record(model, reftype)
        return flat

    def _record(self, model: Any, reftype: str) -> None:
        """Ask for a reference that only NIRSpec spectra need, since products name what CRDS said of it ("N/A")."""
        from stpipe.crds_client import ReferenceServiceError

        try:
            self.get_reference_file(model, reftype)
        except ReferenceServiceError as error:
            log.debug("No %s reference, which this exposure does not need: %s", reftype.upper(), error)


def _whole_flat(flat: Reference, model: Any) -> Any:
    """The flat as it is in the reference, as a product of this exposure."""
    from stdatamodels.jwst import datamodels

    product = datamodels.FlatModel(
        data=flat.array("data", cut=False), err=flat.array("err", cut=False), dq=flat.dq(cut=False)
    )
    for key in ("name", "xstart", "ystart", "xsize", "ysize"):
        setattr(product.meta.subarray, key, flat.meta(f"subarray.{key}"))
    product.meta.instrument.name = model.meta.instrument.name
    product.meta.instrument.detector = model.meta.instrument.detector
    return product
