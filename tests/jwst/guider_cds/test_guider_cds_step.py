"""The guider step on models in memory."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.guider_cds import GuiderCdsStep


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def place(model, shape, corner=(1, 1)):
    model.meta.instrument.name = "FGS"
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape[-2:]
    return model


def make_raw(exp_type="FGS_TRACK", *, shape=(2, 2, 2, 2), corner=(1, 1)):
    model = datamodels.GuiderRawModel(data=np.zeros(shape, np.float32))
    model.data[:, 1] = 20
    model.dq = np.full(shape[-2:], 4, np.uint32)
    model.meta.exposure.type, model.meta.exposure.group_time = exp_type, 2.0
    model.meta.filename = "jw1_gs-track_uncal.fits"
    return place(model, shape, corner)


def references(shape=(2, 2), gain=None):
    data = np.full(shape, 2, np.float32) if gain is None else gain
    return {
        "override_gain": place(datamodels.GainModel(data=data), shape),
        "override_readnoise": place(datamodels.ReadnoiseModel(data=np.full(shape, 3, np.float32)), shape),
    }


def test_product():
    raw = make_raw()
    raw.planned_star_table = np.zeros(2, raw.get_dtype("planned_star_table"))
    result = GuiderCdsStep.call(raw, **references())
    assert type(result) is datamodels.GuiderCalModel
    assert (result.data == 10).all()
    assert result.data.shape == (2, 2, 2)
    assert result.err == pytest.approx(np.full((2, 2, 2), 3.082207))
    assert result.dq.tolist() == [[4, 4], [4, 4]]
    assert result.meta.bunit_data == "DN/s"
    assert result.meta.cal_step.guider_cds == "COMPLETE"
    assert result.meta.exposure.type == "FGS_TRACK"
    assert len(result.planned_star_table) == 2
    assert not result.hasattr("flight_star_table")
    assert (raw.data[:, 1] == 20).all()


def test_references_are_cut():
    gain = np.arange(1, 65, dtype=np.float32).reshape(8, 8)
    result = GuiderCdsStep.call(make_raw(corner=(3, 2)), **references((8, 8), gain))
    poisson = result.err[0] ** 2 - 2 * 1.5**2
    assert 20 / 2 / poisson == pytest.approx(np.array([[11, 12], [19, 20]]), rel=1e-4)


def test_mean_of_references_for_stacks_that_lie_nowhere():
    shape = (2, 2, 3, 3)
    result = GuiderCdsStep.call(make_raw("FGS_ID-STACK", shape=shape), **references())
    assert result.data.shape == (1, 3, 3)
    assert result.err == pytest.approx(np.full((1, 3, 3), 3.082207))
    with pytest.raises(ValueError, match="Bad reference file slice indexes"):
        GuiderCdsStep.call(make_raw("FGS_ID-IMAGE", shape=shape), **references())


@pytest.mark.parametrize("missing", ["gain", "readnoise"])
def test_without_a_reference_the_raw_model_comes_back(missing):
    result = GuiderCdsStep.call(make_raw(), **(references() | {f"override_{missing}": "N/A"}))
    assert type(result) is datamodels.GuiderRawModel
    assert result.meta.cal_step.guider_cds == "SKIPPED"


def test_identification_needs_two_integrations():
    with pytest.raises(ValueError, match="two integrations"):
        GuiderCdsStep.call(make_raw("FGS_ID-IMAGE", shape=(1, 2, 2, 2)), **references())
