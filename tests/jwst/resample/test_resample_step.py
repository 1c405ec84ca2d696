"""The resample step: inputs of all kinds, libraries in memory and on disk, bad input."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.lib.invalid import sync_invalid
from jwst.resample import ResampleStep
from jwst.resample.resample_step import _made_consistent
from jwst.resample.resample_utils import load_custom_wcs, resampled_wcs_from_models
from stpipe.exceptions import InputError, MissingMetadataError, ParameterError, ValidationError
from tests.jwst.resample.resampling import MAKE, members, noisy


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path):
    """Three exposures in files, and an association of them."""
    models = noisy()
    for model in models:
        model.save(tmp_path / model.meta.filename)
    names = [model.meta.filename for model in models]
    asn = {"asn_id": "a3001", "asn_pool": "pool.csv", "asn_type": "None", "asn_rule": "DMS_Level3_Base", "program": "1"}
    asn["products"] = [{"name": "prod", "members": [{"expname": name, "exptype": "science"} for name in names]}]
    (tmp_path / "a_asn.json").write_text(json.dumps(asn))
    return names


def test_inputs_of_all_kinds(files):
    expected = ResampleStep.call(noisy())
    inputs = ["a_asn.json", files, [*map(datamodels.open, files)], ModelContainer(noisy()), ModelLibrary("a_asn.json")]
    for one in inputs:
        result = ResampleStep.call(one)
        np.testing.assert_array_equal(result.data, expected.data)
        assert len(result.hdrtab) == 3
        assert result.meta.cal_step.resample == "COMPLETE"


def test_one_image_is_not_blended(files):
    for one in (files[0], noisy(1)[0]):
        assert getattr(ResampleStep.call(one), "hdrtab", None) is None
    assert len(ResampleStep.call(noisy(1)).hdrtab) == 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_product_of_an_association(files, in_memory):
    ResampleStep.call("a_asn.json", save_results=True, in_memory=in_memory)
    with datamodels.open("a_asn_resamplestep.fits") as product:
        assert (product.meta.asn.table_name, product.meta.asn.pool_name) == ("a_asn.json", "pool.csv")
        np.testing.assert_array_equal(product.data, ResampleStep.call(noisy()).data)
        assert len(product.hdrtab) == 3
    assert sorted(os.listdir()) == sorted([*files, "a_asn.json", "a_asn_resamplestep.fits"])


def test_name_of_a_product_that_is_a_file(files, tmp_path):
    asn = json.loads((tmp_path / "a_asn.json").read_text())
    asn["products"][0]["name"] = "mine.fits"
    assert ResampleStep.call(asn).meta.filename == "mine.fits"


def test_inputs_are_left_as_they_were():
    models = noisy()
    before = [model.data.copy() for model in models]
    ResampleStep.call(models)
    for model, data in zip(models, before, strict=True):
        np.testing.assert_array_equal(model.data, data)
        assert model.meta.wcsinfo.ra_ref is not None


def test_members_of_a_library_are_made_consistent():
    models = noisy(1)
    models[0].err[2, 2] = np.nan
    ResampleStep.call(ModelLibrary(models))
    assert models[0].dq[2, 2] & 1
    assert np.isnan(models[0].data[2, 2])


@pytest.mark.parametrize(
    ("name", "value", "changed"), [(None, 0, False), ("dq", 1, True), ("dq", 2, False), ("var_flat", np.nan, True)]
)
@pytest.mark.parametrize("block", [1, 1 << 16])
def test_whether_making_an_image_consistent_changed_it(name, value, changed, block, monkeypatch):
    monkeypatch.setattr("jwst.resample.resample_step._BLOCK", block)
    (model,) = noisy(1)
    sync_invalid(model)
    row, column = np.argwhere(model.dq & 1 == 0)[-1]
    if name:
        getattr(model, name)[row, column] = value
    assert _made_consistent(model) is changed
    assert np.isnan(model.data[row, column]) == changed
    assert not _made_consistent(model)


@pytest.mark.parametrize("in_memory", [True, False])
def test_products_of_single(files, in_memory):
    library = ResampleStep.call("a_asn.json", single=True, in_memory=in_memory)
    assert library.on_disk is not in_memory
    assert len(library) == 2
    models = members(library)
    assert [model.meta.resample.pointings for model in models] == [1, 1]
    assert [model.meta.exposure.exposure_time for model in models] == [100, 200]
    expected = members(ResampleStep.call(noisy(), single=True))
    for model, other in zip(models, expected, strict=True):
        np.testing.assert_array_equal(model.data, other.data)
        np.testing.assert_array_equal(model.err, other.err)
    del library
    left = [name for name in os.listdir() if name.startswith("resample-")]
    assert left == []


def test_planned_products(files):
    step = ResampleStep()
    assert step.planned_products({}) != []
    step.single = True
    assert step.planned_products({}) == []


def test_utilities(files):
    library = ModelLibrary("a_asn.json")
    wcs, first, output = resampled_wcs_from_models(library)
    assert wcs.array_shape == ResampleStep.call(library).data.shape
    assert first == output == pytest.approx(0.0312, rel=1e-4)
    import asdf

    asdf.AsdfFile({"wcs": wcs, "pixel_scale": 0.03}).write_to("grid.asdf")
    custom = load_custom_wcs("grid.asdf", (9, 8))
    assert custom["wcs"].array_shape == (8, 9)
    assert custom["pixel_scale"] == 0.03


def cube():
    model = datamodels.CubeModel((3, *MAKE.SMALL))
    model.update(noisy(1)[0])
    return model


def without(name):
    """The first exposure without a value."""
    model = noisy(1)[0]
    model[f"meta.{name}"] = None
    return model


@pytest.mark.parametrize("one", [cube, lambda: 3, lambda: datamodels.SlitModel((3, 3))])
def test_input_of_another_kind(one):
    with pytest.raises(TypeError):
        ResampleStep.call(one())


@pytest.mark.parametrize(
    ("models", "kind", "text"),
    [
        (list, InputError, "empty"),
        (lambda: [cube()], RuntimeError, "no image"),
        (lambda: [*noisy(1), cube()], RuntimeError, "no image"),
        (lambda: [without("wcsinfo.s_region")], InputError, "s_region"),
        (lambda: [without("wcsinfo.ra_ref")], MissingMetadataError, "ra_ref"),
        (lambda: [without("wcs")], InputError, "assign_wcs"),
    ],
)
def test_inputs_that_cannot_be_combined(models, kind, text):
    with pytest.raises(kind, match=text):
        ResampleStep.call(models())


def test_instruments_are_not_mixed():
    models = noisy(2)
    models[1].meta.instrument.name = "MIRI"
    with pytest.raises(InputError, match="instruments"):
        ResampleStep.call(models)


def test_coordinates_of_nan(caplog):
    """An input without finite coordinates adds nothing."""
    from astropy.modeling.models import Identity, Shift
    from gwcs import wcs as gw

    models = noisy(2)
    old = models[1].meta.wcs
    broken = Shift(np.nan) & Shift(np.nan) | Identity(2)
    models[1].meta.wcs = gw.WCS([(old.input_frame, broken), (old.output_frame, None)])
    models[1].meta.wcs.bounding_box = old.bounding_box
    result = ResampleStep.call(models, enable_err=False)
    assert "nothing of it is used" in caplog.text
    assert np.unique(result.con).tolist() == [0, 1]


def test_a_member_beside_the_product(caplog):
    result = ResampleStep.call(noisy(1), crval=[80.0, -69.5], crpix=[-500.0, 0.0], output_shape=[10, 10])
    assert "nothing of it is used" in caplog.text
    assert not result.wht.any()
    assert np.isnan(result.err).all()
    assert result.meta.wcsinfo.s_region is None


@pytest.mark.parametrize("flag", [1, 512])
def test_all_pixels_unusable(flag):
    models = noisy(1)
    models[0].dq[...] = flag
    result = ResampleStep.call(models)
    assert not np.isfinite(result.data).any()
    assert not np.isfinite(result.err).any()
    assert not result.con.any()


def test_without_times(caplog):
    result = ResampleStep.call([without("exposure.exposure_time"), noisy(2)[1]])
    assert result.meta.exposure.exposure_time is None
    assert "EFFEXPTM" in caplog.text
    assert ResampleStep.call([without("exposure.start_time"), noisy(2)[1]]).meta.exposure.start_time == 60127.0
    assert ResampleStep.call([without("exposure.measurement_time"), noisy(2)[1]]).meta.exposure.measurement_time is None


def test_without_read_noise(caplog):
    """Where the released pipeline fails, all pixels have the same weight."""
    result = ResampleStep.call(MAKE.bare("var_rnoise"))
    assert "VAR_RNOISE" in caplog.text
    assert np.isfinite(result.err).sum() == np.isfinite(result.data).sum()
    assert np.isnan(result.var_rnoise).all()


def test_single_needs_errors():
    models = noisy(1)
    models[0].err = np.zeros((3, 3), np.float32)
    with pytest.raises(InputError, match="ERR"):
        ResampleStep.call(models, single=True)


@pytest.mark.parametrize(
    "parameters",
    [
        {"output_shape": [0, 5]},
        {"output_shape": [1, 5]},
        {"fillval": "abc"},
        {"pixmap_stepsize": 3.0, "pixmap_order": 2},
        {"output_wcs": "missing.asdf"},
        {"pixel_scale_ratio": 0.0},
        {"pixel_scale": -1.0},
    ],
)
def test_values_that_cannot_be_used(parameters):
    with pytest.raises(ValueError, match=".") as caught:
        ResampleStep.call(noisy(1), **parameters)
    assert isinstance(caught.value, InputError | ParameterError)


@pytest.mark.parametrize(
    "parameters",
    [
        {"output_shape": [5]},
        {"crpix": [1.0]},
        {"crval": [1.0, 2.0, 3.0]},
        {"weight_type": None},
        {"weight_type": "ivm-sky"},
        {"kernel": "tophat"},
        {"pixfrac": 1.5},
    ],
)
def test_values_that_are_not_allowed(parameters):
    with pytest.raises(ValidationError):
        ResampleStep.call(noisy(1), **parameters)
