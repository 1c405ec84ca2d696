"""calwebb_image2: names, inputs, statuses (spec pipeline_image2.md); values are compared in test_imaging_runs.py."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.datamodels import ModelContainer
from jwst.pipeline import Image2Pipeline
from stpipe.cli.strun import main
from tests.jwst.pipeline.imaging_fields import RATE, bench, runs

ROOT = RATE.removesuffix("_rate.fits")
pytestmark = pytest.mark.filterwarnings("ignore::stdatamodels.exceptions.ValidationWarning")


@pytest.fixture
def steps(field):
    """References, and no resampled image, which takes most of the time."""
    return {**field.steps, "resample": {"skip": True}}


def written(field):
    return [name for name in field.files() if name.endswith(("_cal.fits", "_i2d.fits", "_calints.fits", "_bsub.fits"))]


@pytest.fixture
def empty(field):
    """The same folder without calibrated images."""
    for name in field.files():
        if "_cal." in name:
            os.remove(name)
    return field


def test_one_file(empty):
    (model,) = Image2Pipeline.call(RATE, steps=empty.steps, save_results=True)
    assert type(model) is datamodels.ImageModel
    assert written(empty) == [f"{ROOT}_cal.fits", f"{ROOT}_i2d.fits"]
    assert model.meta.filename == f"{ROOT}_cal.fits"
    assert (model.meta.asn.pool_name, model.meta.asn.table_name) == ("singleton", "singleton")
    assert np.nanmedian(model.data) == pytest.approx(1.5, rel=0.01)
    status = model.meta.cal_step
    assert (status.assign_wcs, status.flat_field, status.photom) == ("COMPLETE",) * 3
    assert (status.bkg_subtract, status.resample) == (None, None)
    with datamodels.open(f"{ROOT}_i2d.fits") as combined:
        assert combined.meta.cal_step.resample == "COMPLETE"
        assert combined.meta.asn.pool_name == "singleton"
        assert not combined.hasattr("hdrtab")


def test_result_that_is_not_saved_has_its_name(empty, steps):
    (model,) = Image2Pipeline.call(RATE, steps=steps)
    assert model.meta.filename == f"{ROOT}_cal.fits"
    assert written(empty) == []


def test_model_is_not_changed_where_the_pipeline_runs_alone(field, steps):
    with datamodels.open(RATE) as rate:
        before = rate.data.copy()
        (model,) = Image2Pipeline.call(rate, steps=steps)
        np.testing.assert_array_equal(rate.data, before)
        assert rate.meta.cal_step.photom is None
        assert rate.meta.filename == RATE
    assert model.meta.cal_step.photom == "COMPLETE"


@pytest.mark.parametrize("collect", [list, ModelContainer], ids=["list", "container"])
def test_list_of_models(empty, steps, collect):
    """Each has the name of its exposure, also where nothing is saved."""
    models = [datamodels.open(RATE), datamodels.open("background_rate.fits")]
    names = [f"{ROOT}_cal.fits", "background_cal.fits"]
    results = Image2Pipeline.call(collect(models), steps=steps)
    assert [model.meta.filename for model in results] == names
    assert written(empty) == []
    Image2Pipeline.call(collect(models), steps=steps, save_results=True)
    assert written(empty) == sorted(names)


def test_list_of_paths_with_a_name(empty, steps):
    Image2Pipeline.call([RATE, Path("background_rate.fits")], steps=steps, output_file="foo.fits", output_dir=".")
    assert written(empty) == ["foo_2_cal.fits", "foo_cal.fits"]


def test_list_of_paths_with_a_name_in_a_folder(empty):
    Image2Pipeline.call([RATE, RATE], steps=empty.steps, output_file="out/foo.fits", save_results=True)
    assert written(empty) == [f"out/foo{number}_{kind}.fits" for number in ("_2", "") for kind in ("cal", "i2d")]


def test_output_file_and_folder(empty):
    Image2Pipeline.call(RATE, steps=empty.steps, save_results=True, output_file="foo.fits", output_dir="out")
    assert written(empty) == ["out/foo_cal.fits", "out/foo_i2d.fits"]


def test_input_in_another_folder(empty, steps):
    Path("in").mkdir()
    os.rename(RATE, f"in/{RATE}")
    Image2Pipeline.call(f"in/{RATE}", steps=steps, save_results=True)
    assert written(empty) == [f"{ROOT}_cal.fits"]


def test_two_products_have_their_own_names(empty, steps, caplog):
    asn = empty.asn({"prodA.v2": [(RATE, "SCIENCE")], "prodB": [(RATE, "Science"), ("none.fits", "imprint")]})
    Image2Pipeline.call(asn, steps=steps, save_results=True, output_file="foo")
    assert written(empty) == ["prodA.v2_cal.fits", "prodB_cal.fits"]
    assert "output_file foo is not used, because there are 2 products" in caplog.text


def test_association_in_memory(empty, steps):
    asn = json.loads(Path(empty.asn({"prod": [(RATE, "science")]})).read_text())
    (model,) = Image2Pipeline.call(asn, steps=steps, save_results=True)
    assert written(empty) == ["prod_cal.fits"]
    assert model.meta.asn.pool_name == "mypool"


@pytest.mark.filterwarnings("ignore:save_bsub is deprecated:DeprecationWarning")
def test_cube_with_backgrounds(empty, steps, caplog):
    bench.rate(2, level=0.5, shape=(2, *runs.SHAPE), exp_type="NRC_TSIMAGE").save("background_rateints.fits")
    members = [(RATE.replace("rate", "rateints"), "science"), ("background_rateints.fits", "background")]
    asn = empty.asn({"prod": members})
    (model,) = Image2Pipeline.call(asn, steps=steps, save_results=True, save_bsub=True)
    assert "save_bsub is deprecated" in caplog.text
    assert type(model) is datamodels.CubeModel
    assert {"prod_calints.fits", "prod_bsubints.fits"} <= set(empty.files())
    assert np.nanmedian(model.data) == pytest.approx(1.125, rel=0.02)
    assert model.meta.cal_step.bkg_subtract == "COMPLETE"


def test_combined_background(empty, steps):
    asn = empty.asn({"prod": [(RATE, "science"), ("background_rate.fits", "background")]})
    steps["bkg_subtract"]["save_combined_background"] = True
    Image2Pipeline.call(asn, steps=steps)
    assert "prod_combinedbackground.fits" in empty.files()


def test_skipped_steps(empty, steps):
    steps["photom"] = {**steps["photom"], "skip": True}
    (model,) = Image2Pipeline.call(RATE, steps=steps, save_results=True)
    assert written(empty) == [f"{ROOT}_cal.fits"]
    assert (model.meta.cal_step.photom, model.meta.cal_step.resample) == ("SKIPPED", "SKIPPED")


def test_instance_runs_twice(empty, steps):
    pipeline = Image2Pipeline(steps=steps, save_results=True)
    asn = empty.asn({"a": [(RATE, "science")], "b": [(RATE, "science")]})
    before = pipeline.get_pars()
    pipeline.run(asn)
    assert pipeline.get_pars() == before
    (model,) = pipeline.run(RATE)
    assert written(empty) == ["a_cal.fits", "b_cal.fits", f"{ROOT}_cal.fits"]
    assert model.meta.filename == f"{ROOT}_cal.fits"


def test_nothing_stays_open(empty, steps):
    Image2Pipeline.call(RATE, steps=steps, save_results=True)
    links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    assert not [link for link in links if link.startswith(str(empty.folder))]


def test_command_line(empty, steps, capsys):
    options = [f"--steps.{step}.{key}={value}" for step, values in steps.items() for key, value in values.items()]
    assert main(["calwebb_image2", RATE, "--output_dir=out", *options]) == 0
    assert written(empty) == [f"out/{ROOT}_cal.fits"]
    assert main(["jwst.pipeline.Image2Pipeline", RATE, "--output_dir=more", *options]) == 0
    assert f"more/{ROOT}_cal.fits" in written(empty)


def test_plan_names_the_products(empty):
    plan = Image2Pipeline(steps=empty.steps, save_results=True).plan(RATE)
    assert [product.path for product in plan.products] == [f"{ROOT}_i2d.fits", f"{ROOT}_cal.fits"]
    assert [step.key for step in plan.step.steps][-1] == "resample"
    cube = Image2Pipeline(steps=empty.steps, save_results=True).plan(RATE.replace("rate", "rateints"))
    assert [product.path for product in cube.products] == [f"{ROOT}_calints.fits"]
    assert cube.step.unused == ("resample",)


def test_plan_of_several_products(empty):
    asn = empty.asn({"a.v2": [(RATE, "science")], "b": [(RATE, "science")]})
    pipeline = Image2Pipeline(steps=empty.steps, save_results=True)
    names = ["a.v2_i2d.fits", "b_i2d.fits", "a.v2_cal.fits", "b_cal.fits"]
    assert [product.path for product in pipeline.plan(asn).products] == names
    pipeline.run(asn)
    assert written(empty) == sorted(names)
    names = [f"{ROOT}_i2d.fits", "background_i2d.fits", f"{ROOT}_cal.fits", "background_cal.fits"]
    assert [product.path for product in pipeline.plan([RATE, "background_rate.fits"]).products] == names


def test_existing_product_is_kept_if_overwriting_is_forbidden(empty, steps, monkeypatch):
    monkeypatch.setenv("STPIPE_OVERWRITE", "forbid")
    Path(f"{ROOT}_cal.fits").write_text("old")
    with pytest.raises(FileExistsError, match="_cal.fits"):
        Image2Pipeline.call(RATE, steps=steps, save_results=True)
    assert Path(f"{ROOT}_cal.fits").read_text() == "old"


def test_log_lines_are_in_the_product(empty, steps):
    logging.getLogger("jwst").setLevel(logging.INFO)
    Image2Pipeline.call(RATE, steps=steps, save_results=True)
    with datamodels.open(f"{ROOT}_cal.fits") as model:
        lines = model.cal_logs.instance["calwebb_image2"]
    assert any("Processing product" in line for line in lines)
