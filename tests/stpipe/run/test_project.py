"""Project folders: recipes, inventory, parameters and settings of runs (spec running.md §2.4, R29)."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from stpipe_test_run_steps import Plus, Twice, add, loop

from stpipe import caches, settings
from stpipe.exceptions import InputError, ParameterError
from stpipe.inventory import Inventory
from stpipe.project import Project
from stpipe.runner import run

pytestmark = pytest.mark.usefixtures("place")

RECIPE = "steps:\n- {step: stpipe_test_run_steps.Plus, input: 1%s}\n"


class Folder:
    """Writes files into a project folder."""

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def write(self, name, text):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def project(place):
    return Folder(place / "p")


def test_r29_a_missing_folder_is_an_error_before_anything(place):
    seen = []
    for name in ("nix", "file"):
        (place / "file").write_text("")
        with pytest.raises(ValueError, match=name):
            run(add, 1, project_dir=name, status_handler=lambda *args: seen.append(args), artifacts_dir="runs")
    assert seen == []
    assert not (place / "runs").exists()
    with pytest.raises(TypeError, match="project_dir"):
        run(add, 1, project_dir=3)


def test_r29_an_empty_project_changes_nothing(project):
    runner = run(add, 1, project_dir=project.path)
    assert (runner.result, runner.rc) == (2, 0)
    found = Project(project.path)
    assert (found.recipes, found.inventory(), dict(found.settings), found.parameters) == (None, None, {}, None)


def test_r29_recipes_of_the_project_come_first(project, recipes):
    recipes.write(RECIPE % "")
    assert run("r", project_dir="p").result == 2
    project.write("recipes/r.yaml", RECIPE % ", in: {amount: 10}")
    assert run("r", project_dir="p").result == 11
    assert run("r").result == 2
    project.write("recipes/more/deep.yml", RECIPE % ", in: {amount: 20}")
    assert run("more/deep", project_dir="p").result == 21


def test_r29_a_recipe_of_the_project_wins_over_a_step_of_its_name(project):
    project.write("recipes/jump.yaml", RECIPE % "")
    assert run("jump", project_dir="p").result == 2


def test_r29_a_name_does_not_lead_out_of_the_project(project, recipes):
    recipes.write(RECIPE % "", "outside.yaml")
    found = Project("p")
    project.write("recipes/a.yaml", RECIPE % "")
    assert found.has_recipe("a")
    assert not found.has_recipe("../outside")
    assert not found.has_recipe(str(recipes.folder / "outside"))


@pytest.mark.parametrize("name", ["inventory", "inventory.yaml", "inventory.txt"])
def test_r29_inventory_is_used_if_no_inputs_are_given(project, make_exposure, name):
    for letter in "ab":
        make_exposure(f"p/raw/{letter}_uncal.fits")
    make_exposure("c_uncal.fits")
    text = "raw/*_uncal.fits\n" if not name.endswith("yaml") else "exposures: [raw/a_uncal.fits, raw/b_uncal.fits]\n"
    project.write(name, text)
    runner = run(lambda path: Path(path).name, project_dir="p")
    assert runner.result == {"a_uncal.fits": "a_uncal.fits", "b_uncal.fits": "b_uncal.fits"}
    assert run(lambda path: Path(path).name, "c_uncal.fits", project_dir="p").result == "c_uncal.fits"


def test_r29_an_inventory_that_cannot_be_used_is_a_bad_definition(project):
    project.write("inventory", "exposures: 3\n")
    runner = run(add, project_dir="p")
    assert (runner.status, runner.rc) == ("failed", 4)
    project.write("inventory.yaml", "[]")
    with pytest.raises(InputError, match="several"):
        Project("p").inventory()


def test_r29_parameters_are_lower_than_arguments(project):
    path = project.write("env/parameters.yaml", "amount: 5\n")
    runner = run(Plus, 1, project_dir="p")
    assert runner.result == 6
    assert runner.parameters["amount"] == (5, f"file:{path}")
    assert run(Plus, 1, project_dir="p", amount=7).parameters["amount"] == (7, "keyword")
    assert run(Plus, 1, project_dir="p", parameters={"amount": 8}).result == 9
    Path("c.yaml").write_text("class: stpipe_test_run_steps.Plus\nname: plus\nparameters: {amount: 9}\n")
    assert run(Plus, 1, project_dir="p", config_file="c.yaml").result == 10
    assert run(Plus, 1).result == 2


def test_r29_parameters_of_sub_steps(project):
    project.write("env/parameters.yaml", "steps: {first: {amount: 5}, second: {amount: 6}}\n")
    assert run(Twice, 0, project_dir="p").result == 11
    runner = run(Twice, 0, project_dir="p", steps={"second": {"amount": 1}})
    assert runner.result == 6
    assert runner.parameters["steps"]["first"]["amount"][1].startswith("file:")


def test_r29_data_of_the_inventory_win_over_the_project(project, fakes):
    project.write("env/parameters.yaml", "par: 5\n")
    models = [fakes.FakeModel("a_rate.fits", 0.0), fakes.FakeModel("b_rate.fits", 0.0)]
    runner = run(fakes.FakeStep, Inventory([(models[0], {"par": 7}), models[1]]), project_dir="p")
    assert [model.value for model in runner.result.values()] == [7.0, 5.0]


@pytest.mark.parametrize("text", ["amuont: 5\n", "steps: {frist: {amount: 5}}\n", "steps: {first: {amuont: 5}}\n"])
def test_r29_unknown_parameters_are_a_bad_definition(project, text):
    project.write("env/parameters.yaml", text)
    runner = run(Twice, 1, project_dir="p")
    assert (runner.status, runner.rc) == ("failed", 4)
    assert "p/env/parameters.yaml" in str(runner.exception)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just a text"])
def test_r29_files_that_are_no_mapping(project, text):
    project.write("env/parameters.yaml", text)
    runner = run(Plus, 1, project_dir="p")
    assert (runner.status, runner.rc) == ("failed", 4)
    assert "parameters.yaml" in str(runner.exception)
    project.write("env/settings.yaml", text)
    with pytest.raises(ValueError, match=r"settings\.yaml"):
        run(Plus, 1, project_dir="p")


def test_r29_parameters_of_the_entries_of_a_recipe(project):
    path = project.write("env/parameters.yaml", "amount: 5\nsteps: {named: {amount: 100}, first: {amount: 7}}\n")
    project.write(
        "recipes/r.yaml",
        "steps:\n"
        "- {step: stpipe_test_run_steps.Plus, input: 0}\n"
        "- {step: stpipe_test_run_steps.Plus, in: {amount: 10}}\n"
        "- {step: stpipe_test_run_steps.Plus, name: named}\n"
        "- {step: stpipe_test_run_steps.Twice, in: {steps: {second: {amount: 1}}}}\n"
        "- stpipe_test_run_steps.add\n",
    )
    seen = []
    runner = run("r", project_dir="p", event_handler=seen.append)
    assert runner.rc == 2  # the last entry is a function of the context
    assert runner.context["result"] == 5 + 10 + 100 + 7 + 1
    assert str(path).endswith("parameters.yaml")


def test_r29_names_that_no_entry_of_a_recipe_has(project):
    project.write("env/parameters.yaml", "amuont: 5\nsteps: {thrid: {amount: 1}}\n")
    project.write("recipes/r.yaml", RECIPE % "")
    runner = run("r", project_dir="p")
    assert (runner.status, runner.rc) == ("failed", 4)
    assert "'amuont'" in str(runner.exception)
    assert "did you mean 'amount'" in str(runner.exception)
    assert "thrid" in str(runner.exception)
    assert "p/env/parameters.yaml" in str(runner.exception)
    project.write("recipes/late.yaml", "steps:\n- {step: '{name}', input: 1}\n")
    late = run("late", project_dir="p", context={"name": "stpipe_test_run_steps.Plus"})
    assert (late.status, late.result) == ("successful", 2)


def test_r29_child_recipes_get_them_too(project):
    project.write("env/parameters.yaml", "amount: 5\n")
    project.write("recipes/child.yaml", RECIPE % "")
    project.write("recipes/r.yaml", "steps:\n- {step: recipe, in: {name: child}}\n")
    assert run("r", project_dir="p").result == 6


def test_r29_settings(project, place):
    project.write("env/settings.yaml", "timeout: 0.05\nworkers: 3\nexecutor: threads\nartifacts_dir: kept\n")
    runner = run(loop, 1, project_dir="p")
    assert runner.status == "timeout"
    assert Path(runner.artifacts).parent == place / "kept"
    assert [runner.request.setting(name) for name in ("workers", "executor")] == [3, "threads"]
    other = run(loop, 1, project_dir="p", timeout=10, workers=1, artifacts_dir="mine", parameters={"seconds": 0.1})
    assert other.status == "successful"
    assert Path(other.artifacts).parent == place / "mine"
    assert (settings.timeout, settings.workers, settings.artifacts_dir) == (None, 1, None)


def test_r29_unknown_settings_are_warned_of(project, caplog):
    project.write("env/settings.yaml", "timeuot: 3\nshortcuts: {}\nworkers: 2\n")
    with caplog.at_level(logging.WARNING, "stpipe.run"):
        assert dict(Project("p").settings) == {"workers": 2}
    assert [record.getMessage().split("setting ")[1].split(";")[0] for record in caplog.records] == [
        "'timeuot'",
        "'shortcuts'",
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("workers", "many"), ("timeout", -1), ("no_cache", "perhaps"), ("executor", "rockets")]
)
def test_r29_wrong_settings_raise_at_once(project, name, value):
    project.write("env/settings.yaml", f"{name}: {value}\n")
    with pytest.raises(ValueError, match=name):
        run(add, 1, project_dir="p")


def test_r29_no_cache_is_for_that_run_only(project, recipes):
    project.write("env/settings.yaml", "no_cache: true\n")
    path = project.write("recipes/r.yaml", RECIPE % "")
    assert run("r", project_dir="p").result == 2
    path.write_text(RECIPE % ", in: {amount: 10}")
    assert run("r", project_dir="p").result == 11
    assert settings.no_cache is False
    assert len(caches.recipe) == 0
    recipes.write(RECIPE % "")
    run("r")
    assert len(caches.recipe) == 1


def test_r24_r29_the_project_is_only_read(project, make_exposure, fakes):
    make_exposure("p/raw/a_uncal.fits")
    project.write("inventory", "raw/*.fits\n")
    project.write("env/parameters.yaml", "output_dir: out\n")
    project.write("env/settings.yaml", "artifacts_dir: runs\n")
    project.write("recipes/r.yaml", "steps:\n- {step: stpipe_test_fakes.FakeStep, input: no}\n")
    before = {path: path.stat().st_mtime_ns for path in project.path.rglob("*")}
    run(Plus, project_dir="p", amount=3, save_results=True)
    run("r", project_dir="p", context={"a": 1})
    assert {path: path.stat().st_mtime_ns for path in project.path.rglob("*")} == before


def test_wrong_steps_of_the_project_are_told(project):
    project.write("env/parameters.yaml", "steps: [1]\n")
    project.write("recipes/r.yaml", RECIPE % "")
    runner = run("r", project_dir="p")
    assert (runner.rc, type(runner.exception)) == (4, ParameterError)
