"""Statements of the specification: bad recipes, loaders, import path; Step entries (spec running.md §4.1, Y29-Y31)."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest

from stpipe import Context, caches, load_recipe, run_recipe, settings
from stpipe.events import listening
from stpipe.exceptions import (
    ContextKeyError,
    ParameterError,
    Problem,
    RecipeDefinitionError,
    RecipeNotFoundError,
    StepNotFoundError,
)
from stpipe.recipe_run import RecipeRun


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (None, None), "empty; give 'steps:'"),
        ("# only a comment\n", (None, None), "empty"),
        ("- echo\n", (None, None), "is a list; put 'steps:' before it"),
        ("just text\n", (None, None), "no mapping"),
        ("parser: keys\n", (None, None), "no entries"),
        ("steps:\n", (1, 1), "'steps' is no list"),
        ("steps: [a\nb: c", (2, 2), "expected"),
        ("steps:\n\t- a\n", (2, 1), "cannot start any token"),
        ("steps: []\nsteps: []\n", (2, 1), "twice"),
        ("steps:\n- {step: stop, step: stop}\n", (2, 16), "twice"),
        ("steps:\n- stop\n- step: stop\n  swalow: true\n", (4, 3), "did you mean 'swallow'"),
        ("steps:\n- stop\n- {name: a}\n", (3, 3), "needs 'step'"),
        ("steps:\n- 12\n", (2, 3), "name of a step or a mapping"),
        ("steps:\n- {step: stop, class: stop}\n", (2, 3), "not both"),
        ("steps:\n- {step: stop, in: 1}\n", (2, 3), "'in' has to be a mapping"),
        ("steps:\n- {step: stop, provides: {a: 1}}\n", (2, 3), "'provides' has to be a name"),
        ("steps:\n- {step: stop, retry: 3}\n", (2, 3), "'retry' has to be a mapping"),
        ("steps:\n- {step: stop, name: 3}\n", (2, 3), "'name' has to be a text"),
        ("steps:\n- {step: stop, run: !nix a}\n", (2, 21), "could not determine a constructor"),
        ("steps:\n- {step: stop, run: !expr [a]}\n", (2, 21), "for texts only"),
        ("steps: []\nparsers: keys\n", (2, 1), "did you mean 'parser'"),
        ("steps: []\nparser: [keys]\n", (2, 1), "'parser' has to be a text"),
        ("steps: []\nimports: {a: 1}\n", (2, 1), "'imports' has to be a list"),
        ("steps:\n- &a [*a]\n", (2, 3), "recursive"),
        ("1: []\n", (1, 1), "no text"),
    ],
)
def test_Y29_bad_definitions(recipes, text, place, message):
    recipes.write(text)
    with pytest.raises(RecipeDefinitionError, match=message) as caught:
        run_recipe("r")
    problem = caught.value.problems[0]
    assert (problem.line, problem.col) == place
    assert os.path.samefile(problem.file, "r.yaml")
    assert "r.yaml" in str(caught.value)


def test_Y29_all_problems_are_told(recipes):
    recipes.write("steps:\n- {step: stop, a: 1}\n- {stop: 1}\nb:\n- {step: echo}\n")
    with pytest.raises(RecipeDefinitionError) as caught:
        load_recipe("r")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 5]


def test_Y29_unknown_steps_are_found_at_load(recipes, here):
    recipes.write("steps:\n- here.note\n- ecko\n- no_such_module_y29.f\n- here.nix\n")
    with pytest.raises(StepNotFoundError) as caught:
        run_recipe("r")
    assert here.calls == []
    assert [problem.line for problem in caught.value.problems] == [3, 4, 5]
    assert "no step 'ecko' (did you mean 'echo'" in str(caught.value)
    recipes.write("steps: [jumpp]\n")
    caches.clear_all()
    with pytest.raises(StepNotFoundError, match="'jump'"):
        run_recipe("r")
    recipes.write("steps: [stpipe.step.log]\n")
    caches.clear_all()
    with pytest.raises(StepNotFoundError, match="neither a Step class nor a function"):
        run_recipe("r")


def test_Y29_a_name_with_braces_is_found_later(recipes, here):
    text = "steps:\n- here.note\n- '{which}'\n"
    recipes.run(text, dict_in={"which": "here.note"})
    assert len(here.calls) == 2
    with pytest.raises(StepNotFoundError, match="nix"):
        recipes.run(text, dict_in={"which": "nix"})
    assert len(here.calls) == 3


def test_Y30_a_loader_of_ones_own(recipes, here, monkeypatch):
    asked = []

    def get_recipe_definition(name, parent):
        asked.append((name, parent))
        entries = [{"step": "recipe", "in": {"name": "inner", "loader": "my_loader_y30"}}] if name == "outer" else []
        return {"steps": [*entries, {"step": "set", "in": {"set": {name: 1}}}]}

    module = ModuleType("my_loader_y30")
    module.get_recipe_definition = get_recipe_definition
    monkeypatch.setitem(sys.modules, "my_loader_y30", module)
    assert run_recipe("outer", loader="my_loader_y30") == {"inner": 1, "outer": 1}
    assert asked == [("outer", None), ("inner", None)]
    settings.default_loader = "my_loader_y30"
    assert run_recipe("third") == {"third": 1}
    module.get_recipe_definition = lambda name, parent: [1]
    caches.clear_all()
    with pytest.raises(RecipeDefinitionError, match="gave a list"):
        run_recipe("third")


def test_Y30_a_loader_that_is_none(recipes):
    with pytest.raises(RecipeDefinitionError, match="no loader 'no_such_loader'"):
        load_recipe("r", loader="no_such_loader")
    with pytest.raises(RecipeDefinitionError, match="no function get_recipe_definition"):
        load_recipe("r", loader="shlex")


def test_Y30_parameter_files_of_the_reference_service(recipes, fakes, monkeypatch):
    monkeypatch.setitem(sys.modules, "fakes_y30", fakes)
    values = {"par": 5, "name": "from the service"}
    monkeypatch.setattr(fakes.S1, "get_config_from_reference", classmethod(lambda cls, dataset: dict(values)))
    monkeypatch.setattr(fakes.S1, "__module__", "fakes_y30")
    context = run_recipe(
        "fakes_y30.S1@a.json", loader="stpipe.loaders.crds", dict_in={"input": fakes.FakeModel("a", 1.0)}
    )
    assert context["result"].value == 6.0
    values.clear()
    caches.clear_all()
    with pytest.raises(RecipeNotFoundError, match="no pars-s1 for a.json"):
        load_recipe("fakes_y30.S1@a.json", loader="stpipe.loaders.crds")
    with pytest.raises(RecipeNotFoundError, match="no step 'nix'"):
        load_recipe("nix@a.json", loader="stpipe.loaders.crds")
    monkeypatch.setenv("CRDS_PATH", str(recipes.folder))
    with pytest.raises(RecipeNotFoundError, match="has no jwst_nircam_pars-x_0001.asdf"):
        load_recipe("crds://jwst_nircam_pars-x_0001.asdf", loader="stpipe.loaders.crds")


def test_Y31_the_import_path_is_extended_for_the_run_only(recipes):
    recipes.write("def f(context):\n    context['a'] = 1\n", "dir/module_y31a.py")
    recipes.write("def f(context):\n    import sys\n    context['path'] = list(sys.path)\n", "py/module_y31b.py")
    recipes.write("steps:\n- module_y31a.f\n- module_y31b.f\n", "dir/r.yaml")
    before = list(sys.path)
    context = run_recipe("dir/r", py_dir="py")
    assert sys.path == before
    assert set(context["path"]) - set(before) == {str(recipes.folder / "dir"), str(recipes.folder / "py")}
    assert {"module_y31a", "module_y31b"} <= set(sys.modules)
    caches.clear_all()
    with pytest.raises(StepNotFoundError):
        recipes.run("steps: [module_y31c.f]\n")
    assert sys.path == before


@pytest.fixture
def steps(fakes, monkeypatch):
    """Module ``fakes_of_recipes`` with the fake steps."""
    monkeypatch.setitem(sys.modules, "fakes_of_recipes", fakes)
    return fakes


def test_a_step_entry(recipes, steps):
    text = """
steps:
- step: fakes_of_recipes.S1
  input: "{uncal}"
  in: {par: "{threshold}"}
  provides: rate
- {step: fakes_of_recipes.S1, name: again}
"""
    model = steps.FakeModel("a_uncal.fits", 1.0)
    seen = []
    with listening(seen.append):
        context = recipes.run(text, dict_in={"uncal": model, "threshold": "12"})
    assert (context["rate"].value, context["result"].value) == (13.0, 16.0)
    assert context["uncal"] is model
    assert list(recipes.folder.iterdir()) == [recipes.folder / "r.yaml"]
    assert [event.event for event in seen] == ["step_start", "step_target_start", "step_target_success", "step_end"] * 2
    assert [event.step for event in seen] == ["fake_step"] * 4 + ["again"] * 4


def test_a_step_entry_takes_the_input_of_the_context(recipes, steps):
    context = recipes.run("steps: [fakes_of_recipes.S1]\n", dict_in={"input": steps.FakeModel("a", 1.0)})
    assert context["result"].value == 4.0


def test_skip_of_a_step_entry_is_obeyed(recipes, steps):
    model = steps.FakeModel("a", 1.0)
    seen = []
    with listening(seen.append):
        text = "steps:\n- {step: fakes_of_recipes.S1, in: {skip: true}, provides: rate}\n"
        context = recipes.run(text, dict_in={"input": model})
    assert context["rate"] is context["result"] is model
    assert vars(model.meta.cal_step) == {"fake_step": "SKIPPED"}
    assert [event.event for event in seen] == ["step_start", "step_target_skip", "step_end"]


def test_skipped_and_done_steps_are_counted(recipes, steps):
    recipes.write(
        "steps:\n- {step: fakes_of_recipes.S1, in: {skip: true}}\n- fakes_of_recipes.S1\n- {step: stop, run: no}\n"
    )
    run = RecipeRun(load_recipe("r"), Context(input=steps.FakeModel("a")))
    run.execute()
    assert dict(run.counts) == {"skipped": 2, "ok": 1}


def test_errors_can_be_sent_between_processes():
    error = ContextKeyError("no key")
    error.where = "line 3"
    assert str(pickle.loads(pickle.dumps(error))) == "line 3: no key"
    wrong = RecipeDefinitionError.of([Problem("bad", "r.yaml", 2, 3), Problem("worse")])
    again = pickle.loads(pickle.dumps(wrong))
    assert (str(again), again.problems) == ("r.yaml: line 2, column 3: bad\nworse", wrong.problems)
    assert (RecipeNotFoundError.exit_status, wrong.exit_status, ContextKeyError.exit_status) == (1, 4, 2)


def test_parameters_of_a_step_entry_are_checked(recipes, steps):
    with pytest.raises(ParameterError, match="pars"):
        recipes.run("steps:\n- {step: fakes_of_recipes.S1, in: {pars: 1}}\n")


def test_a_parameter_file_is_a_recipe(recipes, steps):
    recipes.write("class: fakes_of_recipes.FakePipeline\nname: mine\nparameters: {}\n"
                  "steps:\n- {class: fakes_of_recipes.S1, name: a, parameters: {par: 10}}\n")  # fmt: skip
    context = run_recipe("r", dict_in={"input": steps.FakeModel("a", 1.0)})
    assert context["result"].value == 14.0
    (entry,) = load_recipe("r").groups["steps"]
    assert entry.label == "mine"


def test_a_recipe_is_a_parameter_file(recipes, steps):
    recipes.write("steps:\n- {step: echo, in: {text: a}}\n- {step: fakes_of_recipes.S1, in: {par: 20}}\n")
    step = steps.S1
    assert step.call(steps.FakeModel("a", 1.0), config_file="r.yaml", configure_log=False).value == 21.0


def test_the_worked_example(recipes, steps, monkeypatch, caplog):
    """Section 4.1 with a stand-in for the pipeline."""
    from types import SimpleNamespace

    from stpipe import Param

    class Standin(steps.FakePipeline):
        class_alias = "standin"
        tries = []

        def process(self, init=None):
            """Fail once; give a model with an exposure type."""
            self.tries.append(self.a.par)
            if len(self.tries) == 1:
                raise OSError("the disk is slow")
            model = steps.FakeModel("a_rate.fits", self.a.par)
            model.meta.exposure = SimpleNamespace(type="NRC_IMAGE")
            return model

    assert isinstance(Standin.output_ext, Param)
    steps.Standin = Standin
    monkeypatch.setattr("stpipe.recipe_decorators.pause", lambda seconds: None)
    text = """
description: stage 1 and a quick look
parser: keyvaluepairs
steps:
  - step: echo
    in: {text: "reducing {uncal} with threshold {threshold}"}
  - step: fakes_of_recipes.Standin
    input: "{uncal}"
    in: {save_results: true, steps: {a: {par: "{threshold}"}}}
    retry: {max: 2, sleep: 5, stop_on: [ValidationError]}
    provides: rate
  - step: set
    in: {set: {summary: {exp_type: "{rate.meta.exposure.type}", done: true}}}
on_failure:
  - step: echo
    in: {text: "failed: {run_errors[0][exception]}"}
"""
    caplog.set_level(25)
    recipes.write(text, "reduce.yaml")
    Path("a_uncal.fits").write_text('{"value": 1.0}')
    context = run_recipe("reduce", args_in=["uncal=a_uncal.fits", "threshold=12"])
    assert context["summary"] == {"exp_type": "NRC_IMAGE", "done": True}
    assert Standin.tries == [12, 12]
    assert Path("a_uncal_standin.fits").exists()
    assert "reducing a_uncal.fits with threshold 12" in caplog.text
    again = run_recipe("reduce", dict_in={"uncal": "a_uncal.fits", "threshold": 12})
    assert type(again) is Context
    assert again["summary"] == context["summary"]
    with pytest.raises(ParameterError):
        run_recipe("reduce", args_in=["uncal=a_uncal.fits", "threshold=many"])
    assert len(Standin.tries) == 3
    assert "failed: " in caplog.text
    assert "many" in caplog.text.rpartition("failed: ")[2]


def test_the_result_of_the_last_entry_but_one_is_released(recipes, here):
    import gc
    import weakref

    class Model:
        pass

    def make(context):
        model = Model()
        here.calls.append(weakref.ref(model))
        return model

    here.make, here.look = make, lambda context: {"alive": here.calls[0]() is not None}
    gc.disable()
    try:
        context = recipes.run("steps: [here.make, here.make, here.look]\n")
    finally:
        gc.enable()
    assert context["alive"] is False
