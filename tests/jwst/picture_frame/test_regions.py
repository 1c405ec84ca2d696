"""picture_frame with its defaults, which leave science regions out."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.assign_wcs.assign_wcs_step import AssignWcsStep
from jwst.msaflagopen import MSAFlagOpenStep
from jwst.picture_frame import PictureFrameStep
from jwst.ramp_fitting.ramp_fit_step import RampFitStep
from stpipe.exceptions import InputError

PARITY = pathlib.Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))

import make_nirspec_regions as MAKE  # noqa: E402, N812

CONSTANTS = {"gain": ("GainModel", 1.8), "readnoise": ("ReadnoiseModel", 15.0)}


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "nirspec_regions.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def pattern():
    return MAKE.frames.reference_model()


def _constant(step, reftype):
    cls, value = CONSTANTS[reftype]
    data = np.full((MAKE.frames.SIZE, MAKE.frames.SIZE), value, np.float32)
    return MAKE.frames.place(getattr(datamodels, cls)(data=data))


@pytest.fixture
def use(monkeypatch, folder, tmp_path):
    """Let the steps inside use given references."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.setattr(RampFitStep, "get_ref_override", _constant)

    def patch(references):
        known = {"msaoper": MAKE.write_shutters(folder / "made_msaoper.json")} | references
        for step in (AssignWcsStep, MSAFlagOpenStep):
            monkeypatch.setattr(step, "get_ref_override", lambda step, reftype: known.get(reftype, "N/A"))

    return patch


def call(model, pattern, **options):
    return PictureFrameStep.call(model, skip=False, override_pictureframe=pattern, **options)


@pytest.mark.parametrize("name", MAKE.FRAMES)
def test_agrees_with_the_release(name, use, folder, vectors, pattern, monkeypatch):
    saved = {}
    monkeypatch.setattr(
        PictureFrameStep, "save_model", lambda self, product, suffix, **_: saved.update({suffix: product})
    )
    model, references = MAKE.ramp(name, folder)
    use(references)
    result = call(model, pattern, save_mask=True)
    assert result.meta.cal_step.picture_frame == "COMPLETE"
    mask = saved["pctfrm_mask"].data
    assert np.count_nonzero(mask) == vectors[f"frame/{name}/background"]
    np.testing.assert_array_equal(MAKE.frames.sample(mask) != 0, vectors[f"frame/{name}/mask"])
    np.testing.assert_allclose(MAKE.frames.sample(result.data), vectors[f"frame/{name}/data"], rtol=1e-6)
    np.testing.assert_array_equal(result.pixeldq, model.pixeldq)


def test_the_file_of_the_shutters_is_missing(use, folder, pattern, caplog):
    model, references = MAKE.ramp("mos", folder)
    use(references)
    model.meta.instrument.msa_metadata_file = "none.fits"
    result = call(model, pattern)
    assert result.meta.cal_step.picture_frame == "FAILED"
    np.testing.assert_array_equal(result.data, model.data)
    assert "science regions cannot be found" in caplog.text


def test_nothing_on_the_detector_means_no_regions(use, folder, pattern, caplog):
    model, references = MAKE.exposure("ifu", folder, seed=1)
    use(references)
    model.meta.instrument.detector = "NRS2"
    result = call(model, pattern)
    assert result.meta.cal_step.picture_frame == "COMPLETE"
    assert "No science regions are left out: " in caplog.text
    without = call(model, pattern, mask_science_regions=False)
    np.testing.assert_array_equal(result.data, without.data)


def test_exposures_without_coordinates_have_no_regions(use, folder, pattern, caplog):
    model, references = MAKE.exposure("slits", folder, seed=1)
    use(references)
    model.meta.exposure.type = "NRS_DARK"
    assert call(model, pattern).meta.cal_step.picture_frame == "COMPLETE"
    assert "No science regions are left out: " in caplog.text


def test_bad_operability(use, folder, pattern, tmp_path):
    model, references = MAKE.exposure("slits", folder, seed=1)
    (tmp_path / "bad.json").write_text("{}")
    use(references | {"msaoper": str(tmp_path / "bad.json")})
    with pytest.raises(InputError, match="no list 'msaoper'"):
        call(model, pattern)


def test_plan_names_the_references_of_the_regions():
    parameters = {"meta.instrument.name": "NIRSPEC"}
    assert {"pictureframe", "camera", "msaoper"} < set(PictureFrameStep().planned_references(parameters))
    assert PictureFrameStep(mask_science_regions=False).planned_references(parameters) == ["pictureframe"]
