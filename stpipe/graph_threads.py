"""Threads for the steps of a resource graph that are ordinary functions or `Step` classes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from typing import TYPE_CHECKING, Any

from stpipe.engine import CancelToken, cancellable, checkpoint
from stpipe.graph_crew import as_runner
from stpipe.graph_events import told, told_once
from stpipe.graph_nodes import Node
from stpipe.graph_steps import check_count
from stpipe.policy import attempt

if TYPE_CHECKING:
    from stpipe.graph_flow import Flow

__all__ = ["Lane"]

MAX_THREADS = 32

_POOLS: dict[int, ThreadPoolExecutor] = {}


def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process, which all graphs share; they are started as needed."""
    pool = _POOLS.get(os.getpid())
    if pool is None:
        pool = _POOLS.setdefault(os.getpid(), ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="stpipe-graph"))
    return pool


class _Token(CancelToken):
    """Asks one step in a thread to stop at its next checkpoint; the token around the call counts too."""

    def __init__(self, around: Context) -> None:
        super().__init__()
        self.around = around
        self.future: Future[Any] | None = None

    def cancel(self, error: BaseException | None = None) -> None:
        super().cancel(error)
        if self.future is not None:
            self.future.cancel()

    def check(self) -> None:
        self.around.copy().run(checkpoint)
        super().check()


class Lane:
    """The share that one graph has in the threads.

    Parameters
    ----------
    flow : Flow
        Told what becomes of each node.
    workers : int
        How many functions may run at once.

    Notes
    -----
    A thread that is done with a function goes on with one that waited for it, else with the next in the queue; so
    neither a chain nor a thousand independent functions cost a hand-over each.
    """

    def __init__(self, flow: Flow, workers: int) -> None:
        self.flow = flow
        self.workers = workers
        self.queue: deque[Node] = deque()
        self.busy = 0
        self.lock = threading.Lock()

    def put(self, node: Node) -> None:
        """Have a function run as soon as a thread is free."""
        with self.lock:
            self.queue.append(node)
            if self.busy >= self.workers:
                return
            self.busy += 1
        try:
            _threads().submit(self._drain)
        except RuntimeError as error:  # the interpreter is shutting down
            with self.lock:
                self.busy -= 1
            self.flow.fail(node, error)

    def _next(self) -> Node | None:
        with self.lock:
            if self.queue:
                return self.queue.popleft()
            self.busy -= 1
            return None

    def _drain(self) -> None:
        node = self._next()
        while node is not None:
            node = self._run(node) or self._next()

    def _run(self, node: Node) -> Node | None:
        """Run a function; return one that can go on in this thread."""
        token = _Token(node.crew.context)
        if not self.flow.start(node, token):
            return None
        try:
            value = node.crew.context.copy().run(_call, node, token)
        except BaseException as error:
            self.flow.fail(node, error)
            return None
        follower = None
        for dependent in self.flow.finish(node, value):
            if follower is None and not dependent.step.is_async:
                follower = dependent
            else:
                dependent.crew.put(dependent)
        return follower


def _call(node: Node, token: _Token) -> Any:
    """Call the function of a node, tell who listens, and check what it returns."""
    as_runner(node)
    with cancellable(token):
        if node.crew.stream is None:
            return _tried(node, token)
        with told(node.crew.stream, node.step):
            return _tried(node, token)


def _tried(node: Node, token: _Token) -> Any:
    """Call it as often as the rules of the call say."""
    policy = node.crew.policy
    if policy is None:
        return _once(node, token)
    return attempt(policy, node.step.name, lambda: _once(node, token))


def _once(node: Node, token: _Token) -> Any:
    if node.crew.stream is None:
        return _checked(node, token)
    with told_once(node.step):
        return _checked(node, token)


def _checked(node: Node, token: _Token) -> Any:
    value = node.step.function(*node.args)
    if hasattr(type(value), "__await__"):
        value = _awaited(value, node, token)
    if len(node.step.provides) > 1:
        check_count(node.step, value)
    return value


def _awaited(value: Awaitable[Any], node: Node, token: _Token) -> Any:
    """Await, in the loop of the call, what a function returned."""

    async def wait() -> Any:
        return await value

    token.future = asyncio.run_coroutine_threadsafe(wait(), node.crew.loop)
    if token.error is not None:
        token.future.cancel()
    return token.future.result()
