"""A step framework for calibration pipelines: parameters, references, products and runs of `Step` and `Pipeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe import caches, settings
    from stpipe.context import Context
    from stpipe.exceptions import (
        CanceledError,
        ContextKeyError,
        CycleError,
        GroupNotFoundError,
        MissingResourceError,
        ProvidesError,
        RecipeDefinitionError,
        RecipeNotFoundError,
        RunError,
        RunTimeoutError,
        Skip,
    )
    from stpipe.graph import Graph, add_resources, resource
    from stpipe.notify import show_log
    from stpipe.parameters import Param
    from stpipe.pipeline import Pipeline
    from stpipe.recipe import Recipe, load_recipe, run_recipe
    from stpipe.result_report import report
    from stpipe.step import Step

__version__ = "0.1.0"

__all__ = [
    "CanceledError",
    "Context",
    "ContextKeyError",
    "CycleError",
    "Graph",
    "GroupNotFoundError",
    "MissingResourceError",
    "Param",
    "Pipeline",
    "ProvidesError",
    "Recipe",
    "RecipeDefinitionError",
    "RecipeNotFoundError",
    "RunError",
    "RunTimeoutError",
    "Skip",
    "Step",
    "__version__",
    "add_resources",
    "caches",
    "load_recipe",
    "report",
    "resource",
    "run_recipe",
    "settings",
    "show_log",
]

_HOMES = {
    "CanceledError": "stpipe.exceptions",
    "Context": "stpipe.context",
    "ContextKeyError": "stpipe.exceptions",
    "CycleError": "stpipe.exceptions",
    "Graph": "stpipe.graph",
    "GroupNotFoundError": "stpipe.exceptions",
    "MissingResourceError": "stpipe.exceptions",
    "Param": "stpipe.parameters",
    "Pipeline": "stpipe.pipeline",
    "ProvidesError": "stpipe.exceptions",
    "Recipe": "stpipe.recipe",
    "RecipeDefinitionError": "stpipe.exceptions",
    "RecipeNotFoundError": "stpipe.exceptions",
    "RunError": "stpipe.exceptions",
    "RunTimeoutError": "stpipe.exceptions",
    "Skip": "stpipe.exceptions",
    "Step": "stpipe.step",
    "add_resources": "stpipe.graph",
    "caches": "stpipe",  # the modules themselves
    "load_recipe": "stpipe.recipe",
    "report": "stpipe.result_report",
    "resource": "stpipe.graph",
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
