"""The step gives the data of the released pipeline (vectors made by tests/parity/make_emicorr.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from jwst.emicorr import EmiCorrStep

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_emicorr")
VECTORS = np.load(PARITY / "emicorr.npz")
UNCHANGED = {
    *(f"{method}, {what}" for method in ("joint", "sequential") for what in ("not a number", "all saturated")),
    "sequential, three groups",
    "sequential, too many bins",
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")


@pytest.mark.parametrize("name", MAKE.CASES)
def test_data_and_flags_are_those_of_the_released_pipeline(name):
    case = MAKE.CASES[name]
    model = MAKE.exposure(*MAKE.build(list(MAKE.CASES).index(name), **case), **case)
    before, flags = MAKE.sample(model.data).copy(), (model.groupdq.copy(), model.pixeldq.copy())
    step = EmiCorrStep(
        override_emicorr=MAKE.reference_model() if case.get("reference", True) else "N/A", **case.get("options", {})
    )
    result = step.process(model)
    expected = VECTORS[f"{name}/data"]
    assert result.meta.cal_step.emicorr == VECTORS[f"{name}/status"]
    np.testing.assert_allclose(MAKE.sample(result.data), expected, rtol=5e-7, atol=0)
    np.testing.assert_array_equal(result.groupdq, flags[0])
    np.testing.assert_array_equal(result.pixeldq, flags[1])
    assert VECTORS[f"{name}/flags"].all()
    assert np.array_equal(before, expected, equal_nan=True) == (name in UNCHANGED)
