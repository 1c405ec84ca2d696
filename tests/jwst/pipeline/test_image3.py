"""calwebb_image3: names, inputs, memory (spec pipeline_image3.md); values are compared in test_imaging_runs.py."""

from __future__ import annotations

import gc
import json
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.pipeline import Image3Pipeline
from stpipe.cli.strun import main
from tests.jwst.pipeline.imaging_fields import CALS

NAME = "jw01234-c1001_t001_nircam_f200w"
QUICK = {"tweakreg": {"skip": True}, "source_catalog": {"skip": True}}
pytestmark = pytest.mark.filterwarnings("ignore::stdatamodels.exceptions.ValidationWarning")


def products(field):
    return [name for name in field.files() if name.endswith(("_crf.fits", "_i2d.fits", "_cat.ecsv", "_segm.fits"))]


def crf(count=4, asn_id="_c1001"):
    return [name.replace("_cal.fits", f"{asn_id}_crf.fits") for name in CALS[:count]]


@pytest.fixture
def asn(field):
    return field.asn({NAME: [(name, "science") for name in CALS] + [(CALS[0], "background")]}, "i3_asn.json")


def run(given, **parameters):
    return Image3Pipeline.call(given, **{"steps": QUICK, "save_results": True, **parameters})


def test_products_of_an_association(field, asn):
    assert run(asn) is None
    assert products(field) == sorted([f"{NAME}_i2d.fits", *crf()])
    with datamodels.open(f"{NAME}_i2d.fits") as model:
        assert (model.meta.asn.table_name, model.meta.asn.pool_name) == ("i3_asn.json", "mypool")
        assert model.meta.exposure.exposure_time == 400
        assert len(model.hdrtab) == 4
        assert model.meta.cal_step.tweakreg == "SKIPPED"


def test_files_are_not_changed(field, asn):
    before = [Path(name).read_bytes() for name in CALS]
    run(asn)
    assert [Path(name).read_bytes() for name in CALS] == before


def test_on_disk_is_the_same_and_leaves_nothing(field, asn):
    run(asn, output_dir="memory")
    run(asn, output_dir="disk", in_memory=False, configure_log=False)  # else records of the log hold the library
    names = sorted(os.listdir("memory"))
    assert sorted(os.listdir("disk")) == names
    gc.collect()
    assert not [name for name in field.files() if "stpipe-library" in name]
    for name in names:
        with datamodels.open(f"memory/{name}") as one, datamodels.open(f"disk/{name}") as other:
            for plane in ("data", "err", "dq", "wht", "con"):
                left, right = getattr(one, plane, None), getattr(other, plane, None)
                assert (left is None) == (right is None)
                if left is not None:
                    np.testing.assert_array_equal(left, right)


def test_output_file_names_the_mosaic_alone(field, asn):
    run(asn, output_file="myout", output_dir="out")
    assert products(field) == sorted([f"out/{name}" for name in crf()] + ["out/myout_i2d.fits"])


@pytest.mark.parametrize(
    "given",
    [
        lambda: CALS[:2],
        lambda: [Path(name) for name in CALS[:2]],
        lambda: [datamodels.open(name) for name in CALS[:2]],
        lambda: ModelContainer(CALS[:2]),
        lambda: ModelLibrary(CALS[:2]),
    ],
    ids=["paths", "Path", "models", "container", "library"],
)
def test_lists(field, given):
    run(given())
    assert products(field) == sorted([*crf(2, ""), "step_i2d.fits"])


def test_models_are_not_changed(field):
    models = [datamodels.open(name) for name in CALS[:2]]
    before = [(model.data.copy(), model.dq.copy()) for model in models]
    run(models)
    for model, (data, dq) in zip(models, before):
        np.testing.assert_array_equal(model.data, data)
        np.testing.assert_array_equal(model.dq, dq)
        assert model.meta.cal_step.skymatch is None


@pytest.mark.parametrize("of", [str, datamodels.open], ids=["path", "model"])
def test_single_exposure(field, of):
    run(of(CALS[0]), steps={"source_catalog": {"skip": True}})
    root = CALS[0].removesuffix("_cal.fits")
    assert products(field) == [f"{root}_crf.fits", f"{root}_i2d.fits"]
    with datamodels.open(f"{root}_crf.fits") as model:
        status = model.meta.cal_step
        assert (status.tweakreg, status.outlier_detection, status.skymatch) == ("FAILED", "FAILED", "SKIPPED")


def test_association_in_memory(field, asn):
    run(json.loads(Path(asn).read_text()))
    assert products(field) == sorted([f"{NAME}_i2d.fits", *crf()])


def test_nothing_is_saved_unless_asked_for(field, asn):
    before = field.files()
    run(asn, save_results=False)
    assert field.files() == before


def test_skipped_outlier_detection(field):
    run(CALS[:2], steps={**QUICK, "outlier_detection": {"skip": True}})
    assert products(field) == ["step_i2d.fits"]
    with datamodels.open("step_i2d.fits") as model:
        assert model.meta.cal_step.outlier_detection == "SKIPPED"


def test_skipped_resample(field):
    run(CALS[:2], steps={"tweakreg": {"skip": True}, "resample": {"skip": True}})
    assert products(field) == crf(2, "")


def test_no_source_catalog_without_references_is_no_question(field, asn):
    """Steps that are skipped ask for no reference: there is no CRDS here."""
    run(asn)


def test_instance_runs_twice(field, asn):
    pipeline = Image3Pipeline(steps=QUICK, save_results=True, in_memory=False)
    before = pipeline.get_pars()
    pipeline.run(asn)
    assert pipeline.get_pars() == before
    pipeline.run(CALS[:2])
    assert products(field) == sorted([f"{NAME}_i2d.fits", *crf(), *crf(2, ""), "step_i2d.fits"])


def test_exposures_are_released_before_the_catalog(field, asn, monkeypatch):
    """Once the mosaic is made, no exposure is held."""
    opened, alive = [], []
    open_one = ModelLibrary._datamodels_open

    def opening(self, *args, **kwargs):
        model = open_one(self, *args, **kwargs)
        opened.append(weakref.ref(model))
        return model

    def catalog(self, combined):
        gc.collect()
        alive.extend(one for one in opened if one() is not None)

    monkeypatch.setattr(ModelLibrary, "_datamodels_open", opening)
    pipeline = Image3Pipeline(steps={"tweakreg": {"skip": True}})
    monkeypatch.setattr(type(pipeline.source_catalog), "run", catalog)
    monkeypatch.setattr(type(pipeline), "prefetch_references", False)
    pipeline.run(asn)
    assert len(opened) >= 4
    assert not alive


def test_one_exposure_at_a_time_on_disk(field, asn, monkeypatch):
    """On disk no more than one exposure, and what copies of it a step makes, is there at any time."""
    lent, most = [], []
    borrow_one = ModelLibrary.borrow

    def borrowing(self, index):
        most.append(sum(one() is not None for one in lent))
        model = borrow_one(self, index)
        lent.append(weakref.ref(model))
        return model

    monkeypatch.setattr(ModelLibrary, "borrow", borrowing)
    run(asn, in_memory=False)
    assert len(most) > 8
    assert max(most) <= 1  # without a garbage collection


def test_command_line(field, asn):
    options = ["--steps.tweakreg.skip=true", "--steps.source_catalog.skip=true"]
    assert main(["calwebb_image3", asn, "--output_dir=out", *options]) == 0
    assert products(field) == sorted([f"out/{NAME}_i2d.fits", *(f"out/{name}" for name in crf())])


def test_order_of_the_steps():
    pipeline = Image3Pipeline()
    rest = ("skymatch", "outlier_detection", "resample", "source_catalog")
    assert pipeline.planned_steps({}) == ("tweakreg", *rest)
    assert pipeline.planned_steps({"meta.target.type": "MOVING"}) == ("assign_mtwcs", *rest)


def test_plan_of_one_exposure(field):
    plan = Image3Pipeline(steps={"tweakreg": {"skip": True}}, save_results=True).plan(CALS[0])
    root = CALS[0].removesuffix("_cal.fits")
    paths = [product.path for product in plan.products]
    assert paths == [f"{root}_crf.fits", f"{root}_i2d.fits", f"{root}_cat.ecsv"]


def test_plan_of_several_exposures(field, asn):
    """The exposures have names of their own, which are not told."""
    pipeline = Image3Pipeline(steps={"tweakreg": {"skip": True}}, save_results=True)
    assert [product.path for product in pipeline.plan(asn).products] == [f"{NAME}_i2d.fits", f"{NAME}_cat.ecsv"]
    assert [product.path for product in pipeline.plan(CALS).products] == ["step_i2d.fits", "step_cat.ecsv"]
    pipeline.output_file = "myout.fits"
    assert [product.path for product in pipeline.plan(asn).products] == ["myout_i2d.fits", "myout_cat.ecsv"]
