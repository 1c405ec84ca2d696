"""From the request of a run to its entries and targets; nothing runs here (running.md §2.1, R26)."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import ParameterError, RecipeNotFoundError, RunError, StepNotFoundError
from stpipe.policy import Policy
from stpipe.run_loop import RunEntry
from stpipe.targets import StandIn, single_target
from stpipe.tasks import FunctionWork, StepWork, Work

if TYPE_CHECKING:
    from stpipe.run_request import RunRequest

__all__ = ["NotFound", "door_of", "resolve", "targets_of"]


log = logging.getLogger("stpipe.run")


class NotFound(RunError):
    """What is to be run, or its input, is not there: return code 1."""


def resolve(request: RunRequest) -> tuple[list[RunEntry], list[Any]]:
    """Find what is to be run and on what.

    Returns
    -------
    entries : list of RunEntry
        In order.
    targets : list
        Exposures or stand-ins.

    Raises
    ------
    NotFound, RecipeNotFoundError, StepNotFoundError
        There is no such step, recipe or input.
    StpipeException, ValueError, TypeError
        A definition or parameter that cannot be used.
    """
    from stpipe.graph import Graph

    what = request.what
    if hasattr(what, "run_entries"):  # a plan
        return what.run_entries(request)
    if isinstance(what, Graph):
        from stpipe.run_works import graph_entry

        return [graph_entry(request, what)], [StandIn(None, "graph")]
    found = _find(request)
    targets = targets_of(request)
    entry = found(request, targets)
    if request.resume and not entry.results:
        log.warning("resume=True: of %s it cannot be told what is done, so all of it is run", request.title)
    return [entry], targets


def _find(request: RunRequest) -> Callable[[RunRequest, list[Any]], RunEntry]:
    """Return what makes the entry."""
    from stpipe.recipe import Recipe
    from stpipe.step import Step

    what = request.what
    if isinstance(what, Recipe):
        return _recipe
    if isinstance(what, Step):
        return _instance
    if inspect.isclass(what) and issubclass(what, Step):
        return lambda request, targets: _step(request, targets, what)
    if callable(what) and not inspect.isclass(what):
        return lambda request, targets: _function(request, targets, what)
    if isinstance(what, str | os.PathLike):
        return _find_name(request, os.fspath(what))
    raise TypeError(f"{what!r} is no step, function, recipe, plan or graph")


def _find_name(request: RunRequest, name: str) -> Callable[[RunRequest, list[Any]], RunEntry]:
    """Find a name: shortcut, file of a recipe or of parameters, step or function, name of a recipe."""
    from stpipe import settings
    from stpipe.step_lookup import find_named

    extension = os.path.splitext(name)[1].lower()
    if request.project is not None and request.project.has_recipe(name):
        return _recipe
    if name in settings.shortcuts or extension in (".yaml", ".yml") or request.loader:
        return _recipe
    if extension in (".asdf", ".cfg") and os.path.isfile(name):
        return _parameter_file
    try:
        target = find_named(name)
    except StepNotFoundError as error:
        return _recipe_or(request, error)
    if target.kind == "step":
        return lambda request, targets: _step(request, targets, target.target)
    return lambda request, targets: _function(request, targets, target.target)


def _recipe_or(request: RunRequest, step_error: StepNotFoundError) -> Callable[[RunRequest, list[Any]], RunEntry]:
    from stpipe.run_works import recipe_request

    try:
        recipe_request(request).resolved().load()
    except RecipeNotFoundError as error:
        raise NotFound(f"{step_error}; and {error}") from None
    return _recipe


def _recipe(request: RunRequest, targets: list[Any]) -> RunEntry:
    from stpipe.run_works import recipe_entry

    return recipe_entry(request, targets)


def _parameter_file(request: RunRequest, targets: list[Any]) -> RunEntry:
    """Make the entry of the step that a parameter file is for."""
    from dataclasses import replace

    from stpipe.config_file import read_parameter_file
    from stpipe.step import Step
    from stpipe.step_makers import class_of_config

    path = os.fspath(request.what)
    read = read_parameter_file(path)
    if not read.class_name:
        raise ParameterError(f"{path} names no class; name the step and give config_file={path!r}")
    cls = class_of_config(Step, {"class": read.class_name}, path)
    return _step(replace(request, config_file=request.config_file or path), targets, cls)


def _policy(request: RunRequest) -> Policy:
    return request.policy or Policy()


def _step(request: RunRequest, targets: list[Any], cls: Any) -> RunEntry:
    """Make the entry of a Step class; its parameters are resolved for the first target, which shows what is wrong."""
    _refuse_recipe_keywords(request)
    label = cls.class_alias or cls.__name__
    base = request.project.parameters if request.project is not None else None

    def work_for(target: Any) -> Work:
        data = parameters_of_data(cls, target.data)
        return StepWork(cls, label, request.keywords, data, base=base.layer() if base is not None else None)

    first = work_for(targets[0])
    first.prepare(_known_args(targets[0]))  # type: ignore[attr-defined]
    made = {targets[0].name: first}
    entry = RunEntry(
        label, lambda target: made.pop(target.name, None) or work_for(target), _policy(request), door=door_of(cls)
    )
    if request.resume:
        from stpipe.plan_resume import resumed

        made |= {target.name: work_for(target) for target in targets if target.name not in made}
        entry.results = resumed(made, targets, entry.door)  # type: ignore[arg-type]
    return entry


def door_of(cls: Any) -> Any:
    """Return a class that knows how headers are read; None where it leaves that to others."""
    from stpipe.step import Step

    names = ("_datamodels_open", "_get_crds_parameters", "_read_header")
    own = any(getattr(cls, name).__func__ is not getattr(Step, name).__func__ for name in names)
    return cls if own else None


def _known_args(target: Any) -> tuple[Any, ...]:
    source = target.source
    return () if source is None or isinstance(source, list | tuple) else (source,)


def parameters_of_data(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the data of an exposure is a parameter of a step, or ``steps`` of a pipeline."""
    declared = cls.declared_parameters()
    steps = getattr(cls, "step_defs", None) or {}
    found = {key: data[key] for key in data if key in declared}
    if steps and isinstance(data.get("steps"), Mapping):
        found["steps"] = dict(data["steps"])
    return found


def _instance(request: RunRequest, targets: list[Any]) -> RunEntry:
    """Make the entry of a user's instance, which is run as it is; keywords have no place there."""
    _refuse_recipe_keywords(request)
    step = request.what
    if request.keywords:
        raise ParameterError(
            f"parameters {', '.join(map(repr, request.keywords))} cannot be given for an instance; set them on it"
        )
    label = step.class_alias if step.name == type(step).__name__ and step.class_alias else step.name

    def work_for(target: Any) -> Work:
        return StepWork(type(step), label, prepared=step, own=True)

    entry = RunEntry(label, work_for, _policy(request).over(None), door=door_of(type(step)))
    if request.resume:
        from stpipe.plan_resume import resumed

        entry.results = resumed({one.name: work_for(one) for one in targets}, targets, entry.door)  # type: ignore[misc]
    return entry


def _function(request: RunRequest, targets: list[Any], function: Any) -> RunEntry:
    _refuse_recipe_keywords(request)
    keywords = request.keywords
    _check_arguments(function, targets, keywords)
    label = getattr(function, "__name__", type(function).__name__)
    return RunEntry(label, lambda target: FunctionWork(function, label, keywords), _policy(request))


def _check_arguments(function: Any, targets: list[Any], keywords: Mapping[str, Any]) -> None:
    """Refuse keywords that a function does not take."""
    try:
        known = inspect.signature(function)
    except (TypeError, ValueError):
        return
    args = () if targets[0].source is None else (None,)
    try:
        known.bind(*args, **keywords)
    except TypeError as error:
        raise ParameterError(f"{getattr(function, '__name__', function)}{known}: {error}") from None


def _refuse_recipe_keywords(request: RunRequest) -> None:
    names = ("context", "groups", "success_group", "failure_group")
    wrong = [name for name in names if getattr(request, name) is not None]
    if wrong:
        raise ParameterError(f"{', '.join(wrong)}: for a recipe only, and {request.title!r} is none")


def targets_of(request: RunRequest) -> list[Any]:
    """Return the targets of a run.

    Raises
    ------
    NotFound
        The single input is not there.
    """
    inputs = request.inputs
    if inputs is None and request.project is not None:
        inputs = request.project.inventory()
    if _is_inventory(inputs):
        return list(inputs)
    if isinstance(inputs, list | tuple):
        if len(inputs) == 1 and isinstance(inputs[0], list | tuple):
            return [StandIn(list(inputs[0]))]
        if not inputs:
            raise NotFound("the list of inputs is empty")
        from stpipe.inventory import Inventory

        return list(Inventory(list(inputs)))
    if isinstance(inputs, str | os.PathLike) and not os.path.exists(inputs):
        raise NotFound(f"there is no input {os.fspath(inputs)}")
    return [single_target(inputs)]


def _is_inventory(inputs: Any) -> bool:
    return type(inputs).__name__ == "Inventory" and type(inputs).__module__ == "stpipe.inventory"
