"""Recipes and resource graphs as the work of a run (running.md §2.1, G21)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stpipe.attempts import take_attempts
from stpipe.exceptions import ParameterError
from stpipe.policy import Policy, governed
from stpipe.run_loop import RunEntry
from stpipe.tasks import Report, Work

if TYPE_CHECKING:
    from stpipe.graph import Graph
    from stpipe.recipe_request import RecipeRequest
    from stpipe.run_request import RunRequest

__all__ = ["GraphWork", "RecipeWork", "graph_entry", "recipe_entry", "recipe_request"]


@dataclass(slots=True)
class RecipeWork(Work):
    """A recipe, run in a context of its own for each target.

    Attributes
    ----------
    request : RecipeRequest
        Recipe, groups and the values to start with.
    label : str
        Name of the recipe.
    data : mapping
        What the inventory has for the target; lower than the values.
    prepared : RecipeRun or None
        Ready to run, where that has been done already.
    """

    logs_errors = True
    one_step = False

    request: RecipeRequest
    label: str
    data: Mapping[str, Any] = field(default_factory=dict)
    prepared: Any = None

    def prepare(self) -> Any:
        """Load, check and make the first context."""
        if self.prepared is None:
            self.prepared = self.request.prepare()
        return self.prepared

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        around = take_attempts()
        around.ended = True  # the entries have their own, and tell of themselves
        run = self.prepare()
        run.around, report.parameters = around, run.parameters
        for key, value in self.data.items():
            run.context.setdefault(key, value)
        if args:
            run.context["input"] = args[0]
        report.context = run.context
        self.prepared = None
        run.execute()
        return run.context.get("result")

    def __getstate__(self) -> tuple[Any, ...]:
        """Without what has been prepared, but with the recipe as it was loaded here."""
        asked = self.request.resolved()
        return (replace(asked, name=asked.load()), self.label, dict(self.data))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.request, self.label, self.data = state
        self.prepared = None


def recipe_request(request: RunRequest) -> RecipeRequest:
    """Return the recipe part of a request."""
    from stpipe.recipe_request import RecipeRequest

    what = request.what if not hasattr(request.what, "__fspath__") else request.what.__fspath__()
    return RecipeRequest(
        what,
        dict_in=request.context,
        groups=request.groups,
        success_group=request.success_group,
        failure_group=request.failure_group,
        loader=request.loader,
        py_dir=None if request.py_dir is None else str(request.py_dir),
        allow_code=request.allow_code,
        parent=None if request.project is None else request.project.recipes,
        defaults=None if request.project is None else request.project.parameters,
    )


def recipe_entry(request: RunRequest, targets: list[Any], asked: RecipeRequest | None = None) -> RunEntry:
    """Make the entry of a recipe; it is loaded and checked here.

    Parameters
    ----------
    request : RunRequest
        What is asked for.
    targets : list
        What it is run on.
    asked : RecipeRequest, optional
        The recipe part, where it is more than the request says.

    Raises
    ------
    ParameterError
        Parameters of a step were given; a recipe takes ``context``.
    RecipeNotFoundError, RecipeDefinitionError, GroupNotFoundError, StepNotFoundError
        It cannot be run.
    """
    if request.keywords:
        names = ", ".join(map(repr, request.keywords))
        raise ParameterError(
            f"{names}: a recipe takes values as context={{…}}, and parameters of its steps in their entries ('in')"
        )
    asked = asked or recipe_request(request)
    first = RecipeWork(asked, request.title, dict(targets[0].data))
    first.prepare()
    made = {targets[0].name: first}

    def work_for(target: Any) -> Work:
        return made.pop(target.name, None) or RecipeWork(asked, request.title, dict(target.data))

    return RunEntry(request.title, work_for, request.policy or Policy(), tells=False)


@dataclass(slots=True)
class GraphWork(Work):
    """One resource of a graph.

    Attributes
    ----------
    graph : Graph
        Steps and values.
    label : str
        The resource.
    policy : Policy or None
        Rules for each step of the graph.
    """

    one_step = False

    graph: Graph
    label: str
    policy: Policy | None = None

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        from stpipe.coroutines import run_coroutine

        take_attempts().ended = True  # the steps of the graph tell of themselves
        with governed(self.policy):
            return run_coroutine(self.graph.resource(self.label))


def graph_entry(request: RunRequest, graph: Graph) -> RunEntry:
    """Make the entry of a resource; what it needs is checked here.

    Raises
    ------
    MissingResourceError, CycleError
        It cannot be had.
    ParameterError
        ``inputs`` names no resource, or parameters were given.
    """
    name = request.inputs
    if not isinstance(name, str):
        raise ParameterError(f"with a graph, inputs has to be the name of the wanted resource, not {name!r}")
    if request.keywords:
        names = ", ".join(map(repr, request.keywords))
        raise ParameterError(f"{names}: values of resources are given as context={{…}}")
    if request.context:
        graph.add_resources(**request.context)
    graph.plan(name)
    return RunEntry(name, lambda target: GraphWork(graph, name, request.policy), tells=False)
