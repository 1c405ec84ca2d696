"""Warm worker processes do not keep what the run has forgotten (spec running.md K2, K3, R29, R30)."""

from __future__ import annotations

import pytest

from stpipe import caches, load_recipe
from stpipe.runner import run

pytestmark = pytest.mark.usefixtures("place")


def result_of(recipes, number, name="r.yaml", **keywords):
    recipes.write(f"steps:\n- {{step: set, in: {{set: {{result: {number}}}}}}}\n", name)
    runner = run("r", executor="processes", workers=2, **keywords)
    assert runner.status == "successful", runner.exception
    return runner.result


def test_k2_r30_after_clearing_a_worker_reads_the_recipe_again(recipes):
    assert result_of(recipes, 1) == 1
    assert result_of(recipes, 2) == 1  # from the cache
    caches.clear_all()
    assert result_of(recipes, 3) == 3
    assert result_of(recipes, 4) == 3
    caches.loader.clear_recipes()
    caches.file.clear()
    assert result_of(recipes, 5) == 5


def test_r30_a_worker_runs_the_recipe_that_was_loaded_here(recipes):
    """Also where the file has changed since, and for a recipe that is an object."""
    recipes.write("steps:\n- {step: set, in: {set: {result: 1}}}\n")
    assert run("r").result == 1
    assert result_of(recipes, 2) == 1
    loaded = load_recipe("r")
    recipes.write("nothing: here\n")
    runner = run(loaded, executor="processes", workers=2)
    assert (runner.status, runner.result) == ("successful", 1)
    assert not runner.stderr.read()


def test_r30_functions_of_the_folder_of_a_recipe_are_found_in_a_worker(recipes):
    recipes.write("def f(context):\n    return 7\n", "d/mod_of_recipe.py")
    recipes.write("def g(context):\n    return context['result'] + 1\n", "e/mod_of_dir.py")
    recipes.write("steps:\n- mod_of_recipe.f\n- mod_of_dir.g\n", "d/q.yaml")
    runner = run("d/q", executor="processes", workers=2, py_dir="e")
    assert (runner.status, runner.result) == ("successful", 8), runner.exception


def test_k3_r29_no_cache_of_a_project_holds_in_a_worker(recipes):
    recipes.write("no_cache: true\n", "p/env/settings.yaml")
    for number in (1, 2):
        assert result_of(recipes, number, "p/recipes/r.yaml", project_dir="p") == number


def test_follow_empties_what_has_been_emptied_elsewhere():
    caches.parser.get("a", lambda: 1)
    caches.step.get("a", lambda: 1)
    times = caches.times_cleared()
    caches.follow(times)
    assert (len(caches.parser), len(caches.step)) == (1, 1)
    caches.follow({**times, "parser": times["parser"] + 1})
    assert (len(caches.parser), len(caches.step)) == (0, 1)
    caches.recipe.get("a", lambda: 1)
    caches.follow({**times, "loader": times["loader"] + 1})
    assert len(caches.recipe) == 0
    assert caches.times_cleared() == {**times, "loader": times["loader"] + 1}
