"""The step agrees with vectors of the released pipeline, products included; see tests/parity."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.clean_flicker_noise import CleanFlickerNoiseStep
from jwst.ramp_fitting.ramp_fit_step import RampFitStep

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_clean_flicker_noise")


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "clean_flicker_noise.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def constants(monkeypatch):
    """Gain and read noise of the draft rates, as in the script; no reference is looked up."""
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")

    def override(step, reftype):
        cls, value = {
            "gain": (datamodels.GainModel, MAKE.GAIN),
            "readnoise": (datamodels.ReadnoiseModel, MAKE.READNOISE),
        }[reftype]
        model = cls(data=np.full((64, 64), value, np.float32))
        MAKE.place(model.meta, (64, 64))
        return model

    monkeypatch.setattr(RampFitStep, "get_ref_override", override)


@pytest.mark.parametrize("name", MAKE.CASES)
def test_agrees_with_the_release(name, vectors, tmp_path, monkeypatch):
    case = MAKE.CASES[name]
    kept = case.get("only", MAKE.KEPT)
    saving = {f"save_{key}": True for key in ("mask", "background", "noise") if kept != ("data",)}
    model = MAKE.model_of(list(MAKE.CASES).index(name), case)
    before, saved = model.data.copy(), {}
    monkeypatch.setattr(
        CleanFlickerNoiseStep, "save_model", lambda self, product, suffix, **_: saved.update({suffix: product.data})
    )
    result = CleanFlickerNoiseStep.call(model, skip=False, **saving, **MAKE.options_of(case, str(tmp_path)))
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    assert type(result) is type(model)
    np.testing.assert_array_equal(model.data, before)
    saved["data"] = result.data
    for suffix in kept:
        wanted, found = vectors[f"{name}/{suffix}"], MAKE.sample(saved[suffix], case)
        if suffix == "mask":
            np.testing.assert_array_equal(found, wanted.astype(np.float32))
        else:
            scale = np.nanmax(np.abs(vectors.get(f"{name}/data", wanted)))
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * scale, err_msg=suffix)


def test_every_case_has_vectors(vectors):
    assert {key.split("/")[0] for key in vectors} == set(MAKE.CASES)
