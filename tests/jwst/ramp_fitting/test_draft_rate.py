"""Draft rates: the slopes of the ramp fit with its defaults."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.ramp_fitting.draft_rate import draft_rate
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes

TIMES = RampTimes(10.0, 5.0, 2)


def ramps(shape, seed=0):
    rng = np.random.default_rng(seed)
    nints, ngroups, ny, nx = shape
    data = np.cumsum(rng.gamma(2, 10 ** rng.uniform(0, 3, (nints, 1, ny, nx)), shape), axis=1).astype(np.float32)
    data[rng.random(shape) < 0.005] = np.nan
    flags = (rng.choice([1, 2, 4, 32, 128], shape) * (rng.random(shape) < 0.05)).astype(np.uint8)
    gain, noise = np.full((ny, nx), 1.6, np.float32), np.full((ny, nx), 12, np.float32)
    gain[0, :2], noise[1, :2] = (-1, np.nan), (0, np.nan)
    return Ramps(data, flags, (rng.random((ny, nx)) < 0.05).astype(np.uint32), gain, noise)


def copy(source):
    return Ramps(source.data, source.groupdq.copy(), source.pixeldq, source.gain, source.readnoise)


@pytest.mark.parametrize("shape", [(1, 6, 20, 30), (3, 5, 16, 20), (2, 2, 9, 8), (2, 1, 9, 8)])
@pytest.mark.parametrize("integrations", [False, True])
@pytest.mark.parametrize("miri", [False, True])
def test_slopes_of_the_fit(shape, integrations, miri):
    source = ramps(shape)
    if miri:
        source.groupdq[:, [0, -1]] |= np.uint8(1)
    before = source.groupdq.copy()
    rate = draft_rate(source, TIMES, integrations=integrations, miri=miri)
    np.testing.assert_array_equal(source.groupdq, before)
    fit = fit_ramps(copy(source), TIMES, FitOptions(miri=miri))
    if fit is None:
        assert np.isnan(rate).all()
    else:
        np.testing.assert_array_equal(rate, (fit.integrations if integrations else fit.exposure).slope)


def test_saturated_everywhere():
    source = ramps((2, 4, 5, 6))
    source.groupdq[:] = 2
    assert np.isnan(draft_rate(source, TIMES)).all()
    assert draft_rate(source, TIMES, integrations=True).shape == (2, 5, 6)
