"""Integral-field exposures: results of the released pipeline, the filter, bad input."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.outlier_detection import OutlierDetectionStep, neighbours
from jwst.outlier_detection.neighbours import FilterOptions, neighbour_difference, outliers, running_median
from stpipe.exceptions import InputError, ParameterError

PARITY = Path(__file__).parents[2] / "parity"
VECTORS = np.load(PARITY / "outlier_detection_ifu.npz")
NAN = np.nan
PLANES = {"DIFFARR": "diffarr", "MINARR": "minarr", "NORMARR": "normarr", "MINNORM": "minnorm"}


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("outlier_ifu")


@pytest.fixture(autouse=True)
def _here(offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def run(models, **parameters):
    return OutlierDetectionStep.call(models, configure_log=False, **parameters)


def miri(count=2):
    return MAKE.exposures("MIRI", ("MIRIFULONG",) * count)


@pytest.mark.parametrize("case", MAKE.CASES)
def test_agrees_with_the_released_pipeline(case):
    scene, parameters = MAKE.CASES[case]
    result = run(ModelContainer(MAKE.exposures(*scene)), save_intermediate_results=True, **parameters)
    assert type(result) is ModelContainer
    for index, model in enumerate(result):
        np.testing.assert_array_equal(model.dq, VECTORS[f"{case}/dq{index}"])
        nan = np.packbits(np.isnan(model.data) & np.isnan(model.err))
        np.testing.assert_array_equal(nan, VECTORS[f"{case}/nan{index}"])
        assert model.meta.cal_step.outlier_detection == "COMPLETE"
    names = sorted(path.name for path in Path().glob("*.fits"))
    assert names == VECTORS[f"{case}/names"].tolist()
    for name in names:
        with datamodels.open(name) as product:
            for hdu, plane in PLANES.items():
                expected = VECTORS[f"{case}/{Path(name).stem}_{hdu}"]
                np.testing.assert_array_equal(getattr(product, plane)[..., ::3, ::4], expected, err_msg=hdu)


def test_products_say_how_they_were_made():
    run(MAKE.exposures("NIRSPEC", ("NRS2", "NRS1")), save_intermediate_results=True, kernel_size="3 8")
    with datamodels.open("jw01234001001_02101_00001_nrs2_nrs1_outlier_output.fits") as product:
        assert product.meta.instrument.detector == "NRS1"
        assert (product.meta.kernel_ysize, product.meta.kernel_xsize) == (3, 9)


def test_spike_of_all_exposures():
    rng = np.random.default_rng(0)
    images = [rng.normal(0, 0.1, (60, 60)).astype(np.float32) for _ in range(4)]
    for image in images:
        image[30, 30] += 5
    found = outliers(images, 1, FilterOptions(threshold_percent=99.97))
    assert [30, 30] in np.argwhere(found.flagged).tolist()
    assert found.flagged[4:-4, 4:-4].sum() == 1


@pytest.mark.parametrize("axis", [0, 1])
def test_neighbour_difference(axis):
    image = np.array([[1, 4, NAN], [2, 2, 7], [NAN, NAN, NAN]], np.float32)
    by_rows = [[1, 2, NAN], [1, 2, NAN], [NAN, NAN, NAN]]
    by_columns = [[1, 3, NAN], [0, 0, 5], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(neighbour_difference(image, axis), [by_rows, by_columns][axis])


@pytest.mark.parametrize("block", [100, 1 << 21])
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_running_median_is_that_of_numpy(block, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", block)
    rng = np.random.default_rng(6)
    image = rng.normal(size=(15, 12)).astype(np.float32)
    image[rng.random(image.shape) < 0.2] = NAN
    image[4:11, 3:8] = NAN
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, ((2, 2), (1, 1))), (5, 3))
    np.testing.assert_array_equal(running_median(image, (5, 3)), np.nanmedian(windows.astype(float), axis=(2, 3)))


def test_one_exposure_fails():
    (model,) = run(ModelContainer(miri(1)))
    assert model.meta.cal_step.outlier_detection == "FAILED"
    assert np.array_equal(model.data, miri(1)[0].data, equal_nan=True)


def test_all_flagged():
    models = miri()
    for model in models:
        model.dq[:] = 1
    assert all((model.dq == 1).all() for model in run(models))


@pytest.mark.parametrize("text", ["7", "a b", "7 -1", "0 0", "7.5 7"])
def test_kernels_that_are_none(text):
    with pytest.raises(ParameterError, match="kernel_size"):
        run(miri(), kernel_size=text)


def test_bad_input():
    with pytest.raises(TypeError, match="several exposures"):
        run(ModelLibrary(miri()))
    with pytest.raises(TypeError, match="several exposures"):
        run(miri(1)[0])
    models = miri()
    models[1] = datamodels.IFUImageModel((8, 8))
    models[1].update(models[0])
    models[1].err = np.ones((8, 8), np.float32)
    with pytest.raises(InputError, match="of the same detector"):
        run(models)
    models = miri()
    for model in models:
        model.meta.instrument.name = "NIRCAM"
    with pytest.raises(InputError, match="NIRCAM"):
        run(models)
