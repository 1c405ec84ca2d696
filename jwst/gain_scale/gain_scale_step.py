"""The step that rescales rates for a non-standard gain."""

from __future__ import annotations

from typing import Any

from jwst.gain_scale.gain_scale import scale_rates
from jwst.stpipe import Step
from jwst.stpipe.inputs import refuse_several
from stpipe.exceptions import Skip

__all__ = ["GainScaleStep"]


class GainScaleStep(Step):
    """Rescale count rates of exposures that were taken with a non-standard gain."""

    class_alias = "gain_scale"
    reference_file_types = ["gain"]

    def process(self, input_model: Any) -> Any:
        """Rescale a rate product.

        Parameters
        ----------
        input_model : ImageModel, CubeModel or str
            With the factor in ``meta.exposure.gain_factor``; otherwise that of the gain reference is used.

        Returns
        -------
        ImageModel or CubeModel
            Of the class of the input.
        """
        refuse_several(input_model, type(self).__name__)
        result = self.prepare_output(input_model)
        factor = result.meta.exposure.gain_factor
        if factor is None:
            with self.reference(result, "gain") as reference:
                factor = _reference_factor(reference)
        if factor is None:
            raise Skip("Neither the exposure nor the gain reference has a gain factor (GAINFACT)")
        scale_rates(
            (result.data, getattr(result, "err", None)),
            (getattr(result, "var_poisson", None), getattr(result, "var_rnoise", None)),
            factor=float(factor),
        )
        result.meta.exposure.gain_factor = float(factor)
        return self.complete(result)


def _reference_factor(reference: Any) -> float | None:
    """The gain factor of a gain reference."""
    return reference.meta("exposure.gain_factor")
