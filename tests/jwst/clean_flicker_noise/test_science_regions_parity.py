"""Science regions of NIRSpec as in the released pipeline, with the real optics: masks and cleaned data."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import pytest

from jwst.assign_wcs.assign_wcs_step import AssignWcsStep
from jwst.clean_flicker_noise import CleanFlickerNoiseStep
from jwst.msaflagopen import MSAFlagOpenStep

PARITY = pathlib.Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))

import make_nirspec_regions as MAKE  # noqa: E402, N812


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "nirspec_regions.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture
def case(monkeypatch, folder, tmp_path):
    """Make the exposure of a case, whose references the steps inside then use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")

    def make(name, **options):
        model, references = MAKE.exposure(name, folder, **options)
        references["msaoper"] = MAKE.write_shutters(folder / "made_msaoper.json")
        for step in (AssignWcsStep, MSAFlagOpenStep):
            monkeypatch.setattr(step, "get_ref_override", lambda step, reftype: references.get(reftype, "N/A"))
        return model

    return make


@pytest.mark.parametrize("name", MAKE.MASKS)
def test_masks(name, case, vectors, monkeypatch):
    saved = {}
    monkeypatch.setattr(
        CleanFlickerNoiseStep, "save_model", lambda self, product, suffix, **_: saved.update({suffix: product})
    )
    options = {"skip": False, "mask_science_regions": True, "save_mask": True, "n_sigma": 0.0}
    model = case(name)
    result = CleanFlickerNoiseStep.call(model, **options)
    assert result.meta.cal_step.clean_flicker_noise == "COMPLETE"
    np.testing.assert_array_equal(MAKE.bits(saved["mask"].data), vectors[f"mask/{name}"])
    np.testing.assert_array_equal(result.dq, model.dq)


@pytest.mark.parametrize("name", MAKE.CLEANED)
def test_cleaned_data(name, case, vectors):
    result = CleanFlickerNoiseStep.call(case(name, seed=3), skip=False, mask_science_regions=True)
    np.testing.assert_allclose(MAKE.frames.sample(result.data), vectors[f"cleaned/{name}"], rtol=0, atol=1e-6)
