"""Tiny exposures and references for the ``make_*.py`` scripts of the detector steps, under the peer's interpreter.

Set CRDS_PATH to a cache and CRDS_CONTEXT to a context before running them; no reference file is read from it.
"""

from __future__ import annotations

import os

import numpy as np
from stdatamodels.jwst import datamodels

__all__ = ["make_ramp", "place", "random_ramp"]


os.environ.setdefault("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def place(model, shape, *, corner=(1, 1), instrument="NIRCAM", detector="NRCALONG"):
    """Give a model an instrument and a place on the detector."""
    model.meta.instrument.name = instrument
    model.meta.instrument.detector = detector
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape[-2:]
    return model


def make_ramp(data, groupdq=None, *, nframes=1, groupgap=0, **where):
    """A ramp model with what the steps ask for."""
    model = datamodels.RampModel(data=np.array(data, np.float32))
    if groupdq is not None:
        model.groupdq = np.array(groupdq, np.uint8)
    place(model, data.shape, **where)
    exposure = model.meta.exposure
    exposure.type = "MIR_IMAGE" if where.get("instrument") == "MIRI" else "NRC_IMAGE"
    exposure.nints, exposure.ngroups = data.shape[:2]
    exposure.nframes, exposure.groupgap = nframes, groupgap
    exposure.group_time, exposure.frame_time, exposure.integration_time = 10.0, 2.0, 60.0
    exposure.start_time = 60000.0
    model.meta.observation.date, model.meta.observation.time = "2023-07-01", "00:00:00"
    return model


def random_ramp(rng, shape, *, top=20000.0):
    """Rising ramps with noise, some NaN, and group flags of which SATURATED, once set, stays."""
    nints, ngroups, ny, nx = shape
    slope = rng.uniform(0, top / ngroups, (nints, 1, ny, nx))
    data = slope * np.arange(1, ngroups + 1)[:, None, None] + rng.normal(0, 20, shape)
    data[rng.random(shape) < 0.01] = np.nan
    flags = rng.choice([0, 0, 0, 0, 1, 4, 5], shape).astype(np.uint8)
    first = rng.integers(0, 3 * ngroups, (nints, 1, ny, nx))
    flags[np.arange(ngroups)[:, None, None] >= first] |= 2
    return data.astype(np.float32), flags
