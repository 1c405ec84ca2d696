"""Resource graph: steps are run because of what they provide and after what they want.

::

    from stpipe.graph import step, resource, add_resources

    @step(provides="mean")
    async def mean(total, count):
        return total / count

    async def main():
        add_resources(total=38)
        print(await mean(count=4))

A graph holds registrations and values. A call plans everything it lacks before anything runs, joins what other calls
have under way (single flight), and runs the rest: coroutines in tasks, ordinary functions and `stpipe.Step` classes in
threads. The module functions act on the current graph: one of the process, or the one entered by ``with graph:``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

from stpipe.graph_drawing import mermaid
from stpipe.graph_flow import Flow
from stpipe.graph_nodes import draft, missing_error, start_order
from stpipe.graph_steps import GraphStep, step_from_class, step_from_function

__all__ = ["Graph", "add_resources", "current_graph", "resource", "step"]

log = logging.getLogger(__name__)


class Graph:
    """Steps and resources.

    Parameters
    ----------
    steps_from : Graph, optional
        Take over its registrations, not its values.
    workers : int, optional
        How many ordinary functions may run at once; by default four more than there are processors, at most 32.

    Raises
    ------
    ValueError
        ``workers`` is less than 1.

    Notes
    -----
    Safe to use from several threads and event loops. A value that is given or replaced while steps are under way does
    not disturb them: they end with what they began with, and what they make of it is delivered but not stored.
    """

    def __init__(self, *, steps_from: Graph | None = None, workers: int | None = None) -> None:
        workers = min(32, (os.cpu_count() or 1) + 4) if workers is None else workers
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._flow = Flow(workers)
        if steps_from is not None:
            self._flow.copy_steps(steps_from._flow)

    def step(self, function: Callable[..., Any] | None = None, *, provides: Any = None, replace: bool = False) -> Any:
        """Register a function, coroutine or ordinary; a decorator.

        Parameters
        ----------
        function : callable, optional
            Its parameters are the resources it wants; one with a default is optional.
        provides : str or tuple of str, optional
            Names of what it returns.
        replace : bool
            Take over resources that another step provides; what that one has made of them is dropped.

        Returns
        -------
        GraphStep
            Call and await it to run what is missing, then the step.
        """
        if function is None:
            return lambda one: self.step(one, provides=provides, replace=replace)
        return self._add(step_from_function(self, function, provides), replace)

    def add_step(
        self, step_class: Any, *, requires: Any = None, provides: Any = None, replace: bool = False, **parameters: Any
    ) -> GraphStep:
        """Register a `stpipe.Step` class or alias, run as by its ``call``.

        Parameters
        ----------
        step_class : type or str
            The class, or its alias.
        requires, provides : str or tuple of str, optional
            Names of the arguments of ``process`` and of the results; by default class attributes of these names, and
            for the former the names of the parameters of ``process``.
        replace : bool
            As `step`.
        **parameters
            Parameters of the step, and ``config_file``, ``steps``, ``configure_log`` (default False).

        Raises
        ------
        StepNotFoundError
            No step has that alias.
        """
        return self._add(step_from_class(self, step_class, requires, provides, parameters), replace)

    def _add(self, new: GraphStep, replace: bool) -> GraphStep:
        kept = self._flow.register(new, replace=replace)
        for name in kept:
            first = self._flow.providers[name].step
            log.warning(
                "%r is provided by step %s already, and %s is not used for it; replace=True would take over",
                name, first.name, new.name,
            )  # fmt: skip
        return new

    def add_resources(self, **values: Any) -> None:
        """Give resources values; what was computed from an earlier value of theirs is dropped."""
        self._flow.preset(values)

    async def resource(self, name: str) -> Any:
        """Return the value of a resource, running what is missing.

        Raises
        ------
        MissingResourceError, CycleError
            It cannot be had; nothing has run.
        Exception
            Whatever a step has raised.
        """
        with self._flow.lock:
            if name in self._flow.values:
                return self._flow.values[name]
            maker, place = self._provider(name)
        return await self._flow.value_of(maker, (name,), place)

    def _provider(self, name: str) -> Any:
        try:
            return self._flow.providers[name]
        except KeyError:
            raise missing_error([(name, "this call")]) from None

    async def call(self, called: GraphStep, given: dict[str, Any]) -> Any:
        """Set resources, then return what a step makes; see `GraphStep`."""
        if given:
            self._flow.preset(given)
        return await self._flow.value_of(called, called.provides)

    def run(self, name: str, **presets: Any) -> Any:
        """Return the value of a resource, outside of any event loop.

        Where a loop is running in this thread, another thread does the work and this one, loop and all, waits.
        """
        self._flow.preset(presets)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.resource(name))
        return _in_thread(lambda: asyncio.run(self.resource(name)))

    def ready(self, name: str) -> bool:
        """Whether a resource is present."""
        return name in self._flow.values

    def has_steps(self) -> bool:
        """Whether any step is registered."""
        return bool(self._flow.steps)

    def names(self) -> list[str]:
        """Return the names of all resources that steps want or provide."""
        return list(dict.fromkeys((*self._flow.providers, *self._flow.consumers)))

    def present(self) -> dict[str, Any]:
        """Return the resources that are there, given or computed."""
        with self._flow.lock:
            return dict(self._flow.values)

    def given(self) -> dict[str, Any]:
        """Return the resources that were given."""
        with self._flow.lock:
            return {name: value for name, value in self._flow.values.items() if name not in self._flow.makers}

    def clear(self) -> None:
        """Drop computed values; what was given stays."""
        self._flow.clear()

    def plan(self, name: str | GraphStep) -> list[str]:
        """Return the names of the steps that a resource, or a call of a step, would run, in order; run nothing.

        Raises
        ------
        MissingResourceError, CycleError
            It cannot be had.
        """
        flow = self._flow
        with flow.lock:
            wanted = name.provides if isinstance(name, GraphStep) else (name,)
            if wanted and all(one in flow.values for one in wanted):
                return []
            target = name if isinstance(name, GraphStep) else self._provider(name).step
            nodes = draft(target, None, values=flow.values, providers=flow.providers, table={}).nodes
            flow.check_order(nodes)
        return [node.step.name for node in start_order(nodes)]

    def mermaid(self) -> str:
        """Return the graph as the text of a Mermaid flow chart: steps are boxes, resources are rounded."""
        with self._flow.lock:
            return mermaid(list(self._flow.steps), self._flow.providers, set(self._flow.values))

    def serving(self, called: GraphStep) -> Graph:
        """Return the graph that a call of a step acts on: the one entered, if it has the step, else this one."""
        entered = _ENTERED.get()
        return entered[0] if entered is not None and called in entered[0]._flow.steps else self

    def __enter__(self) -> Graph:
        _ENTERED.set((self, _ENTERED.get()))
        return self

    def __exit__(self, *_: object) -> None:
        entered = _ENTERED.get()
        _ENTERED.set(entered[1] if entered is not None else None)

    def __repr__(self) -> str:
        return f"<Graph of {len(self._flow.steps)} steps, {len(self._flow.values)} resources present>"


_ENTERED: ContextVar[tuple[Graph, Any] | None] = ContextVar("stpipe_graph", default=None)
_DEFAULT = Graph()


def _in_thread(function: Callable[[], Any]) -> Any:
    """Call a function in a thread of its own, with the context variables of this one; return its value."""
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.extend((function(), None))
        except BaseException as error:
            outcome.extend((None, error))

    thread = threading.Thread(target=copy_context().run, args=(work,), name="stpipe-graph-run")
    thread.start()
    thread.join()
    value, error = outcome
    if error is not None:
        raise error
    return value


def current_graph() -> Graph:
    """Return the graph entered by ``with`` in this context, else the one of the process."""
    entered = _ENTERED.get()
    return _DEFAULT if entered is None else entered[0]


def step(function: Callable[..., Any] | None = None, *, provides: Any = None, replace: bool = False) -> Any:
    """Register a function in the current graph; see `Graph.step`."""
    return current_graph().step(function, provides=provides, replace=replace)


async def resource(name: str) -> Any:
    """Return the value of a resource of the current graph; see `Graph.resource`."""
    return await current_graph().resource(name)


def add_resources(**values: Any) -> None:
    """Give resources of the current graph values; see `Graph.add_resources`."""
    current_graph().add_resources(**values)
