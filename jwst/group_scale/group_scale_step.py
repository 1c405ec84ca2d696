"""The group_scale step. Source: spec group_scale.md."""

from __future__ import annotations

import logging
from typing import Any

from jwst.group_scale.group_scale import group_scale_factor, rescale_groups
from jwst.stpipe import Step
from stpipe.exceptions import Skip

__all__ = ["GroupScaleStep"]

log = logging.getLogger(__name__)


class GroupScaleStep(Step):
    """Rescale groups whose frames were averaged with a wrong divisor on board."""

    class_alias = "group_scale"

    def process(self, input_model: Any) -> Any:
        """Rescale the samples where NFRAMES and FRMDIVSR differ.

        Parameters
        ----------
        input_model : data model or str
            A ramp or a guide-star exposure.

        Returns
        -------
        data model
            Of the class of the input.
        """
        with self.ramp(input_model) as ramp:
            nframes, divisor = ramp.meta.exposure.nframes, ramp.meta.exposure.frame_divisor
            scale = group_scale_factor(nframes, divisor)
            if scale is None:
                raise Skip(_why_not(nframes, divisor))
            log.info("NFRAMES=%s, FRMDIVSR=%s: all groups are multiplied by %s", nframes, divisor, scale)
            rescale_groups(ramp.data, scale)
        return self.complete(ramp)


def _why_not(nframes: int | None, divisor: int | None) -> str:
    """Say why no correction is made."""
    if nframes is None:
        return "NFRAMES is not set, so the scale of the groups is not known"
    if divisor is None and nframes & (nframes - 1):
        return f"NFRAMES={nframes} is no power of two and FRMDIVSR is not set, so the scale of the groups is not known"
    return f"NFRAMES={nframes} and FRMDIVSR={divisor} need no correction"
