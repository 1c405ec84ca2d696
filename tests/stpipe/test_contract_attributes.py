"""Statements of the specification: reading and setting parameters of an instance (spec framework.md §2.5)."""

from __future__ import annotations

import copy
import difflib
import logging
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

from stpipe import Param
from stpipe.allowed import allowed_values
from stpipe.exceptions import ParameterError
from stpipe.step import preserve_step_pars
from tests.stpipe.cli_steps import Scale


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


@pytest.fixture
def refs(fakes):
    """Step with references, and a pipeline of two of them."""
    step = type("Refs", (fakes.FakeStep,), {"reference_file_types": ["dark", "gain"]})
    return step, type("Two", (fakes.FakePipeline,), {"step_defs": {"a": step, "b": step}})


class TestReading:
    def test_the_order_is_that_of_the_spec_and_overrides_are_left_out(self, refs):
        step, pipeline = refs
        names = [name for name in step.load_spec_file() if not name.startswith("override_")]
        assert list(step(override_dark="x.fits").get_pars()) == names
        pars = pipeline(steps={"a": {"override_dark": "x.fits"}}).get_pars()
        assert list(pars)[-1] == "steps"
        assert list(pars["steps"]["a"]) == names

    def test_only_the_own_declarations(self, refs, fakes):
        class Own(refs[0]):
            spec = "mine = integer(default=1)"
            par = Param(5, "declared anew")

        class Nothing(Own):
            pass

        assert Own().get_pars(full_spec=False) == {"mine": 1, "par": 5}
        assert Nothing().get_pars(full_spec=False) == {}
        own = fakes.FakePipeline(steps={"a": {"par": 4}}).get_pars(full_spec=False)
        assert own == {"output_ext": ".fits", "steps": {"a": {}, "b": {}}}

    def test_an_override_that_is_declared_by_hand_is_a_parameter_like_others(self, fakes):
        class ByHand(fakes.FakeStep):
            spec = "override_dark = string(default='x')"
            reference_file_types = ["dark"]

        assert ByHand().get_pars()["override_dark"] == "x"

    def test_overrides_are_among_the_current_parameters_and_the_sources(self, refs):
        pipeline = refs[1](steps={"a": {"override_dark": "N/A"}})
        current = pipeline.current_parameters()
        assert current["steps"]["a"]["override_dark"] == "N/A"
        assert {**current["steps"]["b"]} == pipeline.b.get_pars() | {"override_dark": None, "override_gain": None}
        assert pipeline.parameter_sources()["steps"]["a"]["override_dark"] == ("N/A", "keyword")

    def test_input_dir_of_a_sub_step_is_that_of_the_pipeline(self, fakes):
        pipeline = fakes.FakePipeline(input_dir="in", steps={"b": {"input_dir": "own"}})
        pars = pipeline.get_pars()
        assert pars["input_dir"] == pars["steps"]["a"]["input_dir"] == "in"
        assert pars["steps"]["b"]["input_dir"] == "own"
        assert pipeline.parameter_sources()["steps"]["a"]["input_dir"] == ("", "default")
        assert fakes.FakePipeline().get_pars()["steps"]["a"]["input_dir"] == ""

    def test_values_have_the_declared_type(self, fakes):
        step = fakes.S1()
        step.__dict__["par"] = "17"  # as an assignment inside process leaves it
        assert step.get_pars()["par"] == 17
        step.__dict__["par"] = "bad"
        with pytest.raises(ParameterError, match="'par': the value \"bad\" is of the wrong type"):
            step.get_pars()

    def test_lists_that_are_read_are_copies(self, fakes):
        step = fakes.S1()
        step.get_pars()["pre_hooks"].append("x")
        assert step.pre_hooks == []


class TestUpdating:
    def test_known_names_at_every_level(self, refs, caplog):
        pipeline = refs[1]()
        with caplog.at_level(logging.DEBUG):
            pipeline.update_pars(
                {"suffix": "x", "nope": 1, "steps": {"a": {"par": "8", "override_dark": "N/A"}, "zz": {"par": 1}}}
            )
        assert (pipeline.suffix, pipeline.a.par, pipeline.a.override_dark, pipeline.b.par) == ("x", 8, "N/A", 3)
        assert [record.levelname for record in caplog.records if "ignored" in record.message] == ["DEBUG"] * 2
        assert "nope" in caplog.text
        assert "zz" in caplog.text
        assert not hasattr(pipeline, "nope")

    def test_everything_is_back_after_a_block(self, refs):
        pipeline = refs[1](steps={"a": {"override_dark": "N/A"}})
        before = pipeline.current_parameters()
        with preserve_step_pars(pipeline) as pars:
            assert pars == pipeline.get_pars()
            pipeline.suffix, pipeline.a.par, pipeline.a.override_dark = "x", 9, None
            pipeline.b.pre_hooks.append("echo")
        assert pipeline.current_parameters() == before

    def test_everything_is_back_after_an_exception(self, refs):
        step = refs[0]()
        before = step.current_parameters()

        def fail():
            with preserve_step_pars(step):
                step.par = 9
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert step.current_parameters() == before


class TestSearching:
    def test_outwards_and_inwards(self, fakes):
        pipeline = fakes.FakePipeline(output_dir="p")
        pipeline.a.output_dir = "s"
        assert pipeline.a.search_attr("output_dir") == "s"
        assert pipeline.b.search_attr("output_dir") == "p"
        assert pipeline.a.search_attr("output_dir", parent_first=True) == "p"

    def test_none_does_not_count_and_other_empty_values_do(self, fakes):
        pipeline = fakes.FakePipeline()
        pipeline.number, pipeline.a.number, pipeline.a.text = 0, None, ""
        assert pipeline.a.search_attr("number") == 0
        assert pipeline.a.search_attr("text", "default") == ""
        assert pipeline.a.search_attr("nowhere") is None
        assert pipeline.a.search_attr("nowhere", default=4, parent_first=True) == 4


class TestAssigning:
    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("par", "17", 17), ("par", np.int64(17), 17), ("par", None, None), ("skip", "yes", True),
            ("skip", 0, False), ("suffix", False, False), ("suffix", "", ""), ("output_dir", Path("d"), "d"),
            ("pre_hooks", ("a",), ["a"]),
        ],
    )  # fmt: skip
    def test_values_are_converted(self, fakes, name, value, expected):
        step = fakes.S1()
        setattr(step, name, value)
        assert getattr(step, name) == expected
        assert type(getattr(step, name)) is type(expected)
        assert step.parameter_sources()[name] == (expected, "attribute")

    @pytest.mark.parametrize(("name", "value"), [("par", "x"), ("par", 101), ("skip", "maybe"), ("pre_hooks", "x")])
    def test_an_error_names_step_parameter_value_and_what_is_allowed(self, fakes, name, value):
        pipeline = fakes.FakePipeline()
        before = pipeline.current_parameters()
        with pytest.raises(ParameterError) as caught:
            setattr(pipeline.a, name, value)
        text = str(caught.value)
        assert "Step 'a'" in text
        assert f"{name} = {value!r}" in text
        assert allowed_values(pipeline.a.declared_parameters()[name]) in text
        assert pipeline.current_parameters() == before

    def test_overrides_are_checked_and_misspelt_ones_are_noticed(self, refs):
        step = refs[0]()
        with pytest.raises(ParameterError, match="a file name or a data model"):
            step.override_dark = 3
        with pytest.warns(UserWarning, match="did you mean 'override_dark'"):
            step.overide_dark = "x.fits"

    def test_nothing_is_checked_inside_process_from_wherever_it_is_set(self, fakes):
        def helper(step):
            step.par = "anything"
            step.save_result = 1

        class Free(fakes.FakeStep):
            def process(self, model):
                helper(self)
                return self.par

        class Outer(fakes.FakePipeline):
            step_defs = {"a": Free}

            def process(self, model):
                self.a.skipp = "x"
                self.a.suffix = 3
                return self.a.run(model)

        assert Outer().run(fakes.FakeModel("x.fits")) == "anything"

    @pytest.mark.parametrize("name", ["save_result", "skipp", "output_fil", "searchoutputfile"])
    def test_a_near_name_warns_once_and_is_kept(self, fakes, name):
        step = fakes.S1()
        near = difflib.get_close_matches(name, step.declared_parameters(), n=1, cutoff=0.8)[0]
        with pytest.warns(UserWarning, match=rf"'{name}' is not a parameter of step 'S1' \(did you mean '{near}'\?\)"):
            setattr(step, name, 1)
        setattr(step, name, 2)
        assert getattr(step, name) == 2

    @pytest.mark.parametrize("name", ["_skipp", "sipk", "state", "n_points", "parent", "name"])
    def test_other_names_are_ordinary_attributes(self, fakes, name):
        step = fakes.S1()
        setattr(step, name, None)
        assert getattr(step, name) is None

    def test_own_methods_may_use_near_names(self, fakes):
        class Own(fakes.FakeStep):
            def prepare(self):
                self.save_result = 1
                self.skipp = 2

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Own().prepare()

    def test_attributes_that_a_class_has_anyway_are_silent(self, fakes):
        class Has(fakes.FakeStep):
            skipped = None

        step = Has()
        step.skipped = 3
        assert step.skipped == 3


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))])
def test_a_copy_of_a_step_is_a_step_of_its_own(duplicate):
    step = Scale(factor=3, names=["a"])
    other = duplicate(step)
    other.names.append("b")
    other.factor = "5"
    assert (step.factor, step.names, other.factor, other.names) == (3.0, ["a"], 5.0, ["a", "b"])
    assert other.parameter_sources()["factor"] == (5.0, "attribute")
