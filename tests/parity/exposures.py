"""Tiny exposures and references: for the scripts that make parity vectors, and for the tests of steps.

The scripts run under the released pipeline: ``peer python make_ipc.py``. It wants to know its reference context even
where all references are given, so that CRDS_PATH, CRDS_CONTEXT and CRDS_SERVER_URL have to be set.
"""

import logging
import os
import pathlib

import numpy as np


def offline():
    """Ask no reference service for parameters, and be quiet."""
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    logging.disable(logging.INFO)


def place(model, xstart, ystart, shape):
    """Fill the subarray keywords of a model."""
    meta = model.meta.subarray
    meta.xstart, meta.ystart, meta.xsize, meta.ysize = xstart, ystart, shape[-1], shape[-2]


def ramp(data, *, corner=(1, 1), nframes=1, subarray="SUB64", axes=(-1, 2), noutputs=1, zeroframe=None):
    """Make a near-infrared ramp model."""
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel(data=data.astype(np.float32))
    meta = model.meta
    meta.instrument.name, meta.instrument.detector, meta.exposure.type = "NIRCAM", "NRCA1", "NRC_IMAGE"
    meta.exposure.nints, meta.exposure.ngroups = data.shape[:2]
    meta.exposure.nframes, meta.exposure.noutputs = nframes, noutputs
    meta.exposure.zero_frame = zeroframe is not None
    meta.subarray.name = subarray
    meta.subarray.fastaxis, meta.subarray.slowaxis = axes
    place(model, *corner, data.shape)
    if zeroframe is not None:
        model.zeroframe = zeroframe.astype(np.float32)
    return model


def reference(model, corner, shape):
    """Complete a reference model with what the released steps look at."""
    model.meta.instrument.name = "NIRCAM"
    if hasattr(model.meta, "subarray"):
        place(model, *corner, shape)
    return model


def save(script, vectors):
    """Write the vectors beside the script that made them."""
    path = pathlib.Path(script)
    target = path.with_name(path.stem.removeprefix("make_") + ".npz")
    np.savez_compressed(target, **vectors)
    logging.disable(logging.NOTSET)
    print(target, target.stat().st_size)
