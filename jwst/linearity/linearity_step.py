"""The step that corrects the non-linear response."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.lib.dqflags import NO_LIN_CORR
from jwst.linearity.linearity import correct_reads, linearize, linearize_zeroframe, replace_unusable
from jwst.stpipe import Step

__all__ = ["LinearityStep"]

log = logging.getLogger(__name__)


class LinearityStep(Step):
    """Correct the non-linear response of the detector with a polynomial for each pixel."""

    class_alias = "linearity"
    reference_file_types = ["linearity"]

    def process(self, input_model: Any) -> Any:
        """Correct a ramp.

        Parameters
        ----------
        input_model : RampModel or str

        Returns
        -------
        RampModel
            With linear counts; groups flagged SATURATED are unchanged.
        """
        with self.ramp(input_model) as ramp, self.reference(ramp, "linearity") as reference:
            _correct(ramp, reference)
        return self.complete(ramp)


def _correct(ramp: Any, reference: Any) -> None:
    """Correct the ramps and the zero frames, and flag the pixels that could not be corrected."""
    dq = reference.dq()
    forward = reference.array("coeffs")
    unusable = replace_unusable(forward, dq)
    if ramp.meta.exposure.zero_frame:
        linearize_zeroframe(ramp.zeroframe, forward)
    inverse = _inverse_coefficients(ramp, reference)
    if inverse is None:
        linearize(ramp.data, ramp.groupdq, forward)
    else:
        unusable |= replace_unusable(inverse, dq)
        nframes = int(ramp.meta.exposure.nframes)
        log.info("Correcting the %d reads of each group", nframes)
        correct_reads(ramp.data, ramp.groupdq, forward=forward, inverse=inverse, nframes=nframes)
    ramp.pixeldq |= dq
    ramp.pixeldq[unusable] |= np.uint32(NO_LIN_CORR)


def _inverse_coefficients(ramp: Any, reference: Any) -> np.ndarray | None:
    """The inverse polynomials, if this exposure is to be corrected read by read."""
    exposure = ramp.meta.exposure
    averaged = (exposure.nframes or 1) > 1 and ramp.data.shape[1] > 1
    if not averaged or getattr(exposure, "read_times", None):
        return None
    if reference.shape("inv_coeffs") is None:
        return None
    return reference.array("inv_coeffs")
