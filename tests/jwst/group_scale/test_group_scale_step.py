"""The group_scale step: statuses, copies, guide-star models."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.group_scale import GroupScaleStep


def _exposures():
    path = Path(__file__).parents[2] / "parity" / "exposures.py"
    spec = importlib.util.spec_from_file_location("exposures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPOSURES = _exposures()


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


def exposure(nframes, divisor, **options):
    model = EXPOSURES.ramp(np.full((1, 2, 3, 4), 12), **options)
    model.meta.exposure.nframes, model.meta.exposure.frame_divisor = nframes, divisor
    return model


@pytest.mark.parametrize(
    ("nframes", "divisor", "status", "value"),
    [
        (5, 8, "COMPLETE", 19.2),
        (4, 4, "SKIPPED", 12),
        (4, None, "SKIPPED", 12),
        (5, None, "SKIPPED", 12),
        (None, 8, "SKIPPED", 12),
    ],
)
def test_status_and_samples(nframes, divisor, status, value):
    model = exposure(nframes, divisor)
    result = GroupScaleStep.call(model)
    assert result.meta.cal_step.group_scale == status
    assert (result.data == np.float32(value)).all()
    assert (model.data == 12).all(), "the input of the caller was changed"


def test_the_zero_frame_is_left_alone():
    result = GroupScaleStep.call(exposure(5, 8, zeroframe=np.full((1, 3, 4), 10)))
    assert (result.zeroframe == 10).all()


def test_samples_of_a_raw_file_become_float(tmp_path):
    raw = datamodels.Level1bModel(data=np.full((1, 2, 3, 4), 40000, np.uint16))
    raw.update(exposure(5, 8), only="PRIMARY")
    raw.meta.exposure.nframes, raw.meta.exposure.frame_divisor = 5, 8
    raw.save(tmp_path / "made_uncal.fits")
    result = GroupScaleStep.call(str(tmp_path / "made_uncal.fits"))
    assert (result.data == 64000).all()


def test_raw_models_in_memory_are_refused():
    with pytest.raises(TypeError, match="should be opened as"):
        GroupScaleStep.call(datamodels.Level1bModel(data=np.full((1, 2, 3, 4), 40000, np.uint16)))
