"""Names of the runner, recipes, plans and graphs (running.md §1)."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys

import pytest

import stpipe
from stpipe import exceptions

HOMES = {
    "stpipe.runner": ("run", "run_async", "Runner", "Status"),
    "stpipe.events": ("Event", "Callback"),
    "stpipe.engine": ("Engine", "Policy", "CancelToken"),
    "stpipe.recipe": ("Recipe", "load_recipe", "run_recipe"),
    "stpipe.context": ("Context",),
    "stpipe.notify": ("show_log",),
    "stpipe.inventory": ("Inventory", "Exposure"),
    "stpipe.plan": ("Plan", "StepResult"),
    "stpipe.facts": ("Fact", "get_facts"),
    "stpipe.graph": ("Graph", "resource", "add_resources"),
}
ERRORS = (
    "RecipeNotFoundError", "RecipeDefinitionError", "GroupNotFoundError", "StepNotFoundError", "ContextKeyError",
    "ExposureNotFoundError", "PlanError", "MissingResourceError", "CycleError", "ProvidesError", "CanceledError",
    "RunTimeoutError",
)  # fmt: skip


@pytest.mark.parametrize(("home", "name"), [(home, name) for home, names in HOMES.items() for name in names])
def test_names_and_their_homes(home, name):
    assert getattr(stpipe, name) is getattr(importlib.import_module(home), name)
    assert name in stpipe.__all__


def test_modules_that_are_names():
    assert stpipe.settings is importlib.import_module("stpipe.settings")
    assert stpipe.caches is importlib.import_module("stpipe.caches")
    assert importlib.import_module("stpipe.loaders").__name__ == "stpipe.loaders"
    assert callable(importlib.import_module("stpipe.graph").step)
    assert importlib.import_module("stpipe.step").__name__ == "stpipe.step"


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    error = getattr(stpipe, name)
    assert error is getattr(exceptions, name)
    assert issubclass(error, stpipe.RunError)
    assert issubclass(stpipe.RunError, exceptions.StpipeException)


def test_importing_stpipe_imports_none_of_them():
    homes = sorted({*HOMES, "stpipe.tasks", "stpipe.executors"})
    code = f"import sys, stpipe; print([name for name in {homes!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_no_name_hides_a_module_of_the_framework():
    modules = ("step", "pipeline", "library", "datamodel", "utilities", "exceptions", "entry_points", "config_parser",
               "crds_client", "format_template")  # fmt: skip
    assert not set(modules) & set(stpipe.__all__)


def _talk():
    logging.getLogger("stpipe.example").log(25, "a notification")


def test_run_shows_the_log_where_that_is_asked_for(capsys):
    handlers = list(logging.getLogger().handlers)
    stpipe.run(_talk)
    assert "a notification" not in capsys.readouterr().err
    assert stpipe.run(_talk, show_log=True).status == "successful"
    captured = capsys.readouterr()
    assert "a notification" in captured.err + captured.out
    assert logging.getLogger().handlers == handlers
