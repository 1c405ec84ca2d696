"""The entries of a plan: what was added, as work for each target, and what `Plan.add` returns (running.md L1)."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from stpipe.exceptions import ExposureNotFoundError, ParameterError
from stpipe.plan_links import Link
from stpipe.plan_steps import Place, prepare_function, prepare_opaque, prepare_step
from stpipe.policy import Policy
from stpipe.run_loop import RunEntry
from stpipe.step_result import StepResult
from stpipe.tasks import FunctionWork, StepWork, Work

__all__ = ["PlanEntry", "PlanResults", "entry_of", "names_of", "warn_of_same_products"]

log = logging.getLogger("stpipe.run")


class PlanResults(Mapping[Any, StepResult]):
    """What `Plan.add` returns: exposure to `StepResult`; names of exposures will do, too.

    Results that were not saved and that a later entry has used are kept only while this mapping is.
    """

    __slots__ = ("__weakref__", "_by_name", "label")

    def __init__(self, label: str, pairs: Iterable[tuple[Any, StepResult]]) -> None:
        self.label = label
        self._by_name = {exposure.name: (exposure, result) for exposure, result in pairs}

    def __getitem__(self, key: Any) -> StepResult:
        if key not in self:
            raise ExposureNotFoundError(f"entry {self.label!r} has no exposure {str(key)!r}")
        return self._by_name[str(key)][1]

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the result of an exposure, or the default where there is none."""
        return self._by_name[str(key)][1] if key in self else default

    def __iter__(self) -> Iterator[Any]:
        return (exposure for exposure, _ in self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, key: object) -> bool:
        found = self._by_name.get(str(key))
        return found is not None and (isinstance(key, str) or found[0] == key)

    def __repr__(self) -> str:
        return f"<{self.label}: {', '.join(map(repr, (result for _, result in self._by_name.values())))}>"


@dataclass(eq=False)
class PlanEntry:
    """One entry of a plan.

    Attributes
    ----------
    label : str
        Its name in events.
    policy : Policy
        Its rules.
    names : frozenset of str or None
        Targets that it is for; None for all.
    keywords : mapping
        Parameters.
    links : dict of str to Link
        What is known before execution, by target.
    """

    label: str
    policy: Policy
    names: frozenset[str] | None
    keywords: Mapping[str, Any]
    links: dict[str, Link] = field(default_factory=dict)
    _works: dict[str, Work] = field(default_factory=dict)

    tells = True
    door = None  # Step class that knows how headers are read

    def parameters(self) -> frozenset[str]:
        """Return the names of the parameters that it declares."""
        raise NotImplementedError

    def prepare(self, place: Place, session: Any) -> Link:
        """Prepare it for an exposure."""
        raise NotImplementedError

    def work_for(self, target: Any) -> Work:
        """Return what is to be done for a target, once prepared, else new."""
        return self._works.pop(target.name, None) or self.new_work(target)

    def new_work(self, target: Any) -> Work:
        """Make what is to be done for a target."""
        raise NotImplementedError

    def run_entry(self) -> RunEntry:
        """Return the entry as the loop of runs takes it."""
        results = {name: link.result for name, link in self.links.items()}
        names = frozenset(self.links)
        return RunEntry(self.label, self.work_for, self.policy, names, self.tells, self.door, results)


@dataclass(eq=False)
class _StepEntry(PlanEntry):
    cls: Any = None

    @property
    def door(self) -> Any:  # type: ignore[override]
        """Return the class, unless it leaves it to others how headers are read."""
        from stpipe.run_what import door_of

        return door_of(self.cls)

    def parameters(self) -> frozenset[str]:
        return _step_parameters(self.cls)

    def new_work(self, target: Any) -> StepWork:
        from stpipe.run_what import parameters_of_data

        data = parameters_of_data(self.cls, target.data) if target.data else {}
        return StepWork(self.cls, self.label, self.keywords, data, entry=True)

    def prepare(self, place: Place, session: Any) -> Link:
        work = self._works[place.exposure.name] = self.new_work(place.exposure)
        return prepare_step(work, place, self.policy, session)


@dataclass(eq=False)
class _InstanceEntry(_StepEntry):
    step: Any = None

    def parameters(self) -> frozenset[str]:
        return frozenset()

    def new_work(self, target: Any) -> StepWork:
        return StepWork(self.cls, self.label, prepared=self.step, own=True, entry=True)


@dataclass(eq=False)
class _FunctionEntry(PlanEntry):
    function: Any = None

    def parameters(self) -> frozenset[str]:
        return _function_parameters(self.function)

    def new_work(self, target: Any) -> FunctionWork:
        return FunctionWork(self.function, self.label, self.keywords)

    def prepare(self, place: Place, session: Any) -> Link:
        return prepare_function(self.new_work(place.exposure), place, self.policy)


@dataclass(eq=False)
class _RecipeEntry(PlanEntry):
    request: Any = None

    tells = False

    def parameters(self) -> frozenset[str]:
        return frozenset()

    def new_work(self, target: Any) -> Work:
        from stpipe.run_works import RecipeWork

        return RecipeWork(self.request, self.label, dict(target.data))

    def prepare(self, place: Place, session: Any) -> Link:
        return prepare_opaque(self.label, place, self.policy, str(self.request.name))


def names_of(inventory: Any, targets: Any) -> frozenset[str] | None:
    """Return the names of the exposures that ``targets`` of `Plan.add` stands for; None for all.

    Raises
    ------
    ExposureNotFoundError
        One of them is not there.
    """
    if targets is None:
        return None
    if callable(targets):
        return frozenset(one.name for one in inventory if targets(one))
    if isinstance(targets, str) and targets not in inventory and targets in (*inventory.groups, "all"):
        return frozenset(one.name for one in inventory.get_group(targets))
    several = [targets] if isinstance(targets, str) or hasattr(targets, "header") else targets
    return frozenset(inventory.get(one).name for one in several)


def entry_of(
    what: Any,
    name: str | None,
    policy: Policy,
    names: frozenset[str] | None,
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> PlanEntry:
    """Make an entry.

    Parameters
    ----------
    what : Step class or instance, str, function or Recipe
        A text is an alias, a dotted path, or the name or path of a recipe.
    name : str or None
        Label.
    policy : Policy
        Rules.
    names : frozenset of str or None
        Targets.
    given, defaults : mapping
        Parameters; of the defaults those that it declares are used.

    Raises
    ------
    StepNotFoundError, RecipeNotFoundError, RecipeDefinitionError
        There is nothing of that name, or it cannot be used.
    ParameterError
        A function does not take these keywords; an instance or a recipe takes none.
    TypeError
        ``what`` is nothing of these.
    """
    kind, found, label = _found(what)
    entry = kind(name or label, policy, names, dict(given))
    if kind is _StepEntry:
        entry.cls = found
    elif kind is _InstanceEntry:
        _refuse(given, f"the instance {label}; set them on it")
        entry.cls, entry.step = type(found), found
    elif kind is _FunctionEntry:
        entry.function = found
    else:
        entry.request, entry.keywords = _recipe_request(found, given), {}
    chosen = {key: value for key, value in defaults.items() if key in entry.parameters()}
    entry.keywords = _merged(chosen, entry.keywords)
    if kind is _FunctionEntry:
        _check_arguments(found, entry.keywords)
    return entry


def _merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put parameters over defaults; those of sub-steps one by one."""
    merged = {**defaults, **given}
    below, above = defaults.get("steps"), given.get("steps")
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        merged["steps"] = {key: {**(below.get(key) or {}), **(above.get(key) or {})} for key in {**below, **above}}
    return merged


def _found(what: Any) -> tuple[Any, Any, str]:
    """Return the kind of entry, what it is about, and its label."""
    from stpipe.recipe import Recipe
    from stpipe.step import Step

    if isinstance(what, Recipe):
        return _RecipeEntry, what, what.name
    if isinstance(what, Step):
        unnamed = what.name == type(what).__name__
        return _InstanceEntry, what, (what.class_alias if unnamed else None) or what.name
    if inspect.isclass(what) and issubclass(what, Step):
        return _StepEntry, what, what.class_alias or what.__name__
    if callable(what) and not inspect.isclass(what):
        return _FunctionEntry, what, getattr(what, "__name__", type(what).__name__)
    if isinstance(what, str | os.PathLike):
        return _found_by_name(os.fspath(what))
    raise TypeError(f"{what!r} is no step, function or recipe; add a Step class, its alias or dotted path, a function")


def _found_by_name(name: str) -> tuple[Any, Any, str]:
    from stpipe.step_lookup import find_named

    if os.path.splitext(name)[1].lower() in (".yaml", ".yml"):
        return _RecipeEntry, name, os.path.splitext(os.path.basename(name))[0]
    target = find_named(name)
    return (_StepEntry if target.kind == "step" else _FunctionEntry), target.target, target.label


def _recipe_request(recipe: Any, given: Mapping[str, Any]) -> Any:
    """Check a recipe, and return the request for it."""
    from stpipe.recipe_request import RecipeRequest

    rest = {key: value for key, value in given.items() if key != "context"}
    _refuse(rest, "a recipe, which takes values as context={…}")
    request = RecipeRequest(recipe, dict_in=given.get("context"))
    request.prepare()
    return request


def _refuse(given: Mapping[str, Any], what: str) -> None:
    if given:
        raise ParameterError(f"parameters {', '.join(map(repr, given))} cannot be given for {what}")


@lru_cache(maxsize=512)
def _step_parameters(cls: Any) -> frozenset[str]:
    steps = getattr(cls, "step_defs", None) or {}
    return frozenset(cls.declared_parameters()) | frozenset(("steps", *steps) if steps else ())


def _function_parameters(function: Any) -> frozenset[str]:
    """Names that a function takes as keywords; the first argument is the input."""
    try:
        found = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return frozenset()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(one.name for one in found if one.kind in kinds)


def _check_arguments(function: Any, keywords: Mapping[str, Any]) -> None:
    """Refuse keywords that a function does not take."""
    try:
        known = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        known.bind(None, **keywords)
    except TypeError as error:
        raise ParameterError(f"{getattr(function, '__name__', function)}{known}: {error}") from None


def warn_of_same_products(entry: PlanEntry, known: dict[str, tuple[PlanEntry, str]]) -> None:
    """Warn of products that would replace each other: those of exposures, or entries, that get the same name.

    Parameters
    ----------
    entry : PlanEntry
        A new entry.
    known : dict of str to (PlanEntry, str)
        Path of each product to its entry and target; the new ones are entered.
    """
    same = []
    for target, link in entry.links.items():
        for path in link.products if link.saves else ():
            other = known.setdefault(os.path.abspath(path), (entry, target))
            if other != (entry, target):
                same.append(f"{path} of {entry.label} for {target}, and of {other[0].label} for {other[1]}")
    if same:
        more = f" ({len(same) - 1} more)" if len(same) > 1 else ""
        log.warning("Products would replace each other: %s%s; give another output_dir or suffix", same[0], more)
