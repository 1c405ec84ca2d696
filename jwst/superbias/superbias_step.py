"""The superbias step. Source: spec superbias.md."""

from __future__ import annotations

from typing import Any

from jwst.lib.stripes import integrations, plane_of
from jwst.stpipe import Step
from jwst.superbias.bias_sub import subtract_superbias, subtract_zeroframe_bias

__all__ = ["SuperBiasStep"]


class SuperBiasStep(Step):
    """Subtract the detector bias from each group of a ramp."""

    class_alias = "superbias"
    reference_file_types = ["superbias"]

    def process(self, input_model: Any) -> Any:
        """Subtract the bias from the groups and the zero frame, and propagate its data quality.

        Parameters
        ----------
        input_model : data model or str
            A ramp.

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp, self.reference(ramp, "superbias") as reference:
            _correct(ramp, reference)
        return self.complete(ramp)


def _correct(ramp: Any, reference: Any) -> None:
    """Subtract the bias of a reference from a ramp model."""
    bias, data = reference.array("data"), ramp.data
    zeroframe = ramp.zeroframe if ramp.meta.exposure.zero_frame else None
    for some, plane in integrations(ramp):
        subtract_superbias(data[some], plane_of(bias, plane))
        if zeroframe is not None:
            subtract_zeroframe_bias(zeroframe[some], plane_of(bias, plane))
    ramp.pixeldq |= reference.dq()
