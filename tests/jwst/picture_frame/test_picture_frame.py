"""picture_frame: the core, the step, and vectors of the released pipeline."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.picture_frame import PictureFrameStep
from jwst.picture_frame.picture_frame import SIZE, Pattern, Regions, subtract_from_images, subtract_from_ramps
from jwst.ramp_fitting.ramp_fit_step import RampFitStep
from stpipe.exceptions import InputError

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_picture_frame")


@pytest.fixture(scope="module")
def vectors():
    with np.load(PARITY / "picture_frame.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def reference():
    return MAKE.reference_model()


@pytest.fixture(scope="module")
def regions():
    return Regions.of(np.ones((SIZE, SIZE), bool))


@pytest.fixture(scope="module")
def pattern():
    """A frame of 3 and a centre of 1."""
    data = np.full((SIZE, SIZE), 3, np.float32)
    data[76:1984, 76:1984] = 1
    return data


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).standard_normal((SIZE, SIZE), np.float32)


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")

    def override(step, reftype):
        cls, value = {"gain": (datamodels.GainModel, 1.8), "readnoise": (datamodels.ReadnoiseModel, 15.0)}[reftype]
        return MAKE.place(cls(data=np.full((SIZE, SIZE), value, np.float32)))

    monkeypatch.setattr(RampFitStep, "get_ref_override", override)


def call(model, reference, **options):
    options = {"mask_science_regions": False, "override_pictureframe": reference, **options}
    return PictureFrameStep.call(model, skip=False, **options)


@pytest.mark.parametrize("name", MAKE.CASES)
def test_agrees_with_the_release(name, vectors, reference, monkeypatch):
    case, saved = MAKE.CASES[name], {}
    monkeypatch.setattr(
        PictureFrameStep, "save_model", lambda self, product, suffix, **_: saved.update({suffix: product})
    )
    model = MAKE.model_of(list(MAKE.CASES).index(name), case)
    options = {"save_mask": True, "save_correction": True, **case.get("options", {})}
    result = call(model, reference, **options)
    assert result.meta.cal_step.picture_frame == "COMPLETE"
    np.testing.assert_allclose(MAKE.sample(result.data), vectors[f"{name}/data"], rtol=1e-6)
    mask, correction = saved["pctfrm_mask"], saved["pctfrm_correction"]
    assert type(correction) is type(model)
    assert np.count_nonzero(mask.data) == vectors[f"{name}/background"]
    np.testing.assert_array_equal(MAKE.sample(mask.data) != 0, vectors[f"{name}/mask"])
    np.testing.assert_allclose(MAKE.sample(correction.data), vectors[f"{name}/correction"], rtol=1e-6)
    if correction.data.ndim == 4:
        assert not correction.data[:, 0].any()
        np.testing.assert_array_equal(result.data[:, 0], model.data[:, 0])


def test_regions_leave_gaps(regions):
    assert not regions.centre[75].any()
    assert not regions.centre[:, 1984].any()
    assert regions.centre[76:1984, 76:1984].all()
    assert regions.edge[4:75, 4:2043].all()
    assert regions.edge[4:2043, 1985:2043].all()
    assert not regions.edge[:4].any()
    assert not regions.edge[2043:].any()
    assert not regions.edge[75:1985, 75:1985].any()


def test_a_scaled_frame_and_an_offset_go_away(pattern, regions):
    image = (0.5 * pattern + 7)[None]
    image[0, 5, 5] = np.nan
    subtract_from_images(image, Pattern.of(pattern, regions), regions)
    assert np.isnan(image[0, 5, 5])
    assert np.nanmax(np.abs(image)) < 1e-6


def test_the_scale_of_the_reference_does_not_matter(pattern, regions, noise):
    first = (noise + 2 * pattern)[None]
    second = first.copy()
    removed = np.zeros_like(first)
    before = first.copy()
    subtract_from_images(first, Pattern.of(pattern, regions), regions, removed)
    subtract_from_images(second, Pattern.of(2 * pattern, regions), regions)
    np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_array_equal(removed, first - before)


def test_ramps_keep_their_first_group_and_lose_constants(pattern, regions, noise):
    data = np.empty((1, 2, SIZE, SIZE), np.float32)
    data[0, 0] = noise
    data[0, 1] = data[0, 0] + 2 * pattern + 5
    more = data.copy()
    more[0, 1] += 64
    for ramps in (data, more):
        first = ramps[0, 0].copy()
        subtract_from_ramps(ramps, Pattern.of(pattern, regions), regions)
        np.testing.assert_array_equal(ramps[0, 0], first)
    np.testing.assert_allclose(data[0, 1], data[0, 0], atol=1e-4)
    np.testing.assert_allclose(more, data, atol=1e-4)


def test_a_reference_without_contrast_gives_nothing_finite(regions, noise):
    image = noise[None].copy()
    subtract_from_images(image, Pattern.of(np.ones((SIZE, SIZE), np.float32), regions), regions)
    assert not np.isfinite(image).any()


def small(instrument="NIRSPEC", subarray="FULL", shape=(1, 3, 4, 4)):
    cls = datamodels.RampModel if len(shape) == 4 else datamodels.ImageModel
    model = MAKE.place(cls(data=np.ones(shape, np.float32)))
    model.meta.instrument.name, model.meta.subarray.name = instrument, subarray
    model.meta.exposure.type = "NRS_MSASPEC"
    return model


@pytest.mark.parametrize(
    ("model", "reference_model"),
    [
        (small("NIRCAM"), "reference"),
        (small(subarray="SUBS200A1"), "reference"),
        (small(shape=(1, 1, 4, 4)), "reference"),
        (small(), "N/A"),
    ],
    ids=["nircam", "subarray", "one group", "no reference"],
)
def test_skipped(model, reference_model, reference):
    result = call(model, reference if reference_model == "reference" else reference_model)
    assert result.meta.cal_step.picture_frame == "SKIPPED"
    np.testing.assert_array_equal(result.data, model.data)


def test_no_background(reference, caplog):
    model = MAKE.place(datamodels.ImageModel(data=np.zeros((SIZE, SIZE), np.float32)))
    model.data[100, 100] = 1
    result = call(model, reference)
    assert result.meta.cal_step.picture_frame == "SKIPPED"
    assert "no background pixels" in caplog.text


def test_science_regions_of_images_are_not_built():
    parameters = {"meta.instrument.name": "NIRSPEC", "meta.subarray.name": "FULL", "meta.exposure.type": "NRS_IMAGE"}
    assert "mask_science_regions=True needs them" in PictureFrameStep().planned_refusal(parameters)
    assert not PictureFrameStep(mask_science_regions=False).planned_refusal(parameters)
    assert not PictureFrameStep().planned_refusal(parameters | {"meta.subarray.name": "SUBS200A1"})
    assert not PictureFrameStep().planned_refusal(parameters | {"meta.exposure.type": "NRS_IFU"})


def test_wrong_sizes(reference):
    with pytest.raises(InputError, match=r"exposure.*2048"):
        call(small(), reference)
    tiny = datamodels.PictureFrameModel(data=np.ones((4, 4), np.float32))
    with pytest.raises(InputError, match="full frames"):
        call(small(), tiny)
    with pytest.raises(InputError, match="ramps and rates"):
        call(datamodels.ImageModel(), reference)


def test_defaults():
    values = PictureFrameStep().get_pars()
    expected = {
        "mask_science_regions": True,
        "n_sigma": 2.0,
        "save_mask": False,
        "save_correction": False,
        "skip": True,
    }
    assert {key: values[key] for key in expected} == expected
