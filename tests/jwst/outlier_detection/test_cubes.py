"""Coronagraphic exposures and time series: results of the released pipeline, running medians, bad input."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.datamodels import ModelContainer
from jwst.outlier_detection import OutlierDetectionStep, cubes
from jwst.outlier_detection.cubes import median_of_cube, rolling_median
from stpipe.exceptions import InputError

PARITY = Path(__file__).parents[2] / "parity"
VECTORS = np.load(PARITY / "outlier_detection_cubes.npz")
NAN = np.nan


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("outlier_cubes")


@pytest.fixture(autouse=True)
def _here(offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def run(model, **parameters):
    return OutlierDetectionStep.call(model, configure_log=False, **parameters)


def series(values):
    return np.array(values, np.float32).reshape(-1, 1, 1)


@pytest.mark.parametrize("case", MAKE.CASES)
def test_agrees_with_the_released_pipeline(case):
    exp_type, parameters = MAKE.CASES[case]
    result = run(MAKE.cube(exp_type), save_intermediate_results=True, **parameters)
    np.testing.assert_array_equal(result.dq, VECTORS[f"{case}/dq"])
    np.testing.assert_array_equal(np.packbits(np.isnan(result.data)), VECTORS[f"{case}/nan"])
    assert result.meta.cal_step.outlier_detection == "COMPLETE"
    if VECTORS[f"{case}/weight"].ndim:
        np.testing.assert_array_equal(result.wht, VECTORS[f"{case}/weight"])
    with datamodels.open(str(VECTORS[f"{case}/median_name"])) as median:
        assert type(median).__name__ == VECTORS[f"{case}/median_class"]
        np.testing.assert_array_equal(median.data, VECTORS[f"{case}/median"])


@pytest.mark.parametrize(("width", "expected"), [(3, [2, 2, 5, 3, 8, 4, 4]), (4, [3.5, 3.5, 3.5, 4, 5.5, 6, 6])])
def test_running_median_of_the_specification(width, expected):
    np.testing.assert_array_equal(rolling_median(series([1, 5, 2, 8, 3, 9, 4]), width).ravel(), expected)


@pytest.mark.parametrize("width", [2, 5, 6, 19])
@pytest.mark.parametrize("tile", [50, 1 << 18])
def test_running_median_is_that_of_numpy(width, tile, monkeypatch):
    monkeypatch.setattr(cubes, "TILE", tile)
    rng = np.random.default_rng(3)
    cube = rng.normal(size=(19, 5, 4)).astype(np.float32)
    cube[rng.random(cube.shape) < 0.05] = NAN
    used = rng.random(cube.shape) > 0.03
    masked = np.where(used, cube, np.float32(NAN))
    windows = np.lib.stride_tricks.sliding_window_view(masked, width, axis=0)
    inner = np.median(windows, axis=-1)
    half = width // 2
    expected = np.concatenate([inner[:1]] * half + [inner] + [inner[-1:]] * (len(cube) - half - len(inner)))
    np.testing.assert_array_equal(rolling_median(cube, width, used=used), expected)


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_median_of_a_cube_is_that_of_numpy(monkeypatch):
    monkeypatch.setattr(cubes, "TILE", 60)
    cube = np.random.default_rng(3).normal(size=(7, 6, 5)).astype(np.float32)
    cube[:, 2, 2] = NAN
    used = np.ones(cube.shape, bool)
    used[:4, 1, 1] = False
    expected = np.nanmedian(np.where(used, cube, np.float32(NAN)), axis=0)
    np.testing.assert_array_equal(median_of_cube(cube, used=used), expected)


@pytest.mark.parametrize(
    ("window", "spoiled", "expected"), [(25, False, 2), (100, False, 2), (25, True, 1), (100, True, 2)]
)
def test_flagged_integrations_spoil_their_neighbours(window, spoiled, expected):
    model = datamodels.CubeModel((40, 12, 12))
    rng = np.random.default_rng(0)
    model.data = (1 + rng.normal(0, 0.02, (40, 12, 12))).astype(np.float32)
    model.err = np.full((40, 12, 12), 0.03, np.float32)
    model.dq = np.zeros((40, 12, 12), np.uint32)
    model.data[20, 5, 5] += 1
    model.data[0, 3, 3] += 1
    if spoiled:
        model.data[18, 5, 5], model.dq[18, 5, 5] = NAN, 1
    model.meta.exposure.type, model.meta.visit.tsovisit = "MIR_IMAGE", True
    assert (run(model, rolling_window_width=window).dq & 16 > 0).sum() == expected


def test_coron_of_the_specification():
    model = datamodels.CubeModel((5, 20, 20))
    model.data = np.random.default_rng(1).normal(0, 0.02, (5, 20, 20)).astype(np.float32)
    model.err = np.full((5, 20, 20), 0.02, np.float32)
    model.dq = np.zeros((5, 20, 20), np.uint32)
    model.data[2, 5, 5] += 1
    model.meta.exposure.type = "NRC_CORON"
    assert np.argwhere(run(model).dq).tolist() == [[2, 5, 5]]


@pytest.mark.parametrize("exp_type", ["NRC_TSIMAGE", "NRC_CORON"])
def test_all_flagged(exp_type):
    model = MAKE.cube(exp_type)
    model.dq[:] = 1
    result = run(model)
    assert (result.dq & 1).all()
    assert np.isnan(result.data).all()


@pytest.mark.parametrize("exp_type", ["NRC_TSIMAGE", "NRC_CORON"])
def test_bad_input(exp_type):
    image = datamodels.ImageModel((4, 4))
    image.meta.exposure.type = exp_type
    image.meta.exposure.nints = 3
    with pytest.raises(TypeError, match="CubeModel"):
        run(image)
    cube = MAKE.cube(exp_type)
    del cube._instance["err"]
    with pytest.raises(InputError, match="no errors"):
        run(cube)


def test_several_cubes():
    with pytest.raises(TypeError, match="call it for each"):
        run(ModelContainer([MAKE.cube("NRC_CORON")]))
