"""The saturation step. Source: spec saturation.md."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.lib.dqflags import AD_FLOOR, SATURATED
from jwst.lib.orientation import refuse_irs2
from jwst.saturation.saturation import (
    FramePattern,
    SaturationLimits,
    blank_zeroframe,
    count_flagged,
    flag_saturation,
    saturation_limits,
)
from jwst.stpipe import Step
from stpipe import Param

__all__ = ["SaturationStep"]

log = logging.getLogger(__name__)


class SaturationStep(Step):
    """Flag saturated samples, their neighbours, and samples at the A/D floor."""

    class_alias = "saturation"
    reference_file_types = ["saturation", "superbias"]

    n_pix_grow_sat = Param(1, "half width of the box of neighbours to flag; 0 for none", ge=0, unit="pixel")
    use_readpatt = Param(True, "flag groups in which only some of the averaged frames were saturated")

    def process(self, input_model: Any) -> Any:
        """Flag saturation in the group data quality, and blank bad pixels of the zero frame.

        Parameters
        ----------
        input_model : data model or str
            A ramp.

        Returns
        -------
        RampModel
        """
        with self.ramp(input_model) as ramp, self.reference(ramp, "saturation") as reference:
            refuse_irs2(ramp.data.shape, "saturation")
            limits = _limits(reference)
            pattern = self._pattern(ramp)
            groupdq = ramp.groupdq
            flag_saturation(
                ramp.data,
                groupdq,
                limits,
                grow=self.n_pix_grow_sat,
                pattern=pattern,
                bias=None if pattern is None else self._bias(ramp),
            )
            ramp.pixeldq |= limits.dq
            if ramp.meta.exposure.zero_frame and ramp.zeroframe is not None:
                blank_zeroframe(ramp.zeroframe, limits, grow=self.n_pix_grow_sat)
            log.info("Pixels with saturated groups: %d", count_flagged(groupdq, SATURATED))
            log.info("Pixels with groups at the A/D floor: %d", count_flagged(groupdq, AD_FLOOR))
        return self.complete(ramp)

    def _pattern(self, ramp: Any) -> FramePattern | None:
        """Frame averaging of the exposure, where it is to be used and known."""
        nframes = ramp.meta.exposure.nframes
        if not self.use_readpatt or not nframes:
            return None
        return FramePattern(int(nframes))

    def _bias(self, ramp: Any) -> np.ndarray | None:
        """The superbias; None where there is none for this mode."""
        with self.reference(ramp, "superbias", required=False) as reference:
            return None if reference is None else reference.array("data")


def _limits(reference: Any) -> SaturationLimits:
    """Thresholds of a reference."""
    return saturation_limits(reference.array("data"), reference.dq())
