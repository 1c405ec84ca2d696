"""The gain-scale step on models in memory."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.gain_scale import GainScaleStep

VALUES = {"data": 3, "err": 2, "var_poisson": 4, "var_rnoise": 5, "var_flat": 5}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def make_rate(factor, shape=(2, 2)):
    model = (datamodels.ImageModel if len(shape) == 2 else datamodels.CubeModel)(shape)
    for name, value in VALUES.items():
        setattr(model, name, np.full(shape, value, np.float32))
    model.meta.exposure.gain_factor, model.meta.exposure.type = factor, "NRS_FIXEDSLIT"
    return model


def make_gain(factor):
    model = datamodels.GainModel(data=np.full((2, 2), 1.6, np.float32))
    model.meta.exposure.gain_factor = factor
    return model


@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 2)])
@pytest.mark.parametrize("reference", [make_gain(3), "N/A"])
def test_factor_of_the_exposure(shape, reference):
    rate = make_rate(2, shape)
    result = GainScaleStep.call(rate, override_gain=reference)
    assert [getattr(result, name).flat[0] for name in VALUES] == [6, 4, 16, 20, 5]
    assert (result.meta.cal_step.gain_scale, result.meta.exposure.gain_factor) == ("COMPLETE", 2.0)
    assert (rate.data == 3).all()
    assert type(result) is type(rate)


def test_factor_of_the_reference():
    result = GainScaleStep.call(make_rate(None), override_gain=make_gain(3))
    assert (result.data[0, 0], result.meta.exposure.gain_factor) == (9, 3.0)


@pytest.mark.parametrize("reference", [make_gain(None), "N/A"])
def test_no_factor(reference):
    result = GainScaleStep.call(make_rate(None), override_gain=reference)
    assert (result.data[0, 0], result.meta.exposure.gain_factor) == (3, None)
    assert result.meta.cal_step.gain_scale == "SKIPPED"


def test_missing_error_is_nothing_to_scale():
    rate = datamodels.ImageModel((2, 2))
    rate.data = np.full((2, 2), 3, np.float32)
    rate.meta.exposure.gain_factor = 2
    assert GainScaleStep.call(rate, override_gain="N/A").data[0, 0] == 6
