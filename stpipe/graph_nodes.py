"""The plan of one call of a resource graph: which steps are missing, what waits for what, and what is in flight.

A `Node` is one execution of one step. All nodes of a call are made at once, before anything runs, and entered into the
table of the graph; a later call that wants the same step joins the node that is there (single flight). What is present
at that moment is put into the arguments right away, so every node works on one consistent state of the resources.

Nothing here is recursive and nothing runs: `stpipe.graph_crew` does that. The caller holds the lock of the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from stpipe.exceptions import CycleError, MissingResourceError
from stpipe.graph_steps import NEEDED, GraphStep

if TYPE_CHECKING:
    from stpipe.graph_crew import Crew, Root

__all__ = [
    "ABSENT", "ENDED", "RUNNING", "STOPPING", "WAITING", "Draft", "Node", "Provider", "draft", "find_cycle", "forget",
    "is_sound", "let_go", "missing_error", "start_order", "unfinished", "waits_for",
]  # fmt: skip

ABSENT: Any = object()

_NOTHING: Any = ()

WAITING, RUNNING, STOPPING, ENDED = range(4)


class Provider(NamedTuple):
    """Who makes a resource: a step, and the place in what it returns (None if that is the bare value)."""

    step: GraphStep
    place: int | None


class Node:
    """One execution of one step.

    Attributes
    ----------
    step : GraphStep
        What runs.
    crew : Crew
        Who runs it: that of the call it was first planned for.
    args : list
        Arguments; in the place of one that is not there yet stands the node it comes from.
    missing : int
        How many of them are not there yet.
    dependents : list of (Node, int, int or None)
        Who waits for the value: node, place in its arguments, place in the value.
    wanted : int
        Dependents and calls that still want the value; at 0 it is given up.
    roots, watchers : tuple of Root
        Calls that wait for the value; calls that wait for it to stop.
    state : int
        WAITING, RUNNING, STOPPING (given up while running) or ENDED.
    stale : bool
        One of its resources has been replaced meanwhile: the value is delivered but not stored.
    runner : object
        What it runs in: an asyncio task, or the token of a thread.
    nested : Node or None
        What its step is waiting for in a call of its own.
    """

    missing = 0
    wanted = 0
    roots: tuple[Root, ...] = ()
    watchers: tuple[Root, ...] = ()
    state = WAITING
    stale = False
    runner: Any = None
    nested: Node | None = None

    def __init__(self, step: GraphStep, crew: Crew) -> None:
        self.step = step
        self.crew = crew
        self.args: list[Any] = []
        self.dependents: list[tuple[Node, int, int | None]] = []

    @property
    def parents(self) -> list[Node]:
        """Whom the missing arguments come from."""
        return [source for source in self.args if type(source) is Node]

    def is_lost(self) -> bool:
        """Whether nobody will ever run it, or end it, because the event loop of its crew is closed."""
        if not self.crew.is_gone() or self.state == ENDED:
            return False
        return self.step.is_async or (self.state == WAITING and not self.missing)

    def drop_links(self) -> None:
        """Let go of what a node that has ended refers to."""
        self.args = self.dependents = _NOTHING
        self.roots = self.watchers = ()
        self.runner = None


class Draft(NamedTuple):
    """Nodes that a call needs, before anything is entered anywhere.

    Attributes
    ----------
    nodes : dict of GraphStep to Node
        New ones, the wanted one first.
    joins : list of (Node, Node, int, int or None)
        Nodes in flight, and the new ones that wait for them.
    """

    nodes: dict[GraphStep, Node]
    joins: list[tuple[Node, Node, int, int | None]]

    def join(self) -> None:
        """Have the new nodes wait for those in flight."""
        for source, node, place, part in self.joins:
            source.dependents.append((node, place, part))
            source.wanted += 1
            node.missing += 1
            node.args[place] = source


def draft(
    target: GraphStep, crew: Any, *, values: Mapping[str, Any], providers: Mapping[str, Provider], table: Mapping
) -> Draft:
    """Find out what has to run for ``target``.

    Parameters
    ----------
    target : GraphStep
        The step wanted; it is not in flight.
    crew : Crew
        Who is to run the new nodes.
    values, providers : mapping
        Resources that are present, and who makes those that are not.
    table : mapping of GraphStep to Node
        What is in flight.

    Raises
    ------
    MissingResourceError
        Nothing provides a resource; all of them are named.
    """
    nodes, joins, lacking = {target: Node(target, crew)}, [], []
    todo = [nodes[target]]
    for node in todo:  # grows meanwhile
        args = node.args
        for name, default in node.step.wants:
            value = values.get(name, ABSENT)
            if value is not ABSENT:
                pass
            elif (provider := providers.get(name)) is None:
                value = default
                if default is NEEDED:
                    lacking.append((name, node.step.name))
            else:
                step, part = provider
                value = nodes.get(step)
                if value is None and (value := _in_flight(step, table)) is not None:
                    joins.append((value, node, len(args), part))
                    value = ABSENT
                else:
                    if value is None:
                        value = nodes[step] = Node(step, crew)
                        todo.append(value)
                    value.dependents.append((node, len(args), part))
                    value.wanted += 1
                    node.missing += 1
            args.append(value)
    if lacking:
        raise missing_error(lacking)
    return Draft(nodes, joins)


def _in_flight(step: GraphStep, table: Mapping[GraphStep, Node]) -> Node | None:
    node = table.get(step)
    return None if node is None or node.is_lost() else node


def missing_error(lacking: Iterable[tuple[str, str]]) -> MissingResourceError:
    """Return the error that names every missing resource and who wants it."""
    wanted_by: dict[str, list[str]] = {}
    for name, step in lacking:
        wanted_by.setdefault(name, []).append(step)
    listed = ", ".join(f"{name!r} (wanted by {', '.join(steps)})" for name, steps in wanted_by.items())
    return MissingResourceError(
        f"no step provides {listed}; give a value with add_resources({next(iter(wanted_by))}=...) "
        "or register a step that provides it"
    )


def start_order(nodes: Mapping[GraphStep, Node]) -> list[Node]:
    """Return nodes in an order in which they can run, first come first served; those in a cycle are left out."""
    missing = {node: node.missing for node in nodes.values()}
    ready = deque(node for node in reversed(missing) if not missing[node])
    order = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for dependent, _, _ in node.dependents:
            missing[dependent] -= 1
            if not missing[dependent]:
                ready.append(dependent)
    return order


def is_sound(steps: Iterable[GraphStep], providers: Mapping[str, Provider]) -> bool:
    """Whether no step could ever wait for itself, whatever is present."""
    users: dict[GraphStep, list[GraphStep]] = {}
    missing = {}
    for step in steps:
        sources = [providers[name].step for name, _ in step.wants if name in providers]
        missing[step] = len(sources)
        for source in sources:
            users.setdefault(source, []).append(step)
    ready = [step for step, count in missing.items() if not count]
    for step in ready:  # grows meanwhile
        for user in users.get(step, ()):
            missing[user] -= 1
            if not missing[user]:
                ready.append(user)
    return len(ready) == len(missing)


def find_cycle(nodes: Mapping[GraphStep, Node], providers: Mapping[str, Provider]) -> None:
    """See that no step waits for itself.

    Raises
    ------
    CycleError
        One does; the text names the resources on the way, each followed by one that it needs.
    """
    done = {node.step for node in start_order(nodes)}
    if len(done) == len(nodes):
        return
    step = next(step for step in nodes if step not in done)
    names: list[str] = []
    while True:  # every step that is left wants a resource of another one that is left
        name = next(name for name in _awaited(nodes[step]) if _is_left(providers[name].step, nodes, done))
        if name in names:
            break
        names.append(name)
        step = providers[name].step
    names = names[names.index(name) :]
    asked = next((place for place, name in enumerate(names) if name in next(iter(nodes)).provides), 0)
    names = names[asked:] + names[:asked]
    raise CycleError(" -> ".join([*names, names[0]]))


def _awaited(node: Node) -> list[str]:
    """Names of the resources that a node waits for."""
    return [name for (name, _), value in zip(node.step.wants, node.args, strict=True) if type(value) is Node]


def _is_left(step: GraphStep, nodes: Mapping[GraphStep, Node], done: set[GraphStep]) -> bool:
    return step in nodes and step not in done


def waits_for(sources: Iterable[Node], wanted: Node) -> bool:
    """Whether one of the nodes in flight is, or cannot end before, another one."""
    return wanted in unfinished(sources)


def unfinished(sources: Iterable[Node]) -> set[Node]:
    """Return nodes, what they wait for, and so on, as far as these have not ended."""
    todo, seen = list(sources), set()
    while todo:
        node = todo.pop()
        if node not in seen and node.state != ENDED:
            seen.add(node)
            todo.extend(node.parents)
            if node.nested is not None:
                todo.append(node.nested)
    return seen


def let_go(sources: Iterable[Node], table: dict[GraphStep, Node]) -> list[Node]:
    """Want each of the nodes once less; give up those that nobody wants any more and what only they wanted.

    Returns
    -------
    list of Node
        Those that are running and have to be stopped.
    """
    todo, stopping = list(sources), []
    while todo:
        node = todo.pop()
        node.wanted -= 1
        if node.wanted > 0 or node.state >= STOPPING:
            continue
        forget(node, table)
        if node.state == RUNNING:
            node.state = STOPPING
            stopping.append(node)
        else:
            node.state = ENDED
            todo.extend(node.parents)
    return stopping


def forget(node: Node, table: dict[GraphStep, Node]) -> None:
    """Take a node out of the table, unless another one is there in its place."""
    if table.get(node.step) is node:
        del table[node.step]
