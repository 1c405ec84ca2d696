"""References of the FGS guiders, enough for calwebb_guider."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, REFERENCE_PIXEL
from jwst.simulation.detectors import BORDER, DETECTOR_SIZE
from jwst.simulation.reference_request import REFERENCE_META, dq_def_table
from stpipe.exceptions import InputError

__all__ = ["GUIDERS", "GUIDER_TYPES", "write_guider_reference"]

GUIDERS = {"GUIDER1": 497, "GUIDER2": 498}
GUIDER_TYPES = ("mask", "gain", "readnoise", "flat")
AXES = {"GUIDER1": (-2, 1), "GUIDER2": (2, -1)}
GAIN = 1.96
READ_NOISE = 13.0
DEAD = 1024
DEAD_FRACTION = 5e-4


def _plane(guider: str, identity: int) -> np.ndarray:
    rng = np.random.default_rng((GUIDERS[guider], identity))
    return rng.standard_normal((DETECTOR_SIZE, DETECTOR_SIZE), dtype=np.float32)


def _mask(guider: str) -> np.ndarray:
    dq = np.full((DETECTOR_SIZE, DETECTOR_SIZE), REFERENCE_PIXEL, np.uint32)
    inner = slice(BORDER, -BORDER)
    dead = np.random.default_rng((GUIDERS[guider], 1)).random(dq.shape, dtype=np.float32) < DEAD_FRACTION
    dq[inner, inner] = np.where(dead, np.uint32(DEAD | DO_NOT_USE), np.uint32(0))[inner, inner]
    return dq


def write_guider_reference(path: Path, reftype: str, guider: str) -> None:
    """Write a full-frame reference of a guider.

    Parameters
    ----------
    path : Path
        The file.
    reftype : str
        One of `GUIDER_TYPES`.
    guider : str
        "GUIDER1" or "GUIDER2".

    Raises
    ------
    InputError
        The type is not one of them.
    """
    from stdatamodels.jwst.datamodels import FlatModel, GainModel, MaskModel, ReadnoiseModel

    if reftype == "mask":
        names = {"DO_NOT_USE": DO_NOT_USE, "DEAD": DEAD, "REFERENCE_PIXEL": REFERENCE_PIXEL}
        model = MaskModel(dq=_mask(guider), dq_def=dq_def_table(names))
    elif reftype == "gain":
        model = GainModel(data=GAIN * (1 + np.float32(0.01) * _plane(guider, 2)))
    elif reftype == "readnoise":
        model = ReadnoiseModel(data=READ_NOISE * np.exp(np.float32(0.08) * _plane(guider, 3)))
        model.meta.exposure.readpatt = "ANY"
    elif reftype == "flat":
        model = FlatModel(data=1 + np.float32(0.01) * _plane(guider, 4))
        model.err = np.full((DETECTOR_SIZE, DETECTOR_SIZE), 0.001, np.float32)
    else:
        raise InputError(f"No {reftype!r} reference for guiders. Known: {', '.join(GUIDER_TYPES)}.")
    with model:
        for name, value in REFERENCE_META.items():
            setattr(model.meta, name, value)
        model.meta.reftype, model.meta.filename = reftype.upper(), path.name
        model.meta.instrument.name, model.meta.instrument.detector = "FGS", guider
        model.meta.subarray.name = "GENERIC"
        model.meta.subarray.xstart = model.meta.subarray.ystart = 1
        model.meta.subarray.xsize = model.meta.subarray.ysize = DETECTOR_SIZE
        model.meta.subarray.fastaxis, model.meta.subarray.slowaxis = AXES[guider]
        model.save(path, overwrite=True)
