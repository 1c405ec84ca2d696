"""The saturation step. Source: spec saturation.md."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.lib.dqflags import AD_FLOOR, SATURATED
from jwst.lib.irs2 import is_irs2, normal_rows
from jwst.lib.stripes import integrations, plane_of
from jwst.saturation.irs2 import Irs2Rule, flag_irs2_saturation
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
            limits = _limits(reference)
            pattern = self._pattern(ramp)
            bias = None if pattern is None else self._bias(ramp)
            groupdq = ramp.groupdq
            if is_irs2(ramp.data.shape):
                rows = normal_rows(ramp)
                bias = None if bias is None else bias[rows]
                flag_irs2_saturation(
                    ramp.data, groupdq, limits, rows=rows, rule=Irs2Rule(self.n_pix_grow_sat, pattern, bias)
                )
                ramp.pixeldq[rows] |= limits.dq
            else:
                for some, plane in integrations(ramp):
                    flag_saturation(
                        ramp.data[some],
                        groupdq[some],
                        limits.plane(plane),
                        grow=self.n_pix_grow_sat,
                        pattern=pattern,
                        bias=None if bias is None else plane_of(bias, plane),
                    )
                ramp.pixeldq |= limits.dq
            if ramp.meta.exposure.zero_frame and ramp.zeroframe is not None:
                for some, plane in integrations(ramp):
                    blank_zeroframe(ramp.zeroframe[some], limits.plane(plane), grow=self.n_pix_grow_sat)
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
