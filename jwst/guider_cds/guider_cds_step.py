"""The step that makes count rates of guider data."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.guider_cds.guider_cds import group_differences, guider_rates
from jwst.stpipe import Step
from jwst.stpipe.inputs import refuse_several

__all__ = ["GuiderCdsStep"]

log = logging.getLogger(__name__)

_TABLES = ("planned_star_table", "flight_star_table", "pointing_table", "centroid_table", "track_sub_table")


class GuiderCdsStep(Step):
    """Make count rates and errors of the fine guidance sensor's guiding data."""

    class_alias = "guider_cds"
    reference_file_types = ["gain", "readnoise"]

    def process(self, input_model: Any) -> Any:
        """Turn raw guider data into rates.

        Parameters
        ----------
        input_model : GuiderRawModel or str

        Returns
        -------
        GuiderCalModel
        """
        from stdatamodels.jwst import datamodels

        refuse_several(input_model, type(self).__name__)
        raw = self.prepare_output(input_model, open_as_type=datamodels.GuiderRawModel)
        exp_type = raw.meta.exposure.type or ""
        with self.reference(raw, "gain") as gain, self.reference(raw, "readnoise") as readnoise:
            planes = [_matching(reference, raw, exp_type) for reference in (gain, readnoise)]
        differences = group_differences(raw.data, exp_type)
        rate, err = guider_rates(differences, raw.meta.exposure.group_time, gain=planes[0], readnoise=planes[1])
        return self.complete(_rate_model(raw, rate, err))


def _matching(reference: Any, raw: Any, exp_type: str) -> np.ndarray | float:
    """The part of a reference that covers the data, or its mean for stacked images that lie nowhere."""
    try:
        return reference.array("data")
    except ValueError:
        if "STACK" not in exp_type or tuple(reference.shape("data")) == raw.data.shape[-2:]:
            raise
        log.info("%s does not cover this stacked image; its mean is used for all pixels", reference.name)
        return float(np.mean(reference.array("data", cut=False)))


def _rate_model(raw: Any, rate: np.ndarray, err: np.ndarray) -> Any:
    """The product: rates, errors, the flags, metadata and tables of the raw data."""
    from stdatamodels.jwst import datamodels

    result = datamodels.GuiderCalModel(data=rate, err=err, dq=raw.dq)
    result.update(raw)
    result.meta.bunit_data = "DN/s"
    for name in _TABLES:
        if raw.hasattr(name):
            setattr(result, name, getattr(raw, name))
    return result
