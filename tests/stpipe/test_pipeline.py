from __future__ import annotations

import logging

import pytest

from stpipe import Pipeline, Step
from stpipe.exceptions import ParameterError


@pytest.fixture(autouse=True)
def quiet(workdir):
    """Run in an empty folder."""


def test_sub_steps_are_made_by_the_constructor(fakes, caplog):
    with caplog.at_level(logging.INFO):
        pipeline = fakes.FakePipeline(config_file="x.asdf")
    assert caplog.messages == ["FakePipeline instance created.", "S1 instance created.", "S1 instance created."]
    assert (pipeline.a.name, pipeline.a.parent, pipeline.a.config_file) == ("a", pipeline, "x.asdf")
    assert pipeline.a.qualified_name == "stpipe.FakePipeline.a"
    assert list(pipeline.sub_steps()) == ["a", "b"]


@pytest.mark.parametrize("keywords", [{"steps": {"a": {"par": "5"}}}, {"a": {"par": 5}}])
def test_parameters_of_sub_steps(fakes, keywords):
    pipeline = fakes.FakePipeline(**keywords, save_results=True)
    assert (pipeline.a.par, pipeline.b.par, pipeline.save_results) == (5, 3, True)
    assert pipeline.parameter_sources()["steps"]["a"]["par"] == (5, "keyword")
    assert pipeline.parameter_sources()["steps"]["b"]["par"] == (3, "default")


def test_every_problem_is_reported(fakes):
    with pytest.raises(ParameterError) as caught:
        fakes.FakePipeline(bogus=1, steps={"a": {"par": "x", "nope": 1}, "c": {}})
    text = str(caught.value)
    assert "Extra value 'bogus' in root" in text
    assert "Config parameter 'steps/a/par': the value \"x\" is of the wrong type." in text
    assert "Extra value 'nope' in steps/a" in text
    assert "Extra value 'c' in steps" in text


def test_entries_of_step_defs_have_to_be_steps():
    with pytest.raises(TypeError, match="Entry 'x' in step_defs is not a Step subclass"):
        type("Bad", (Pipeline,), {"step_defs": {"x": dict}})(output_ext=".fits")


def test_a_sub_step_without_an_extension_is_missing_it(fakes):
    bare = type("Bare", (Step,), {})
    with pytest.raises(ParameterError, match="'output_ext': missing"):
        type("P", (fakes.FakePipeline,), {"step_defs": {"a": bare}})()


def test_get_pars_has_the_sub_steps(fakes):
    pars = fakes.FakePipeline(steps={"a": {"par": 4}}).get_pars()
    assert list(pars)[-1] == "steps"
    assert list(pars["steps"]) == ["a", "b"]
    assert pars["steps"]["a"]["par"] == 4


def test_update_pars_reaches_sub_steps(fakes):
    pipeline = fakes.FakePipeline()
    pipeline.update_pars({"suffix": "x", "steps": {"a": {"par": 8}, "nowhere": {"par": 1}}})
    assert (pipeline.suffix, pipeline.a.par, pipeline.b.par) == ("x", 8, 3)


@pytest.fixture
def with_references(fakes):
    """Pipeline whose sub-steps want references."""
    one = type("One", (fakes.FakeStep,), {"reference_file_types": ["dark", "gain"]})
    two = type("Two", (fakes.FakeStep,), {"reference_file_types": ["gain", "flat"]})
    late = type("Late", (fakes.FakeStep,), {"reference_file_types": ["area"], "prefetch_references": False})
    return type("P", (fakes.FakePipeline,), {"step_defs": {"one": one, "two": two, "late": late}})


def test_reference_types_are_those_of_the_active_sub_steps(with_references):
    pipeline = with_references()
    assert pipeline.reference_file_types == ["dark", "flat", "gain"]
    pipeline.one.skip = True
    assert pipeline.reference_file_types == ["flat", "gain"]
    assert not any(name.startswith("override_") for name in with_references.declared_parameters())


def test_the_first_override_counts(with_references):
    pipeline = with_references(steps={"one": {"override_gain": "N/A"}, "two": {"override_gain": "/x.fits"}})
    assert pipeline.get_ref_override("gain") == "N/A"
    pipeline.one.skip = True
    assert pipeline.get_ref_override("gain") == "/x.fits"
    assert pipeline.get_ref_override("flat") is None


def test_references_are_looked_up_once_at_the_top(with_references, fakes, monkeypatch):
    calls = []
    monkeypatch.setattr("stpipe.references.prefetch", lambda step, *args: calls.append((step.name, args)))
    with_references.process = lambda self, model: self.one.run(model)
    model = fakes.FakeModel("x.fits")
    with_references().run(model)
    assert calls == [("P", (model,))]
    pipeline = with_references()
    pipeline.prefetch_references = False
    pipeline.run(model)
    assert len(calls) == 1


def test_attributes_of_sub_steps_set_by_process_vanish(fakes):
    class P(fakes.FakePipeline):
        def process(self, model):
            self.a.par = 50
            self.a.suffix = "x"
            self.b.skip = True
            return super().process(model)

    pipeline = P()
    before = pipeline.get_pars()
    for _ in range(2):
        assert pipeline.run(fakes.FakeModel("x_rate.fits")).value == 50
        assert pipeline.get_pars() == before


def test_attributes_of_sub_steps_set_before_the_run_count(fakes):
    pipeline = fakes.FakePipeline()
    pipeline.a.par = "12"
    assert pipeline.run(fakes.FakeModel("x_rate.fits")).value == 15


def test_pipelines_may_hold_pipelines(fakes, workdir):
    class Outer(fakes.FakePipeline):
        step_defs = {"inner": fakes.FakePipeline, "c": fakes.S1}

        def process(self, model):
            return self.c.run(self.inner.run(model))

    pipeline = Outer(save_results=True, steps={"inner": {"steps": {"a": {"par": 10, "save_results": True}}}})
    assert pipeline.inner.a.qualified_name == "stpipe.Outer.inner.a"
    assert pipeline.run(fakes.FakeModel("x_rate.fits", 1.0)).value == 17
    assert sorted(path.name for path in workdir.iterdir()) == ["x_a.fits", "x_outer.fits"]


def test_a_replaced_sub_step_is_used(fakes):
    pipeline = fakes.FakePipeline()
    pipeline.a = fakes.S1("a", parent=pipeline, par=20)
    assert pipeline.run(fakes.FakeModel("x.fits")).value == 23
    assert pipeline.get_pars()["steps"]["a"]["par"] == 20


def test_merge_pipeline_config_is_deprecated(fakes):
    from configobj import ConfigObj

    with pytest.warns(DeprecationWarning, match="merge_config"):
        merged = fakes.FakePipeline.merge_pipeline_config(ConfigObj({"a": 1}), ConfigObj({"a": 2}))
    assert merged["a"] == 2


def test_spec_of_a_pipeline_has_sections(fakes):
    spec = fakes.FakePipeline.load_spec_file()
    assert spec["steps"]["a"]["par"] == "integer(default=3, min=0, max=100)"
    assert {"config_file", "name", "class"} <= set(spec["steps"]["a"])
