"""Tiny exposures for the background step: for the script that makes parity vectors, and for the tests."""

from __future__ import annotations

import numpy as np

SHAPE = (4, 5)


def exposure(value, *, err=0.3, shape=SHAPE, corner=(1, 1), kind="SUB64", exp_type="NRC_IMAGE"):
    """A rate image, or a cube; value is a number or an array."""
    from stdatamodels.jwst import datamodels

    model = (datamodels.ImageModel if len(shape) == 2 else datamodels.CubeModel)(shape)
    model.data = np.broadcast_to(np.asarray(value, np.float32), shape).copy()
    model.err = np.broadcast_to(np.asarray(err, np.float32), shape).copy()
    model.dq = np.zeros(shape, np.uint32)
    for name in ("var_poisson", "var_rnoise"):
        setattr(model, name, np.full(shape, 0.01, np.float32))
    meta = model.meta
    meta.instrument.name, meta.instrument.detector, meta.exposure.type = "NIRCAM", "NRCA1", exp_type
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    meta.subarray.name = kind
    meta.subarray.xstart, meta.subarray.ystart = corner
    meta.subarray.ysize, meta.subarray.xsize = shape[-2:]
    meta.bunit_data = meta.bunit_err = "DN/s"
    meta.filename = "jw01234001001_02101_00001_rate.fits"
    return model


def _random(count, *, shape=SHAPE, seed=1, cosmic=True):
    """Backgrounds with noise, outliers, NaN and flags."""
    rng = np.random.default_rng(seed)
    models = []
    for _ in range(count):
        data = rng.normal(1, 0.1, shape)
        if cosmic:
            data[rng.random(shape) < 0.08] += 50
        data[rng.random(shape) < 0.05] = np.nan
        model = exposure(data, err=rng.uniform(0.1, 0.5, shape), shape=shape)
        model.dq[:] = rng.choice([0, 0, 0, 1, 4], shape)
        models.append(model)
    return models


def _science(shape=SHAPE, seed=9, **where):
    """A science exposure with NaN and flags."""
    rng = np.random.default_rng(seed)
    model = exposure(rng.normal(10, 1, shape), shape=shape, **where)
    model.data[..., 1, 1] = np.nan
    model.dq[..., 1, 2], model.dq[..., 2, 2] = 1, 4
    return model


RAMP = np.tile(np.arange(1, 6), (4, 1))
TWELVE = (1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 1.02, 0.98, 1.0, 1.01, 50)
CUBE = np.array([1, 2, 3, 100], np.float32)[:, None, None]


def _cube():
    model = exposure(CUBE, shape=(4, *SHAPE))
    model.dq[2] = 4
    return model


CASES = {
    "three": lambda: (exposure(10), [exposure(value) for value in (1, 2, 6)], {}),
    "twelve": lambda: (exposure(10), [exposure(value) for value in TWELVE], {}),
    "twelve_sigma5": lambda: (exposure(10), [exposure(value) for value in TWELVE], {"sigma": 5}),
    "twelve_once": lambda: (exposure(10), [exposure(value) for value in TWELVE], {"maxiters": 1}),
    "twelve_zero": lambda: (exposure(10), [exposure(value) for value in TWELVE], {"maxiters": 0}),
    "random1": lambda: (_science(), _random(1), {}),
    "random2": lambda: (_science(), _random(2), {}),
    "random2_low": lambda: (_science(), _random(2), {"sigma": 0.9}),
    "random4": lambda: (_science(), _random(4), {"sigma": 1.5}),
    "random13": lambda: (_science(), _random(13), {}),
    "random14_once": lambda: (_science(), _random(14), {"maxiters": 1, "sigma": 2}),
    "cube": lambda: (exposure(10, shape=(3, *SHAPE)), [_cube()], {}),
    "cube_low": lambda: (exposure(10, shape=(3, *SHAPE)), [_cube()], {"sigma": 1.5}),
    "cubes_random": lambda: (
        _science((2, *SHAPE)),
        [*_random(3, shape=(12, *SHAPE)), *_random(1, shape=(7, *SHAPE), seed=4)],
        {},
    ),
    "apart": lambda: (exposure(10, corner=(101, 1)), [exposure(3)], {}),
    "earlier": lambda: (exposure(10, corner=(3, 1)), [exposure(1)], {}),
    "larger": lambda: (
        exposure(10, corner=(3, 2)),
        [exposure(np.arange(72).reshape(8, 9), shape=(8, 9)), exposure(2, corner=(3, 2))],
        {},
    ),
    "later": lambda: (exposure(10), [exposure(RAMP, corner=(3, 1))], {}),
}
"""Science, backgrounds and parameters of each case."""

PLANES = ("data", "err", "dq", "var_poisson", "var_rnoise")
COMBINED = ("data", "err", "dq")
