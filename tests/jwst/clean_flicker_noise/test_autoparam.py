"""The rules of autoparam; the decisions of the released pipeline are in test_parity.py."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.clean_flicker_noise.autoparam import ImageStatistics, choose, limits_for, mean_rate, measure


def statistics(**values):
    base = {"masked": 0.01, "offset": 0.0, "slope": 0.0, "ratio": 1.0, "scatter": 0.0}
    return ImageStatistics(**base | values)


@pytest.mark.parametrize(
    ("values", "niriss", "nircam"),
    [
        ({}, ("median", False), ("median", False)),
        ({"offset": 0.08}, ("median", True), ("median", True)),
        ({"offset": 0.08, "masked": 0.2}, ("median", False), ("median", False)),
        ({"offset": 0.08, "masked": 0.2, "slope": 5e-5}, ("median", False), ("model", False)),
        ({"offset": 0.08, "masked": 0.2, "slope": 2e-4}, ("model", False), ("model", False)),
        ({"masked": 0.08, "slope": 5e-5, "ratio": 9}, ("model", False), ("model", False)),
        ({"slope": 5e-5, "ratio": 9}, ("median", False), ("model", False)),
        ({"slope": 5e-5, "ratio": 4}, ("model", False), ("model", False)),
        ({"slope": 5e-6, "ratio": 1}, ("median", False), ("median", False)),
        ({"offset": 0.03, "scatter": 0.03}, ("median", True), ("median", True)),
        ({"scatter": 0.03}, ("median", False), ("median", False)),
    ],
)
def test_rules(values, niriss, nircam):
    for instrument, wanted in (("NIRISS", niriss), ("NIRCAM", nircam)):
        found = choose(statistics(**values), limits_for(instrument))
        assert (found.background_method, found.fit_by_channel) == wanted


@pytest.mark.parametrize("niriss", [False, True])
def test_statistics(niriss):
    rng = np.random.default_rng(5)
    y, x = np.indices((96, 128))
    rate = (2 + 1e-3 * x + 4e-4 * y + rng.normal(0, 0.01, x.shape)).astype(np.float32)
    rate[3, 4] = np.nan
    found = measure(rate, 0 if niriss else 1, niriss=niriss)
    assert found.slope == pytest.approx(4e-4 if niriss else 1e-3, rel=0.05)
    assert found.ratio > 5
    assert found.offset == 0
    assert 0 < found.masked < 0.2
    assert found.scatter < 0.01


@pytest.mark.parametrize("niriss", [False, True])
def test_steps_between_channels(niriss):
    steps = np.repeat(np.array([0, 0.1, 0.25, 0.2]), 512)
    rate = np.ones((2048, 64)) + steps[:, None]
    rate += np.random.default_rng(0).normal(0, 0.01, rate.shape)
    rate = (rate if niriss else rate.T).astype(np.float32)
    assert measure(rate, 0 if niriss else 1, niriss=niriss).offset == pytest.approx(0.15, abs=0.01)


def test_mean_of_integrations():
    rates = np.array([[1, np.nan, np.nan], [3, 5, np.nan]], np.float32)[:, None]
    np.testing.assert_array_equal(mean_rate(rates), [[2, 5, np.nan]])
    np.testing.assert_array_equal(mean_rate(rates[0]), rates[0])
