"""IRS2 exposures of NIRSpec and references with something wrong: one clear error, or a skip."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.pipeline import DarkPipeline, Detector1Pipeline
from jwst.refpix import RefPixStep
from stpipe.exceptions import InputError
from tests.jwst.pipeline import bad_cases as bad

IRS2_STEPS = ("group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity", "dark_current", "jump")
"""Steps of an IRS2 exposure before the fit."""


def irs2_ramp(ngroups=1):
    """An IRS2 frame of zeros, whose rows are pixels and reference pixels in turn."""
    ramp = datamodels.RampModel(np.zeros((1, ngroups, 3200, 2048), np.float32))
    ramp.meta.instrument.name, ramp.meta.instrument.detector = "NIRSPEC", "NRS1"
    ramp.meta.exposure.readpatt, ramp.meta.exposure.type = "NRSIRS2RAPID", "NRS_MSASPEC"
    ramp.meta.observation.date, ramp.meta.observation.time = "2023-06-15", "12:00:00"
    for name, value in {"xstart": 1, "ystart": 1, "xsize": 2048, "ysize": 2048, "fastaxis": 2, "slowaxis": 1}.items():
        setattr(ramp.meta.subarray, name, value)
    ramp.meta.subarray.name = "FULL"
    for name, value in {"nframes": 1, "groupgap": 0, "group_time": 14.6, "frame_time": 14.6}.items():
        setattr(ramp.meta.exposure, name, value)
    ramp.meta.filename = "jw00017001001_01101_00001_nrs1_uncal.fits"
    return ramp


@pytest.fixture(scope="module")
def irs2():
    return irs2_ramp()


def only(step, **parameters):
    """Parameters of a pipeline that switch off all steps on ramps but one."""
    others = {name: {"skip": True} for name in (*IRS2_STEPS, "ramp_fit", "gain_scale") if name != step}
    return {**others, step: parameters}


def small(cls, shape, **arrays):
    """A reference of the first rows and columns of the detector."""
    model = cls(**{name: np.ones(shape, np.float32) for name in arrays or {"data": 0}})
    for name, value in {"xstart": 1, "ystart": 1, "xsize": shape[-1], "ysize": shape[-2]}.items():
        setattr(model.meta.subarray, name, value)
    return model


IRS2_REFERENCES = {
    "mask": ("dq_init", lambda: small(datamodels.MaskModel, (32, 32), dq=0), "slice indexes"),
    "saturation": ("saturation", lambda: small(datamodels.SaturationModel, (64, 2048)), "slice indexes"),
    "superbias": ("superbias", lambda: small(datamodels.SuperBiasModel, (32, 32)), "slice indexes"),
    "dark": ("dark_current", lambda: small(datamodels.DarkModel, (1, 32, 32)), "planes of (32, 32)"),
    "refpix": ("refpix", datamodels.IRS2Model, "refpix"),
}


@pytest.mark.parametrize("kind", IRS2_REFERENCES)
def test_irs2_references(irs2, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    step, make, text = IRS2_REFERENCES[kind]
    steps = only(step, **{f"override_{kind}": make()})
    if step == "saturation":
        steps[step]["override_superbias"] = "N/A"
    with pytest.raises(InputError) as info:
        Detector1Pipeline.call(irs2, steps=steps, save_results=True)
    assert text in str(info.value)
    assert list(tmp_path.iterdir()) == []


def test_irs2_without_a_reference(irs2, caplog):
    """The frame keeps its reference pixels."""
    result = RefPixStep.call(irs2, override_refpix="N/A")
    assert result.meta.cal_step.refpix == "SKIPPED"
    assert result.data.shape == irs2.data.shape
    assert bad.skipped(caplog, "RefPixStep") == [
        "Step RefPixStep skipped: there is no REFPIX reference for this exposure"
    ]


@pytest.mark.parametrize("pipeline", [Detector1Pipeline, DarkPipeline])
def test_irs2_without_groups(pipeline):
    steps = {name: values for name, values in only("group_scale").items() if name in pipeline.step_defs}
    with pytest.raises(InputError, match="no samples"):
        pipeline.call(irs2_ramp(0), steps=steps)
