"""Correct exposures read out in stripes with their reference pixels. Source: spec refpix.md §C2."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, REFERENCE_PIXEL
from jwst.lib.orientation import Orientation
from jwst.lib.stripes import stripe_readout, superstripes
from jwst.refpix.clipped_mean import clipped_means
from jwst.refpix.reference_pixels import RefPixSettings, correct_zeroframe
from jwst.refpix.superstripe import assemble
from stpipe.exceptions import InputError

__all__ = ["correct_striped_exposure", "correct_stripes"]

_AMPLIFIER_COLUMNS = 512
_AMPLIFIERS = 4
_BATCH_VALUES = 1 << 19


def correct_striped_exposure(ramp: Any, settings: RefPixSettings) -> Any:
    """Correct an exposure read out in stripes, and put superstripes together.

    Parameters
    ----------
    ramp : RampModel or SuperstripeRampModel
        Updated in place.
    settings : RefPixSettings

    Returns
    -------
    RampModel
        A new model for a superstripe exposure.

    Raises
    ------
    InputError
        The stripe keywords are missing, impossible, or do not fit the arrays.

    Notes
    -----
    The flags of the first stripe say which reference pixels are good in all stripes, as in the released pipeline.
    """
    readout = stripe_readout(ramp.meta.subarray)
    number = superstripes(ramp)
    shape = tuple(ramp.data.shape[-2:])
    if shape[1 if readout.orientation.transposed else 0] != readout.size:
        raise InputError(f"SUBSIZE1 and SUBSIZE2 say {readout.size} lines, but the array is {shape[0]} x {shape[1]}")
    if number and ramp.pixeldq.shape != (number, *shape):
        raise InputError(
            f"PIXELDQ has the shape {ramp.pixeldq.shape}, a superstripe exposure needs {(number, *shape)}; run dq_init"
        )
    first = ramp.meta.subarray.ystart if readout.orientation.transposed else ramp.meta.subarray.xstart
    correct = partial(
        correct_stripes,
        pixeldq=ramp.pixeldq[0] if number else ramp.pixeldq,
        orientation=readout.orientation,
        first=int(first) - 1,
        settings=settings,
    )
    correct(ramp.data.reshape(-1, *shape))
    if ramp.meta.exposure.zero_frame and ramp.zeroframe is not None:
        correct_zeroframe(ramp.zeroframe, correct)
    return assemble(ramp) if number else ramp


@np.errstate(invalid="ignore")
def correct_stripes(
    planes: np.ndarray, pixeldq: np.ndarray, *, orientation: Orientation, first: int, settings: RefPixSettings
) -> None:
    """Subtract the means of the reference pixels of each amplifier.

    Parameters
    ----------
    planes : (nplanes, ny, nx) ndarray of float32, DN
        Groups of all integrations, or zero frames. Updated in place.
    pixeldq : (ny, nx) ndarray of uint32
        Pixels with REFERENCE_PIXEL and without DO_NOT_USE are used.
    orientation : Orientation
    first : int
        Where the fast axis of the subarray starts, counted from 0: amplifiers change at multiples of 512.
    settings : RefPixSettings
        Of which the sides do not matter.

    Notes
    -----
    Even and odd columns are counted from the first one of each amplifier in the array. An amplifier in which one of the
    two has no reference pixel is left alone.
    """
    usable = (pixeldq & np.uint32(REFERENCE_PIXEL | DO_NOT_USE)) == np.uint32(REFERENCE_PIXEL)
    usable = np.ascontiguousarray(orientation.to_detector(usable))
    groups = orientation.to_detector(planes)
    for amplifier in range(_AMPLIFIERS):
        start = max(0, amplifier * _AMPLIFIER_COLUMNS - first)
        stop = min(usable.shape[1], (amplifier + 1) * _AMPLIFIER_COLUMNS - first)
        if start >= stop:
            continue
        strides = [slice(start, stop)]
        if settings.odd_even_columns:
            strides = [slice(start, stop, 2), slice(start + 1, stop, 2)]
        if all(usable[:, columns].any() for columns in strides):
            for columns in strides:
                _subtract_mean(groups[..., columns], usable[:, columns], settings.sigma_limit)


def _subtract_mean(groups: np.ndarray, usable: np.ndarray, limit: float) -> None:
    """Subtract from each group the clipped mean of its reference pixels, in place."""
    rows, columns = np.nonzero(usable)
    size = max(1, _BATCH_VALUES // rows.size)
    for start in range(0, len(groups), size):
        block = groups[start : start + size]
        values = np.ascontiguousarray(block[:, rows, columns])
        means = clipped_means(values, np.ones(values.shape, bool), limit)
        np.subtract(block, means[:, None, None], out=block)
