"""References that only MIRI has, or has in a form of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE
from jwst.simulation.miri import (
    DARK_INTEGRATIONS,
    EMI_FREQUENCIES,
    RESET_GROUPS,
    RESET_INTEGRATIONS,
    RSCD_GROUPS,
    dark_shape,
    emi_wave,
    reset_anomaly,
    seen_frequencies,
)
from jwst.simulation.readout import miri_row_clocks
from jwst.simulation.reference_request import ReferenceRequest, dq_def_table, flag_where
from jwst.simulation.settings import MiriSettings

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import JwstDataModel

__all__ = ["make_dark", "make_emicorr", "make_reset", "make_rscd"]

HOT = 2048


def make_dark(request: ReferenceRequest) -> JwstDataModel:
    """Return the dark: (3, ngroups, ny, nx), integrations 1, 2 and all later ones."""
    from stdatamodels.jwst.datamodels import DarkMIRIModel

    truth, region, miri = request.detector, request.region, MiriSettings()
    current = truth.dark / truth.gain * np.float32(request.frame_time)
    data = np.empty((DARK_INTEGRATIONS, request.ngroups, *region.shape), np.float32)
    for integration, ramp in enumerate(data):
        for group, plane in enumerate(ramp):
            plane[:] = dark_shape(region, integration, group, miri=miri)
            plane[truth.reference] = 0
            plane += current * np.float32(request.readout.mean_frame(group))
    model = DarkMIRIModel(data=data, dq_def=dq_def_table({"HOT": HOT}))
    model.dq = np.broadcast_to(flag_where(HOT, truth.hot), (DARK_INTEGRATIONS, 1, *region.shape)).copy()
    model.meta.exposure.nints = DARK_INTEGRATIONS
    return model


def make_reset(request: ReferenceRequest) -> JwstDataModel:
    """Return the reset anomaly: (2, 12, ny, nx), the first integration and all later ones."""
    from stdatamodels.jwst.datamodels import ResetModel

    region, miri = request.region, MiriSettings()
    data = np.empty((RESET_INTEGRATIONS, RESET_GROUPS, *region.shape), np.float32)
    for integration, ramp in enumerate(data):
        for group, plane in enumerate(ramp):
            plane[:] = reset_anomaly(region, integration, group, miri=miri)
    model = ResetModel(data=data, dq_def=dq_def_table({"DO_NOT_USE": DO_NOT_USE}))
    model.dq = np.zeros(region.shape, np.uint32)
    model.meta.exposure.readpatt = request.readout.name
    model.meta.exposure.nints, model.meta.exposure.ngroups = RESET_INTEGRATIONS, RESET_GROUPS
    return model


def make_rscd(request: ReferenceRequest) -> JwstDataModel:
    """Return the table of the groups to skip: one row for each subarray and pattern."""
    from stdatamodels.jwst.datamodels import RSCDModel

    names = [("subarray", "S17"), ("readpatt", "S12"), ("group_skip1", "<i4"), ("group_skip", "<i4")]
    rows = [(region.name, readout.name, *RSCD_GROUPS) for region, readout in request.cases]
    return RSCDModel(rscd_group_skip_table=np.array(rows, dtype=names))


def make_emicorr(request: ReferenceRequest) -> JwstDataModel:
    """Return waves and clocks of the interference."""
    from stdatamodels.jwst.datamodels import EmiModel

    waves = {
        name: {"frequency": frequency, "phase_amplitudes": emi_wave(name)}
        for name, frequency in EMI_FREQUENCIES.items()
    }
    cases = {}
    for region, readout in request.cases:
        row, frame = miri_row_clocks(region, readout)
        speed = "SLOW" if readout.slow else "FAST"
        name = f"{region.name}_{speed}" if "FULL" in region.name else region.name
        names = seen_frequencies(frame)
        freqs = {"FAST": names, "SLOW": {}} if speed == "FAST" else {"FAST": [], "SLOW": {request.sca.name: names}}
        cases[name] = {"rowclocks": row, "frameclocks": frame, "freqs": freqs}
    model = EmiModel()
    model.frequencies, model.subarray_cases = waves, cases
    return model
