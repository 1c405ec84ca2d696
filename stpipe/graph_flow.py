"""The state of a resource graph: what is registered, what is present, what is in flight, and every change of it.

All of it is guarded by one lock, because ordinary functions end in threads and calls may come from several event loops.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stpipe.exceptions import CycleError
from stpipe.graph_crew import Crew, LoopGone, Root, running_node
from stpipe.graph_nodes import (
    ABSENT,
    ENDED,
    RUNNING,
    STOPPING,
    WAITING,
    Node,
    Provider,
    draft,
    find_cycle,
    forget,
    is_sound,
    let_go,
    unfinished,
    waits_for,
)
from stpipe.graph_steps import GraphStep
from stpipe.graph_threads import Lane

__all__ = ["Flow"]

LOOK_AFTER = 0.1
"""Seconds between looks at the steps of other event loops."""


class Flow:
    """Registrations, values and executions of one graph.

    Parameters
    ----------
    workers : int
        How many ordinary functions may run at once.

    Attributes
    ----------
    steps : dict of GraphStep to None
        All steps, in the order of registration.
    providers : dict of str to Provider
        Who makes a resource.
    consumers : dict of str to list of GraphStep
        Who wants it.
    values : dict of str to object
        Resources that are present.
    makers : dict of str to GraphStep
        Who has made those of them that are not preset.
    table : dict of GraphStep to Node
        What is planned or running.
    """

    def __init__(self, workers: int) -> None:
        self.lock = threading.RLock()
        self.lane = Lane(self, workers)
        self.steps: dict[GraphStep, None] = {}
        self.providers: dict[str, Provider] = {}
        self.consumers: dict[str, list[GraphStep]] = {}
        self.values: dict[str, Any] = {}
        self.makers: dict[str, GraphStep] = {}
        self.table: dict[GraphStep, Node] = {}
        self._sound: bool | None = None
        self._loop: Any = None
        self._mixed = False

    # -- registrations and values

    def register(self, step: GraphStep, *, replace: bool) -> list[str]:
        """Enter a step; return the resources that another one already provides and goes on to provide."""
        with self.lock:
            kept = [name for name in step.provides if name in self.providers and not replace]
            for place, name in enumerate(step.provides):
                if name in kept:
                    continue
                if name in self.makers:
                    self.preset({name: ABSENT})
                self.providers[name] = Provider(step, None if len(step.provides) == 1 else place)
            self.steps[step] = None
            for name, _ in step.wants:
                self.consumers.setdefault(name, []).append(step)
            self._sound = None
            return kept

    def copy_steps(self, other: Flow) -> None:
        """Take over the registrations of another graph, not its values."""
        with other.lock:
            self.steps.update(other.steps)
            self.providers.update(other.providers)
            self.consumers.update({name: list(steps) for name, steps in other.consumers.items()})

    def preset(self, given: Mapping[str, Any]) -> None:
        """Set resources, or drop those given as `ABSENT`; drop what was computed from them."""
        with self.lock:
            for name, value in given.items():
                self.makers.pop(name, None)
                if value is ABSENT:
                    self.values.pop(name, None)
                else:
                    self.values[name] = value
            self._discard_computed_from(given)

    def _discard_computed_from(self, names: Iterable[str]) -> None:
        """Drop what was computed from resources; what is being computed from them will not be stored."""
        todo = list(names)
        for name in todo:  # grows meanwhile
            for step in self.consumers.get(name, ()):
                node = self.table.pop(step, None)
                if node is not None:
                    node.stale = True
                    todo.extend(output for output in step.provides if output not in self.values)
                for output in step.provides:
                    if self.makers.get(output) is step:
                        del self.makers[output], self.values[output]
                        todo.append(output)

    def clear(self) -> None:
        """Drop computed values; what is in flight is delivered, but not stored."""
        with self.lock:
            for name in self.makers:
                del self.values[name]
            self.makers.clear()
            for node in self.table.values():
                node.stale = True
            self.table.clear()

    def check_order(self, nodes: Mapping[GraphStep, Node]) -> None:
        """See that no step waits for itself; nothing to do if no step of the graph ever could."""
        if self._sound is None:
            self._sound = is_sound(self.steps, self.providers)
        if not self._sound:
            find_cycle(nodes, self.providers)

    # -- calls

    async def value_of(self, step: GraphStep, names: Sequence[str], place: int | None = None) -> Any:
        """Return what a step makes: stored values if all of ``names`` are present, else by running it.

        Parameters
        ----------
        step : GraphStep
            The step.
        names : sequence of str
            The resources wanted.
        place : int, optional
            The part of what it returns that is wanted.
        """
        while True:
            with self.lock:
                if names and all(name in self.values for name in names):
                    found = tuple(self.values[name] for name in names)
                    return found if len(found) > 1 else found[0]
                caller = running_node()
                root = self._new_root()
                node = self._joined(step, root, caller) or self._planned(step, root, caller)
            error = await self._outcome(root, node, caller)
            if error is None:
                return root.value if place is None else root.value[place]
            if not isinstance(error, LoopGone):
                try:
                    raise error
                finally:
                    del error

    def _new_root(self) -> Root:
        """Make a call that waits; note whether steps of another event loop are under way."""
        root = Root()
        root.mixed = self._mixed = bool(self.table) and (self._mixed or self._loop is not root.loop)
        self._loop = root.loop
        return root

    def _joined(self, step: GraphStep, root: Root, caller: Node | None) -> Node | None:
        """Have a call wait for the node in flight for a step, if there is one."""
        node = self.table.get(step)
        if node is None or node.is_lost():
            return None
        _refuse_deadlock([node], caller, node)
        node.wanted += 1
        node.roots = (*node.roots, root)
        return node

    def _planned(self, step: GraphStep, root: Root, caller: Node | None) -> Node:
        """Plan all that a step lacks, have a call wait for it, and start what can be started."""
        crew = Crew(self)
        plan = draft(step, crew, values=self.values, providers=self.providers, table=self.table)
        self.check_order(plan.nodes)
        wanted = plan.nodes[step]
        _refuse_deadlock([join[0] for join in plan.joins], caller, wanted)
        plan.join()
        wanted.wanted += 1
        wanted.roots = (root,)
        self.table.update(plan.nodes)
        if not step.provides:
            del self.table[step]  # it gives its caller a value and nobody else
        ready = [node for node in reversed(plan.nodes.values()) if not node.missing]
        for node in sorted(ready, key=lambda one: not one.step.is_async):
            crew.put(node)
        return wanted

    async def _outcome(self, root: Root, node: Node, caller: Node | None) -> BaseException | None:
        """Wait for a node; return its error. A call that ends early waits until what it has stopped has ended."""
        if caller is not None:
            caller.nested = node
        try:
            await self._woken(root, node)
        except asyncio.CancelledError:
            self._release(root, node)
            await self._stopped(root, node)
            raise
        finally:
            if caller is not None:
                caller.nested = None
        error, root.error = root.error, None
        if error is not None:
            await self._stopped(root, node)
        return error

    def _release(self, root: Root, node: Node) -> None:
        with self.lock:
            if root in node.roots:
                node.roots = tuple(one for one in node.roots if one is not root)
                self._stop(let_go([node], self.table), [root])

    def _stop(self, stopping: Iterable[Node], roots: Iterable[Root]) -> None:
        """Tell nodes to stop, for calls that will wait for it."""
        for node in stopping:
            node.watchers = (*node.watchers, *roots)
            for root in roots:
                root.stopping.add(node)
            node.crew.stop(node)

    async def _stopped(self, root: Root, node: Node) -> None:
        """Wait until all that a call has stopped has ended."""
        while True:
            with self.lock:
                if not root.stopping:
                    return
                root.future = root.loop.create_future()
            await self._woken(root, node)

    async def _woken(self, root: Root, node: Node) -> None:
        """Wait until a call is woken; look now and then whether other event loops have left their steps behind."""
        if not root.mixed:
            await root.future
            return
        while not root.future.done():
            await asyncio.wait([root.future], timeout=LOOK_AFTER)
            with self.lock:
                for lost in [one for one in unfinished([node]) if one.is_lost()]:
                    self.fail(lost, LoopGone())
                for lost in [one for one in root.stopping if one.is_lost()]:
                    self._has_ended(lost)

    # -- executions

    def start(self, node: Node, runner: Any) -> bool:
        """Note that a node runs; False if it is not to."""
        with self.lock:
            if node.state != WAITING:
                return False
            node.state = RUNNING
            node.runner = runner
            return True

    def finish(self, node: Node, value: Any) -> Sequence[Node]:
        """Store and deliver what a node has made; return the nodes that can run now."""
        with self.lock:
            if node.state != RUNNING:
                self._has_ended(node)
                return ()
            node.state = ENDED
            step = node.step
            if not node.stale:
                self.table.pop(step, None)
                if len(step.provides) == 1:
                    self._store(step, step.provides[0], value)
                else:
                    for name, part in zip(step.provides, value if step.provides else ()):
                        self._store(step, name, part)
            ready = []
            for dependent, place, part in node.dependents:
                if dependent.state == WAITING:
                    dependent.args[place] = value if part is None else value[part]
                    dependent.missing -= 1
                    if not dependent.missing:
                        ready.append(dependent)
            for root in node.roots:
                root.value = value
                root.wake()
            node.drop_links()
        return ready

    def _store(self, step: GraphStep, name: str, value: Any) -> None:
        """Keep a value, unless one has been given meanwhile."""
        if name not in self.values:
            self.values[name] = value
            self.makers[name] = step

    def fail(self, node: Node, error: BaseException) -> None:
        """Give an error to all calls that need a node, and stop what only they wanted."""
        with self.lock:
            if node.state >= STOPPING:
                self._has_ended(node)
                return
            node.state = ENDED
            failed, stopping = [node], []
            roots: list[Root] = []
            for bad in failed:  # grows meanwhile
                forget(bad, self.table)
                roots += bad.roots
                for dependent, _, _ in bad.dependents:
                    if dependent.state == WAITING:
                        dependent.state = ENDED
                        failed.append(dependent)
            for bad in failed:
                stopping += let_go(bad.parents, self.table)
                bad.drop_links()
            for root in roots:
                root.error = error
            self._stop(stopping, roots)
            for root in roots:
                root.wake()

    def stopped(self, node: Node) -> None:
        """Note that a node which was told to stop has done so."""
        with self.lock:
            self._has_ended(node)

    def _has_ended(self, node: Node) -> None:
        if node.state == ENDED:
            return
        node.state = ENDED
        for root in node.watchers:
            root.stopping.discard(node)
            if not root.stopping:
                root.wake()
        node.drop_links()


def _refuse_deadlock(sources: list[Node], caller: Node | None, wanted: Node) -> None:
    """See that a step which asks for a resource is not itself what that resource waits for.

    Raises
    ------
    CycleError
        It is.
    """
    if caller is not None and waits_for(sources, caller):
        names = [(node.step.provides or (node.step.name,))[0] for node in (caller, wanted, caller)]
        raise CycleError(" -> ".join(names))
