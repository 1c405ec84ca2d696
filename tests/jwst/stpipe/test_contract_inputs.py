"""Statements of spec jwst_base.md §2.1 and §2.3: what a step reads of its input, and how it takes ownership of it."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.stpipe import Pipeline, Step

NAME = "a_uncal.fits"
ASSOCIATION = {"asn_id": "a1", "asn_pool": "p", "products": [{"members": [{"expname": NAME, "exptype": "science"}]}]}


class Alone(Step):
    """A step."""

    class_alias = "superbias"


class Around(Pipeline):
    """A pipeline around it."""

    step_defs = {"sub": Alone}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ramp():
    model = datamodels.RampModel(np.zeros((1, 3, 4, 4), np.float32))
    model.meta.filename = NAME
    model.meta.instrument.name = "NIRCAM"
    model.meta.exposure.type = "NRC_IMAGE"
    return model


@pytest.fixture(params=["alone", "in a pipeline"])
def step(request):
    return Alone() if request.param == "alone" else Around().sub


def shares(left, right):
    return left is right or np.shares_memory(left.data, right.data)


class TestOwnership:
    """`prepare_output`, row by row, alone and inside a pipeline."""

    @pytest.mark.parametrize("make_copy", [None, True, False])
    def test_model(self, step, ramp, make_copy):
        copied = (step.parent is None) if make_copy is None else make_copy
        assert shares(step.prepare_output(ramp, make_copy=make_copy), ramp) is not copied

    @pytest.mark.parametrize("make_copy", [None, True, False])
    @pytest.mark.parametrize("wrap", [ModelContainer, list], ids=["container", "list"])
    def test_models_in_a_sequence(self, step, ramp, make_copy, wrap):
        copied = (step.parent is None) if make_copy is None else make_copy
        result = step.prepare_output(wrap([ramp]), make_copy=make_copy)
        assert isinstance(result, ModelContainer)
        assert shares(result[0], ramp) is not copied

    def test_names_beside_a_model_are_opened(self, step, ramp):
        ramp.save(NAME)
        result = step.prepare_output([NAME, ramp])
        assert [type(model) for model in result] == [datamodels.RampModel] * 2

    def test_a_list_of_names_is_not_copied(self, step, ramp, monkeypatch):
        ramp.save(NAME)
        monkeypatch.setattr(ModelContainer, "copy", lambda self: pytest.fail("copied"))
        assert isinstance(step.prepare_output([NAME]), ModelContainer)

    def test_names_that_are_not_to_be_opened(self, step):
        names = [NAME]
        assert step.prepare_output(names, open_models=False) is names
        assert step.prepare_output(names, open_models=False, make_copy=True) == names

    @pytest.mark.parametrize("make_copy", [None, False])
    def test_a_library_comes_back_as_it_is(self, step, ramp, make_copy):
        library = ModelLibrary([ramp])
        assert step.prepare_output(library, make_copy=make_copy) is library

    def test_options_are_passed_on_to_the_opening(self, ramp):
        calls = []

        def opener(init, **options):
            calls.append((init, options))
            return ramp

        result = Alone().prepare_output(NAME, open_as_type=opener, memmap=True)
        assert result is ramp
        assert calls == [(NAME, {"memmap": True})]
        fits_without_class("plain.fits")
        with pytest.raises(TypeError, match="guessing has been disabled"):
            Alone().prepare_output("plain.fits", guess=False)

    @pytest.mark.parametrize("init", [ASSOCIATION, {"products": ASSOCIATION["products"]}], ids=["full", "short"])
    def test_an_association(self, step, ramp, init):
        ramp.save(NAME)
        assert isinstance(step.prepare_output(init), ModelContainer)

    def test_an_association_file(self, step, ramp, here):
        ramp.save(NAME)
        (here / "x_asn.json").write_text(json.dumps(ASSOCIATION))
        assert isinstance(step.prepare_output("x_asn.json"), ModelContainer)


def fits_without_class(name):
    from astropy.io import fits

    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3), np.float32), name="SCI")]).writeto(name)


class TestRampClass:
    """``open_as_ramp``: which class, and what cannot become one."""

    @pytest.mark.parametrize(
        "exposure_type",
        ["FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE"],
    )
    def test_every_guide_type(self, ramp, exposure_type):
        ramp.meta.exposure.type = exposure_type
        assert type(Alone().prepare_output(ramp, open_as_ramp=True)) is datamodels.GuiderRawModel

    @pytest.mark.parametrize("exposure_type", ["FGS_IMAGE", "FGS_DARK", None])
    def test_other_types(self, ramp, exposure_type):
        ramp.meta.exposure.type = exposure_type
        assert type(Alone().prepare_output(ramp, open_as_ramp=True)) is datamodels.RampModel

    def test_conversion_shares_and_a_standalone_run_copies(self, step):
        quad = datamodels.QuadModel(np.zeros((1, 3, 4, 4), np.float32))
        result = step.prepare_output(quad, open_as_ramp=True)
        assert type(result) is datamodels.RampModel
        assert shares(result, quad) is (step.parent is not None)
        assert shares(Alone().prepare_output(quad, open_as_ramp=True, make_copy=False), quad)

    def test_open_as_type_leaves_a_model_of_that_class_as_it_is(self, ramp):
        sub = Around().sub
        assert sub.prepare_output(ramp, open_as_type=datamodels.RampModel) is ramp
        assert type(sub.prepare_output(ramp, open_as_type=datamodels.QuadModel)) is datamodels.QuadModel

    def test_incompatible_arrays_are_an_error_in_the_log_too(self, caplog):
        raw = datamodels.Level1bModel(np.zeros((1, 3, 4, 4), np.uint16))
        with pytest.raises(TypeError, match="should be opened as a RampModel before calling the step"):
            Alone().prepare_output(raw, open_as_ramp=True)
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("jwst.stpipe.core", logging.ERROR)
        assert "should be opened as a RampModel" in record.getMessage()


class TestCrdsParameters:
    """`_get_crds_parameters`."""

    @pytest.mark.parametrize("source", ["file", "association", "container", "library", "model", "list"])
    def test_a_flat_dict_without_opening_a_model(self, ramp, here, monkeypatch, source):
        ramp.save(NAME)
        (here / "x_asn.json").write_text(json.dumps(ASSOCIATION))
        inits = {
            "file": here / NAME,
            "association": "x_asn.json",
            "container": ModelContainer([ramp]),
            "library": ModelLibrary("x_asn.json"),
            "model": ramp,
            "list": [ramp],
        }

        def opened(self, *args, **kwargs):
            raise AssertionError("a model was opened")

        with monkeypatch.context() as patch:
            patch.setattr(datamodels.JwstDataModel, "__init__", opened)
            parameters, observatory = Alone._get_crds_parameters(inits[source])
        assert observatory == "jwst"
        assert parameters["meta.instrument.name"] == "NIRCAM"
        assert parameters["meta.exposure.type"] == "NRC_IMAGE"
        assert all(isinstance(value, str | int | float | bool) for value in parameters.values())

    def test_a_model_may_have_rules_of_its_own(self, ramp, monkeypatch):
        class Own(datamodels.RampModel):
            def get_crds_parameters(self):
                return {"meta.instrument.name": "MINE"}

        assert Alone._get_crds_parameters(Own(ramp)) == ({"meta.instrument.name": "MINE"}, "jwst")

    def test_only_the_first_science_member_is_looked_at(self, ramp, here):
        ramp.save(NAME)
        members = [
            {"expname": "not_there.fits", "exptype": "background"},
            {"expname": NAME, "exptype": "science"},
            {"expname": "nor_this.fits", "exptype": "science"},
        ]
        (here / "x_asn.json").write_text(json.dumps({"products": [{"members": members}]}))
        assert Alone._get_crds_parameters("x_asn.json")[0]["meta.filename"] == NAME

    def test_an_association_without_science(self, here):
        members = [{"expname": NAME, "exptype": "background"}]
        (here / "x_asn.json").write_text(json.dumps({"products": [{"members": members}]}))
        with pytest.raises(ValueError, match="no science member"):
            Alone._get_crds_parameters("x_asn.json")

    @pytest.mark.parametrize("empty", [[], (), ModelContainer()], ids=["list", "tuple", "container"])
    def test_empty(self, empty):
        with pytest.raises(ValueError, match="is empty"):
            Alone._get_crds_parameters(empty)
