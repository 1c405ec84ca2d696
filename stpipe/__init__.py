"""A step framework for calibration pipelines: parameters, references, products and runs of `Step` and `Pipeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe import caches, settings
    from stpipe.batch import Batch, BatchOptions
    from stpipe.cancel import CancelToken
    from stpipe.context import Context
    from stpipe.events import Callback, Event
    from stpipe.exceptions import (
        CanceledError,
        ContextKeyError,
        CycleError,
        ExposureNotFoundError,
        GroupNotFoundError,
        MissingResourceError,
        PlanError,
        ProvidesError,
        RecipeDefinitionError,
        RecipeNotFoundError,
        RunError,
        RunTimeoutError,
        Skip,
        StepNotFoundError,
    )
    from stpipe.facts import Fact, get_facts
    from stpipe.graph import Graph, add_resources, resource
    from stpipe.inventory import Exposure, Inventory
    from stpipe.notify import show_log
    from stpipe.parameters import Param
    from stpipe.pipeline import Pipeline
    from stpipe.plan import Plan
    from stpipe.policy import Policy
    from stpipe.recipe import Recipe, load_recipe, run_recipe
    from stpipe.result_report import report
    from stpipe.run_engine import Engine
    from stpipe.run_status import Status
    from stpipe.runner import Runner, run, run_async
    from stpipe.step import Step
    from stpipe.step_result import StepResult

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "BatchOptions",
    "Callback",
    "CancelToken",
    "CanceledError",
    "Context",
    "ContextKeyError",
    "CycleError",
    "Engine",
    "Event",
    "Exposure",
    "ExposureNotFoundError",
    "Fact",
    "Graph",
    "GroupNotFoundError",
    "Inventory",
    "MissingResourceError",
    "Param",
    "Pipeline",
    "Plan",
    "PlanError",
    "Policy",
    "ProvidesError",
    "Recipe",
    "RecipeDefinitionError",
    "RecipeNotFoundError",
    "RunError",
    "RunTimeoutError",
    "Runner",
    "Skip",
    "Status",
    "Step",
    "StepNotFoundError",
    "StepResult",
    "__version__",
    "add_resources",
    "caches",
    "get_facts",
    "load_recipe",
    "report",
    "resource",
    "run",
    "run_async",
    "run_recipe",
    "settings",
    "show_log",
]

_HOMES = {
    "Batch": "stpipe.batch",
    "BatchOptions": "stpipe.batch",
    "Callback": "stpipe.events",
    "CancelToken": "stpipe.cancel",
    "CanceledError": "stpipe.exceptions",
    "Context": "stpipe.context",
    "ContextKeyError": "stpipe.exceptions",
    "CycleError": "stpipe.exceptions",
    "Engine": "stpipe.run_engine",
    "Event": "stpipe.events",
    "Exposure": "stpipe.inventory",
    "ExposureNotFoundError": "stpipe.exceptions",
    "Fact": "stpipe.facts",
    "Graph": "stpipe.graph",
    "GroupNotFoundError": "stpipe.exceptions",
    "Inventory": "stpipe.inventory",
    "MissingResourceError": "stpipe.exceptions",
    "Param": "stpipe.parameters",
    "Pipeline": "stpipe.pipeline",
    "Plan": "stpipe.plan",
    "PlanError": "stpipe.exceptions",
    "Policy": "stpipe.policy",
    "ProvidesError": "stpipe.exceptions",
    "Recipe": "stpipe.recipe",
    "RecipeDefinitionError": "stpipe.exceptions",
    "RecipeNotFoundError": "stpipe.exceptions",
    "RunError": "stpipe.exceptions",
    "RunTimeoutError": "stpipe.exceptions",
    "Runner": "stpipe.runner",
    "Skip": "stpipe.exceptions",
    "Status": "stpipe.run_status",
    "Step": "stpipe.step",
    "StepNotFoundError": "stpipe.exceptions",
    "StepResult": "stpipe.step_result",
    "add_resources": "stpipe.graph",
    "caches": "stpipe",  # the modules themselves
    "get_facts": "stpipe.facts",
    "load_recipe": "stpipe.recipe",
    "report": "stpipe.result_report",
    "resource": "stpipe.graph",
    "run": "stpipe.runner",
    "run_async": "stpipe.runner",
    "run_recipe": "stpipe.recipe",
    "settings": "stpipe",
    "show_log": "stpipe.notify",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES[name]
    value = import_module(f"stpipe.{name}") if home == "stpipe" else getattr(import_module(home), name)
    globals()[name] = value
    return value
