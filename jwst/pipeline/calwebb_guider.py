"""calwebb_guider: raw guide-star exposures to calibrated ones (spec pipeline_guider.md)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from jwst.dq_init.dq_init_step import DQInitStep
from jwst.flatfield.flat_field_step import FlatFieldStep
from jwst.guider_cds.guider_cds_step import GuiderCdsStep
from jwst.stpipe import Pipeline
from jwst.stpipe.inputs import GUIDE_TYPES, refuse_several
from stpipe.exceptions import InputError

__all__ = ["GuiderPipeline"]

log = logging.getLogger(__name__)


class GuiderPipeline(Pipeline):
    """Turn a raw exposure of the guider into count rates, and flat-field it."""

    class_alias = "calwebb_guider"

    step_defs = {"dq_init": DQInitStep, "guider_cds": GuiderCdsStep, "flat_field": FlatFieldStep}

    dq_init: DQInitStep
    guider_cds: GuiderCdsStep
    flat_field: FlatFieldStep

    def process(self, input: Any) -> Any:
        """Process one exposure.

        Parameters
        ----------
        input : str, Path or GuiderRawModel
            A GuiderCalModel where dq_init and guider_cds are both switched off. A model is copied if the pipeline runs
            alone.

        Returns
        -------
        GuiderCalModel

        Raises
        ------
        InputError
            The exposure is not one of guide stars, or guider_cds did not run on raw data, which flat_field cannot use.
        """
        from stdatamodels.jwst.datamodels import GuiderCalModel, GuiderRawModel

        log.info("Starting %s", self.class_alias)
        refuse_several(input, type(self).__name__)
        self.suffix = "cal"
        if self.dq_init.skip and self.guider_cds.skip:
            log.info("dq_init and guider_cds are switched off: the input is taken as calibrated")
            model = self.prepare_output(input, open_as_type=GuiderCalModel)
        else:
            model = self.prepare_output(input, open_as_type=GuiderRawModel)
        del input
        exp_type = model.meta.exposure.type
        if exp_type is not None and exp_type not in GUIDE_TYPES:
            raise InputError(
                f"{self.class_alias} is for guide stars, not for EXP_TYPE {exp_type}; use calwebb_detector1"
            )
        model = self.guider_cds.run(self.dq_init.run(model))
        if isinstance(model, GuiderRawModel) and not self.flat_field.skip:
            raise InputError(
                "The exposure is still raw, because guider_cds was skipped, and flat_field cannot use raw data; "
                "switch flat_field off too, or give guider_cds its references"
            )
        model = self.flat_field.run(model)
        log.info("Ending %s", self.class_alias)
        return model

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Path of the calibrated exposure."""
        return [self.planned_path(suffix="cal")] if self.save_results else []
