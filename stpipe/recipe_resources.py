"""Resources of the current graph for entries of a recipe that require them (running.md G22).

Names are shared: what the context holds satisfies steps of the graph, and what the graph makes for an entry is put into
the context. A run has a graph of its own with the steps, and the given values, of the current one; so nothing that one
run makes is seen by another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["GraphResources", "NoGraph"]


class NoGraph(Exception):
    """There is no graph that could provide anything."""


class GraphResources:
    """The graph of one run of a recipe.

    Notes
    -----
    It takes over the steps of `stpipe.graph.current_graph` when it is first asked for something.
    """

    def __init__(self) -> None:
        self._graph: Any = None
        self._shown: dict[str, Any] = {}

    def get(self, name: str, context: dict[str, Any]) -> Any:
        """Return a resource, running what is missing; put it and what was made on the way into the context.

        Parameters
        ----------
        name : str
            Resource.
        context : dict
            Values of the recipe, which count as given resources.

        Raises
        ------
        NoGraph
            The current graph has no steps.
        MissingResourceError, CycleError
            It cannot be had; nothing has run.
        """
        graph = self._of_run()
        if graph is None:
            raise NoGraph(name)
        given = self._news(context, graph)
        value = graph.run(name, **given)
        for key, made in graph.present().items():
            if key not in context:
                context[key] = self._shown[key] = made
        return value

    def _of_run(self) -> Any:
        from stpipe.graph import Graph, current_graph

        if self._graph is None:
            current = current_graph()
            if not current.has_steps():
                return None
            self._graph = Graph(steps_from=current)
            self._graph.add_resources(**current.given())
        return self._graph

    def _news(self, context: Mapping[str, Any], graph: Any) -> dict[str, Any]:
        """Return the values of the context that steps of the graph use and that it does not have like this."""
        shown = self._shown
        news = {
            key: context[key]
            for key in graph.names()
            if key in context and (key not in shown or shown[key] is not context[key])
        }
        shown.update(news)
        return news
