"""The step in its imaging mode: results of the released pipeline, states, names, bad input."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst.datamodels import CubeModel, ImageModel

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.outlier_detection import OutlierDetectionStep
from jwst.outlier_detection.imaging import detect_outliers
from stpipe.exceptions import InputError, NotBuiltError, ParameterError

PARITY = Path(__file__).parents[2] / "parity"
VECTORS = np.load(PARITY / "outlier_detection.npz")
KINDS = ("outlier_i2d", "median", "blot")


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("outlier_cases")


@pytest.fixture(autouse=True)
def _here(offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@cache
def scene(name):
    return MAKE.SCENES[name]()


def exposures(name="plain", count=None):
    """Copies of the exposures of a scene."""
    return [model.copy() for model in scene(name)[:count]]


def members(library):
    """All members, borrowed for ever."""
    with library:
        models = list(library)
        for model in models:
            library.shelve(model, modify=False)
    return models


def flagged(library):
    return [np.argwhere(model.dq & 16).tolist() for model in members(library)]


def run(models, **parameters):
    return OutlierDetectionStep.call(models, configure_log=False, **parameters)


def refused(case, **changes):
    """Run the array part of a scene with products kept, without files."""
    kept = {}

    def keep(suffix, name, make):
        with make() as model:
            stem = name.replace("_cal.fits", f"_{suffix}.fits")
            kept[stem] = (np.array(model.data), np.array(model.wht) if suffix == "outlier_i2d" else None)

    name, parameters = MAKE.CASES[case]
    library = ModelLibrary(exposures(name))
    detect_outliers(library, OutlierDetectionStep(**parameters | changes)._options(), products=keep)
    return library, kept


@pytest.mark.parametrize("case", MAKE.CASES)
def test_agrees_with_the_released_pipeline(case):
    library, kept = refused(case)
    for index, model in enumerate(members(library)):
        np.testing.assert_array_equal(model.dq, VECTORS[f"{case}/dq{index}"])
        valid = np.packbits(np.isfinite(model.data) & np.isfinite(model.err))
        np.testing.assert_array_equal(valid, VECTORS[f"{case}/valid{index}"])
        assert model.meta.cal_step.outlier_detection == VECTORS[f"{case}/status{index}"]
    assert sorted(kept) == sorted(VECTORS[f"{case}/names"].tolist())
    for name, (image, weight) in kept.items():
        assert image.shape == tuple(VECTORS[f"{case}/shape_{name}"])
        expected, missing = VECTORS[f"{case}/sum_{name}"]
        assert np.isnan(image).sum() == missing
        assert np.nansum(image, dtype=np.float64) == pytest.approx(expected, rel=1e-7)
        np.testing.assert_allclose(image[::10, ::8], VECTORS[f"{case}/sample_{name}"], rtol=1e-6, atol=1e-9)
        if weight is not None:
            np.testing.assert_allclose(weight[::10, ::8], VECTORS[f"{case}/weight_{name}"], rtol=1e-6)


def test_statements_of_the_specification():
    result = run(exposures())
    assert flagged(result) == [[[20, 20], [50, 60]], [[40, 40]], [[70, 30]], []]
    for model in members(result):
        assert set(np.unique(model.dq)) <= {0, 17}
        for plane in ("data", "err", "var_rnoise", "var_poisson", "var_flat"):
            np.testing.assert_array_equal(np.isnan(getattr(model, plane)), model.dq > 0, err_msg=plane)
        assert model.meta.cal_step.outlier_detection == "COMPLETE"


def test_input_is_not_changed_and_containers_are_taken():
    models = exposures("two")
    result = run(ModelContainer(models))
    assert flagged(result) == [[[50, 60]], []]
    assert not any(model.dq.any() for model in models)
    assert models[0].meta.cal_step.outlier_detection is None


@pytest.fixture
def association():
    """Path of an association of two exposures of the hard scene."""
    models = exposures("hard", 2)
    for model in models:
        model.save(model.meta.filename)
    names = [model.meta.filename for model in models]
    listed = [{"expname": name, "exptype": "science"} for name in names]
    asn = {"asn_id": "c1001", "asn_pool": "pool", "products": [{"name": "product", "members": listed}]}
    Path("i3_asn.json").write_text(json.dumps(asn))
    return "i3_asn.json"


def test_on_disk_gives_the_same_files(association):
    for folder, in_memory in (("memory", True), ("disk", False)):
        Path(folder).mkdir()
        run(association, in_memory=in_memory, save_results=True, save_intermediate_results=True, output_dir=folder)
    roots = [model.meta.filename.replace("_cal.fits", "_c1001") for model in scene("hard")[:2]]
    each = {f"{root}_{kind}.fits" for root in roots for kind in ("outlier_i2d", "blot", "outlierdetectionstep")}
    names = sorted(each | {f"{roots[0]}_median.fits"})
    assert [sorted(path.name for path in Path(folder).iterdir()) for folder in ("memory", "disk")] == [names, names]
    for name in names:
        with ImageModel(f"memory/{name}") as one, ImageModel(f"disk/{name}") as two:
            np.testing.assert_array_equal(one.data, two.data, err_msg=name)
            np.testing.assert_array_equal(one.dq, two.dq, err_msg=name)
            assert one.meta.filename == name
    assert not list(Path().glob("outlier_detection_*"))


def test_intermediate_products_say_where_they_are():
    run(exposures("two"), save_intermediate_results=True)
    root = "jw01234001001_02101_00001_nrca1"
    with ImageModel(f"{root}_outlier_i2d.fits") as image, ImageModel(f"{root}_median.fits") as median:
        for model in (image, median):
            assert model.data.shape == model.meta.wcs.array_shape == (102, 124)
            assert model.meta.wcsinfo.ra_ref is None
            assert model.meta.cal_step.resample == "COMPLETE"
            assert model.meta.resample.pointings == 1
            assert model.meta.exposure.exposure_time == 101
    with ImageModel(f"{root}_blot.fits") as blotted:
        assert blotted.data.shape == (100, 120)
        assert blotted.meta.wcsinfo.ra_ref == 80


def test_weights_by_time_work_on_the_detector_too():
    library, _ = refused("same_pixels", weight_type="exptime")
    assert flagged(library) == [[[20, 20], [50, 60]], [[40, 40]], [[70, 30]], []]


def test_one_exposure_fails(caplog):
    result = run(exposures(count=1))
    assert [model.meta.cal_step.outlier_detection for model in members(result)] == ["FAILED"]
    assert flagged(result) == [[]]
    assert "two exposures or more" in caplog.text
    assert run(exposures(count=1)[0]).meta.cal_step.outlier_detection == "FAILED"


@pytest.mark.parametrize("exp_type", ["NRC_TACQ", "NRC_TSIMAGE"])
def test_no_mode_fails(exp_type, caplog):
    models = exposures("two")
    for model in models:
        model.meta.exposure.type = exp_type
        model.meta.exposure.nints = 1
    assert {model.meta.cal_step.outlier_detection for model in members(run(models))} == {"FAILED"}
    assert run(models[0]).meta.cal_step.outlier_detection == "FAILED"
    assert exp_type in caplog.text


def test_a_pipeline_sets_the_mode():
    models = exposures("two")
    for model in models:
        model.meta.exposure.type = "NIS_AMI"
    step = OutlierDetectionStep()
    step.mode = "imaging"
    assert flagged(step.run(models)) == [[[50, 60]], []]
    step.mode = "other"
    with pytest.raises(ParameterError, match="other"):
        step.run(models)


@pytest.mark.parametrize("text", ["abc", "5.0", "5.0 4.0 3.0", "5.0 -1", "nan 1"])
@pytest.mark.parametrize("name", ["snr", "scale"])
def test_pairs_that_are_none(name, text):
    with pytest.raises(ParameterError, match=f"{name}="):
        run(exposures("two"), **{name: text})


@pytest.mark.parametrize(
    "parameters", [{"maskpt": 1.5}, {"maskpt": -0.1}, {"fillval": "x"}, {"weight_type": "none"}, {"pixmap_order": 2}]
)
def test_parameters_out_of_range(parameters):
    with pytest.raises(ParameterError, match=next(iter(parameters))):
        run(exposures("two"), **parameters)


def test_mixed_shapes_on_the_detector():
    models = [*exposures("two"), MAKE.exposure(3, (90, 120))]
    with pytest.raises(InputError, match=r"\(90, 120\).*resample_data=True"):
        run(models, resample_data=False)
    assert len(run(models)) == 3


def lacking(model, plane):
    """The same exposure without a plane."""
    del model._instance[plane]
    return model


@pytest.mark.parametrize("resample_data", [True, False])
def test_without_errors(resample_data):
    models = exposures("two")
    with pytest.raises(InputError, match="00002_nrca1_cal.fits has no errors"):
        run([models[0], lacking(models[1], "err")], resample_data=resample_data)


@pytest.mark.parametrize("plane", ["var_rnoise", "var_flat", "dq"])
def test_without_a_plane_that_is_not_needed(plane):
    models = [lacking(model, plane) for model in exposures()]
    assert flagged(run(models)) == [[[20, 20], [50, 60]], [[40, 40]], [[70, 30]], []]


def test_all_flagged():
    models = exposures("two")
    for model in models:
        model.dq[:] = 1
    result = run(models)
    assert flagged(result) == [[], []]
    assert all(np.isnan(model.data).all() for model in members(result))


def test_no_overlap():
    models = [MAKE.exposure(1), MAKE.exposure(2, offset=(500, 0))]
    assert flagged(run(models)) == [[], []]


def test_without_coordinates():
    models = exposures("two")
    models[1].meta.wcsinfo.s_region = None
    with pytest.raises(InputError, match="S_REGION"):
        run(models)
    models = exposures("two")
    models[1].meta.wcs = None
    with pytest.raises(InputError, match="00002_nrca1_cal.fits has no world coordinates"):
        run(models)


def test_no_image():
    cube = CubeModel((2, 8, 8))
    cube.meta.exposure.type = "NRC_IMAGE"
    cube.meta.filename = "cube.fits"
    with pytest.raises(InputError, match="cube.fits"):
        run([cube, cube.copy()], resample_data=False)


@pytest.mark.parametrize("exp_type", ["NRS_FIXEDSLIT", "NIS_WFSS"])
def test_modes_that_are_not_built(exp_type):
    models = exposures("two")
    for model in models:
        model.meta.exposure.type = exp_type
    with pytest.raises(NotBuiltError, match="skip"):
        run(models)


def test_plan(association):
    plan = str(OutlierDetectionStep.plan(association, save_results=True, save_intermediate_results=True))
    for kind in KINDS:
        assert f"_{kind}.fits" in plan
