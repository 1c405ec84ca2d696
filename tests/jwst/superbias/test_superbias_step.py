"""The superbias step."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.superbias import SuperBiasStep


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


def bias():
    data, dq = np.full((8, 8), 10, np.float32), np.zeros((8, 8), np.uint32)
    data[1, 2], data[1, 3], dq[1, 3] = np.nan, 3, 4194304
    return EXPOSURES.reference(datamodels.SuperBiasModel(data=data, dq=dq), (1, 1), data.shape)


def test_the_bias_is_cut_subtracted_and_its_flags_are_kept():
    frames = np.array([[[0, 5], [6, 7]], [[1, 2], [3, np.nan]]])
    model = EXPOSURES.ramp(np.full((2, 2, 2, 2), 50), corner=(3, 2), zeroframe=frames)
    result = SuperBiasStep.call(model, override_superbias=bias())
    assert (result.data == np.array([[50, 47], [40, 40]])).all()
    np.testing.assert_array_equal(result.pixeldq, [[0, 4194304], [0, 0]])
    np.testing.assert_array_equal(result.zeroframe, [[[0, 2], [-4, -3]], [[1, -1], [-7, np.nan]]])
    assert not result.groupdq.any()
    assert result.meta.cal_step.superbias == "COMPLETE"
    assert (model.data == 50).all(), "the input of the caller was changed"


def test_no_bias_means_skipped():
    result = SuperBiasStep.call(EXPOSURES.ramp(np.full((1, 1, 2, 2), 50)), override_superbias="N/A")
    assert result.meta.cal_step.superbias == "SKIPPED"
    assert (result.data == 50).all()
