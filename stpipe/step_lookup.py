"""What an entry of a recipe names: a built-in, a step, or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import ParameterError, StepNotFoundError
from stpipe.recipe_steps import BUILT_IN

if TYPE_CHECKING:
    from stpipe.recipe_entries import Entry
    from stpipe.recipe_run import RecipeRun

__all__ = ["StepTarget", "find_named", "find_step"]

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class StepTarget:
    """What a name stands for.

    Attributes
    ----------
    kind : {"built-in", "step", "function"}
        How it is called.
    target : object
        The class or function.
    label : str
        Alias, class or function name.
    """

    kind: str
    target: Any
    label: str

    def bound(self, entry: Entry) -> Callable[[RecipeRun], None]:
        """Return what runs it, with the arguments of an entry."""
        return _BINDERS[self.kind](entry, self.target)


def find_step(name: str) -> StepTarget:
    """Find what a name of a step stands for.

    Parameters
    ----------
    name : str
        A built-in, an alias, or the dotted path of a Step class or a function.

    Raises
    ------
    StepNotFoundError
        Nothing; the text gives near names.
    """
    from stpipe import caches

    if name in BUILT_IN:
        return StepTarget("built-in", BUILT_IN[name].function, name)
    return caches.step.get(name, lambda: _find(name))


def find_named(name: str) -> StepTarget:
    """Find the Step class or function of a name; a built-in of recipes of that name does not count.

    Raises
    ------
    StepNotFoundError
        There is none; the text gives near names.
    """
    from stpipe import caches

    return caches.step.get(name, lambda: _find(name))


def _find(name: str) -> StepTarget:
    from stpipe.utilities import resolve_step_class_alias

    try:
        path = resolve_step_class_alias(name)
        module, _, attribute = path.rpartition(".")
        found = getattr(import_module(module), attribute) if module else None
    except (ImportError, AttributeError, ValueError) as error:
        raise StepNotFoundError(f"no step {name!r}{_near(name)}: {error}") from error
    if found is None:
        raise StepNotFoundError(f"no step {name!r}{_near(name)}")
    return _target_of(found, name)


def _target_of(found: Any, name: str) -> StepTarget:
    from stpipe.step import Step

    if inspect.isclass(found) and issubclass(found, Step):
        return StepTarget("step", found, found.class_alias or found.__name__)
    if callable(found) and not inspect.isclass(found):
        return StepTarget("function", found, getattr(found, "__name__", name))
    raise StepNotFoundError(f"{name!r} is neither a Step class nor a function{_near(name)}")


def _near(name: str) -> str:
    from difflib import get_close_matches

    from stpipe.utilities import near_step_names

    near = [*get_close_matches(name, BUILT_IN, n=2), *near_step_names(name)]
    return f" (did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?)" if near else ""


def _mapping(value: Any, entry: Entry) -> Mapping[str, Any]:
    if type(value) is dict or isinstance(value, Mapping):
        return value
    raise ParameterError(f"{entry.where}: 'in' has to give a mapping of parameters, not {value!r}")


def _bind_built_in(entry: Entry, function: Callable[..., Any]) -> Callable[[RecipeRun], None]:
    arguments = entry.arguments
    if arguments is None:
        return lambda run: function(run, entry, _NOTHING)
    return lambda run: function(run, entry, _mapping(arguments(run.context), entry))


def _bind_function(entry: Entry, function: Callable[..., Any]) -> Callable[[RecipeRun], None]:
    arguments = entry.arguments

    def call(run: RecipeRun) -> None:
        context = run.context
        value = function(context) if arguments is None else function(context, **_mapping(arguments(context), entry))
        if value is not None:
            run.take_value(entry, value)

    return call


def _bind_step(entry: Entry, cls: Any) -> Callable[[RecipeRun], None]:
    arguments = entry.arguments

    def call(run: RecipeRun) -> None:
        keywords = {} if arguments is None else _mapping(arguments(run.context), entry)
        run.run_step(entry, cls, keywords)

    return call


_BINDERS = {"built-in": _bind_built_in, "step": _bind_step, "function": _bind_function}
