"""calwebb_dark: raw dark exposures to linear dark ramps (spec pipeline_dark.md)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from jwst.dq_init.dq_init_step import DQInitStep
from jwst.emicorr.emicorr_step import EmiCorrStep
from jwst.firstframe.firstframe_step import FirstFrameStep
from jwst.group_scale.group_scale_step import GroupScaleStep
from jwst.ipc.ipc_step import IPCStep
from jwst.lastframe.lastframe_step import LastFrameStep
from jwst.linearity.linearity_step import LinearityStep
from jwst.pipeline.ramp_pipeline import RampPipeline, steps_to_linearity
from jwst.refpix.refpix_step import RefPixStep
from jwst.reset.reset_step import ResetStep
from jwst.rscd.rscd_step import RscdStep
from jwst.saturation.saturation_step import SaturationStep
from jwst.superbias.superbias_step import SuperBiasStep

__all__ = ["DarkPipeline"]

log = logging.getLogger(__name__)


class DarkPipeline(RampPipeline):
    """Turn raw dark exposures into dark ramps that are corrected up to the linearity.

    The name of the product ends as any other: with ``suffix`` if one is given, otherwise with the name of the pipeline.
    """

    class_alias = "calwebb_dark"

    step_defs = {
        "group_scale": GroupScaleStep,
        "dq_init": DQInitStep,
        "emicorr": EmiCorrStep,
        "saturation": SaturationStep,
        "ipc": IPCStep,
        "superbias": SuperBiasStep,
        "refpix": RefPixStep,
        "reset": ResetStep,
        "rscd": RscdStep,
        "firstframe": FirstFrameStep,
        "lastframe": LastFrameStep,
        "linearity": LinearityStep,
    }

    def planned_steps(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the steps in the order in which they run for the instrument of an exposure."""
        return steps_to_linearity(parameters.get("meta.instrument.name"))

    def process(self, input: Any) -> Any:
        """Process one exposure.

        Parameters
        ----------
        input : str, Path or data model
            Raw or partly processed ramps. A model is copied if the pipeline runs alone.

        Returns
        -------
        RampModel
            The dark ramps.

        Raises
        ------
        InputError
            The exposure is one of guide stars, or no ramp.
        NotBuiltError
            A step that would run, or an option of it, is not part of this release.
        """
        log.info("Starting %s", self.class_alias)
        ramp = self._open_ramp(input)
        del input
        for key in steps_to_linearity(self._instrument):
            ramp = getattr(self, key).run(ramp)
        log.info("Ending %s", self.class_alias)
        return ramp
