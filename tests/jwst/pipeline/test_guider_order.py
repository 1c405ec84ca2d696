"""Order, input classes and products of calwebb_guider."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.pipeline import GuiderPipeline
from stpipe.exceptions import InputError, Skip

OFF = {"skip": True}


@pytest.fixture
def raw():
    model = datamodels.GuiderRawModel(np.zeros((3, 2, 8, 8), np.float32))
    model.meta.instrument.name = "FGS"
    model.meta.exposure.type = "FGS_ACQ1"
    model.meta.filename = "jw001_gs-acq1_2022117003102_uncal.fits"
    return model


@pytest.fixture
def calls(monkeypatch):
    noted = []

    def work(step, model):
        noted.append((step.name, type(model).__name__))
        return step.complete(model)

    def rates(step, model):
        noted.append((step.name, type(model).__name__))
        result = datamodels.GuiderCalModel((3, 8, 8))
        result.update(model)
        return step.complete(result)

    for key, step_class in GuiderPipeline.step_defs.items():
        monkeypatch.setattr(step_class, "process", rates if key == "guider_cds" else work)
    monkeypatch.setattr(GuiderPipeline, "prefetch_references", False)
    return noted


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda: sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("options", [{}, {"suffix": "zzz"}])
def test_order_and_product(raw, calls, here, options):
    result = GuiderPipeline(save_results=True, **options).run(raw)
    assert calls == [("dq_init", "GuiderRawModel"), ("guider_cds", "GuiderRawModel"), ("flat_field", "GuiderCalModel")]
    assert here() == ["jw001_gs-acq1_2022117003102_cal.fits"]
    status = result.meta.cal_step
    assert status.dq_init == status.guider_cds == status.flat_field == "COMPLETE"
    assert raw.meta.cal_step.instance == {}


def test_from_a_file(raw, calls, here):
    raw.save("a_uncal.fits")
    assert isinstance(GuiderPipeline().run("a_uncal.fits"), datamodels.GuiderCalModel)


def test_calibrated_input(calls, here):
    model = datamodels.GuiderCalModel((3, 8, 8))
    model.save("a_cal.fits")
    result = GuiderPipeline(steps={"dq_init": OFF, "guider_cds": OFF}).run("a_cal.fits")
    assert calls == [("flat_field", "GuiderCalModel")]
    assert result.meta.cal_step.dq_init == result.meta.cal_step.guider_cds == "SKIPPED"


def test_raw_data_cannot_be_flat_fielded(raw, calls):
    with pytest.raises(InputError, match="guider_cds was skipped"):
        GuiderPipeline(steps={"guider_cds": OFF}).run(raw)
    assert calls == [("dq_init", "GuiderRawModel")]


def test_guider_cds_without_references(raw, calls, monkeypatch):
    def no_reference(step, model):
        raise Skip("there is no GAIN reference")

    monkeypatch.setattr(GuiderPipeline.step_defs["guider_cds"], "process", no_reference)
    with pytest.raises(ValueError, match="still raw"):
        GuiderPipeline().run(raw)


def test_only_dq_init(raw, calls):
    result = GuiderPipeline(steps={"guider_cds": OFF, "flat_field": OFF}).run(raw)
    assert isinstance(result, datamodels.GuiderRawModel)
    assert result.meta.cal_step.dq_init == "COMPLETE"
