"""Ramps of a few pixels, and how their rates are looked at."""

from __future__ import annotations

import numpy as np

from jwst.ramp_fitting.ramp_inputs import Ramps, RampTimes

TIMES = RampTimes(group_time=10.0, frame_time=10.0, nframes=1)
LINE = np.arange(10) * 10.0


def make_ramps(ramps, flags=None, *, gain=1.0, readnoise=10.0, dark=None, pixeldq=0, zeroframe=None):
    """Ramps of one row of pixels: (nints, ngroups) or (npixels, nints, ngroups)."""
    data = np.atleast_2d(np.asarray(ramps, np.float32))
    if data.ndim == 2:
        data = data[None]
    data = np.ascontiguousarray(np.moveaxis(data, 0, -1)[:, :, None, :])
    groupdq = np.zeros(data.shape, np.uint8)
    if flags is not None:
        flags = np.atleast_2d(np.asarray(flags, np.uint8))
        flags = flags[None] if flags.ndim == 2 else flags
        groupdq[...] = np.moveaxis(flags, 0, -1)[:, :, None, :]
    plane = (1, data.shape[-1])
    return Ramps(
        data,
        groupdq,
        np.full(plane, pixeldq, np.uint32),
        np.full(plane, gain, np.float32),
        np.full(plane, readnoise, np.float32),
        None if dark is None else np.full(plane, dark, np.float32),
        None if zeroframe is None else np.asarray(zeroframe, np.float32).reshape(data.shape[0], 1, -1),
    )


def values(rates, pixel=0):
    """slope, dq, var_poisson, var_rnoise, err of one pixel."""
    return tuple(
        float(getattr(rates, name)[..., 0, pixel]) for name in ("slope", "dq", "var_poisson", "var_rnoise", "err")
    )


def check(result, *expected, pixel=0):
    np.testing.assert_allclose(values(result, pixel), expected, rtol=2e-6)


def flags_from(group, value, length=10):
    return [value if index >= group else 0 for index in range(length)]


def flags_at(value, *groups, length=10):
    return [value if index in groups else 0 for index in range(length)]
