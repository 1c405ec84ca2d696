"""Who runs the nodes of a resource graph that are coroutines: as few asyncio tasks as will do.

Each call of a graph has a `Crew`: the event loop, the context variables and the event stream of the caller. A task of
the crew runs one node after the other as long as some are ready, so a chain is one task, and a thousand steps that
never wait are two. Whenever a task starts a node while more are ready, it sees that another task will start as soon as
this one waits. Ordinary functions go to the threads, where one after the other runs in the same way.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import nullcontext, suppress
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from stpipe.events import active_stream
from stpipe.exceptions import CanceledError
from stpipe.graph_events import told, told_once
from stpipe.graph_nodes import ENDED, RUNNING, Node
from stpipe.graph_steps import check_count
from stpipe.policy import active_policy, attempt_async

if TYPE_CHECKING:
    from stpipe.graph_flow import Flow

__all__ = ["Crew", "LoopGone", "Root", "as_runner", "running_node"]

STEPS_PER_TURN = 256
"""Steps that never wait which a task runs before it lets others have a turn."""


class LoopGone(Exception):
    """The event loop that ran a step has ended before the step."""


class Root:
    """One call of a graph, waiting for one node.

    Attributes
    ----------
    loop : AbstractEventLoop
        Loop of the caller.
    future : Future
        Done when there is something to look at.
    value, error : object, BaseException or None
        What the call ends with.
    stopping : set of Node
        Steps that have been told to stop and have not yet.
    mixed : bool
        Whether it may wait for steps that another event loop runs.
    """

    __slots__ = ("error", "future", "loop", "mixed", "stopping", "thread", "value")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None
        self.stopping: set[Node] = set()
        self.mixed = False

    def wake(self) -> None:
        """Have the caller look; from any thread."""
        with suppress(RuntimeError):  # its loop is closed: nobody waits any more
            if threading.get_ident() == self.thread:
                _set_done(self.future)
            else:
                self.loop.call_soon_threadsafe(_set_done, self.future)


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Runner:
    """Where a node is being run: task (None in a thread) and thread."""

    __slots__ = ("node", "task", "thread")

    def __init__(self, task: Any, node: Node | None) -> None:
        self.task = task
        self.node = node
        self.thread = threading.get_ident()


_RUNNER: ContextVar[_Runner | None] = ContextVar("stpipe_graph_runner", default=None)


def running_node() -> Node | None:
    """Return the node whose step is this very code and waits for what it calls, or None."""
    runner = _RUNNER.get()
    if runner is None or runner.thread != threading.get_ident():
        return None
    return runner.node if runner.task in (None, asyncio.current_task()) else None


def as_runner(node: Node) -> None:
    """Note in the context variables that this thread runs the step of a node."""
    _RUNNER.set(_Runner(None, node))


class Crew:
    """What runs the nodes that were planned for one call.

    Attributes
    ----------
    flow : Flow
        Told what becomes of each node.
    loop : AbstractEventLoop
        Loop of the caller; only its thread makes tasks.
    context : Context
        Context variables of the caller; every task and every thread gets a copy.
    stream : EventStream or None
        Who is told of steps that start and end.
    policy : Policy or None
        How often a step is tried, and how long it may take.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.context = copy_context()
        self.stream = active_stream()
        self.policy = active_policy()
        self.ready: deque[Node] = deque()
        self.functions: list[Node] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.spare = False
        self.ending = False

    def is_gone(self) -> bool:
        """Whether the loop is closed, so that nothing will ever be run."""
        return self.loop.is_closed()

    def put(self, node: Node) -> None:
        """Have a node run that waits for nothing; from any thread."""
        if node.step.is_async:
            self.ready.append(node)
            self._in_loop(self.man, node)
        elif threading.get_ident() == self.thread and not self.is_gone():
            self._defer(node)
        else:
            self.flow.lane.put(node)

    def _defer(self, node: Node) -> None:
        """Hand a function to the threads as soon as no coroutine goes on at once.

        So threads do not contend for the interpreter with coroutines that never wait and are done in no time.
        """
        self.functions.append(node)
        if len(self.functions) == 1:
            self.loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        functions, self.functions = self.functions, []
        for node in functions:
            self.flow.lane.put(node)

    def _in_loop(self, function: Any, node: Node) -> None:
        """Call a function without arguments in the thread of the loop; if that is closed, the node fails."""
        try:
            if threading.get_ident() != self.thread or self.is_gone():
                self.loop.call_soon_threadsafe(function)
            else:
                function()
        except RuntimeError:
            self.flow.fail(node, LoopGone())

    def man(self) -> None:
        """See that a task is about to start if nodes are ready; not if tasks of this loop are being cancelled."""
        if self.ending:
            self._leave_all()
        elif self.ready and not self.spare:
            self.spare = True
            task = self.loop.create_task(self._work(), context=self.context.copy())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def stop(self, node: Node) -> None:
        """Tell a running node to stop; from any thread."""
        if not node.step.is_async:
            node.runner.cancel(CanceledError(f"{node.step.name} is no longer wanted"))
        elif threading.get_ident() == self.thread:
            _cancel(node)
        else:
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(_cancel, node)

    async def _work(self) -> None:
        """Run nodes until none is ready, or one has changed the context variables."""
        self.spare = False
        runner = _Runner(asyncio.current_task(), None)
        _RUNNER.set(runner)
        context, turns, ready = copy_context(), 0, self.ready
        try:
            while ready:
                node = ready.popleft()
                if ready and not self.spare:
                    self.man()
                runner.node = node
                if not await self._run(node, runner.task) or _has_changed(context):
                    break
                turns += 1
                if turns % STEPS_PER_TURN == 0:
                    runner.node = None
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.ending = True
            raise
        finally:
            if not self.is_gone():
                self.man()

    async def _run(self, node: Node, task: Any) -> bool:
        """Run one node; return whether the task can be used for another one."""
        flow = self.flow
        if not flow.start(node, task):
            return True
        step = node.step
        try:
            if self.stream is None and self.policy is None:
                value = await step.function(*node.args)
                if len(step.provides) > 1:
                    check_count(step, value)
            else:
                value = await self._tried(node)
        except asyncio.CancelledError as error:
            return self._cancelled(node, task, error)
        except GeneratorExit:
            raise
        except BaseException as error:
            flow.fail(node, error)
            if not isinstance(error, Exception):
                raise
            return not task.cancelling()
        if task.cancelling() and node.state == RUNNING:  # not by us
            self.ending = True
        for dependent in flow.finish(node, value):
            if dependent.crew is self and dependent.step.is_async:
                self.ready.append(dependent)
            else:
                dependent.crew.put(dependent)
        return not task.cancelling()

    async def _tried(self, node: Node) -> Any:
        """Run a coroutine as often as the rules say, and tell who listens."""
        step, stream = node.step, self.stream

        async def once() -> Any:
            with told_once(step) if stream is not None else nullcontext():
                value = await step.function(*node.args)
                check_count(step, value)
                return value

        with told(stream, step) if stream is not None else nullcontext():
            return await (once() if self.policy is None else attempt_async(self.policy, step.name, once))

    def _cancelled(self, node: Node, task: asyncio.Task[None], error: BaseException) -> bool:
        """Deal with a step that ended by a cancellation: ours, its own doing, or that of the loop."""
        if node.state != RUNNING:
            self.ending = task.cancelling() > 1
            self.flow.stopped(node)
            return False
        if task.cancelling():
            self.ending = True
            self.flow.fail(node, LoopGone())
            raise error
        self.flow.fail(node, error)
        return True

    def _leave_all(self) -> None:
        """Give up what is ready: the loop is about to end."""
        while self.ready:
            self.flow.fail(self.ready.popleft(), LoopGone())


def _has_changed(context: Context) -> bool:
    """Whether the context variables are no longer what they were; the usual case costs one comparison of pointers."""
    try:
        return copy_context() != context
    except Exception:  # a new value that cannot be compared, e.g. an array
        return True


def _cancel(node: Node) -> None:
    if node.state != ENDED:
        node.runner.cancel()
