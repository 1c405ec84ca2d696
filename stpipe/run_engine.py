"""`Engine`: what runs the nodes of every run, for programs that embed it (running.md §6).

The entry points (`stpipe.run`, `Plan.execute`, recipes, graphs) bring their own loop of entries and targets; an engine
has none: it runs nodes as they are submitted.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from stpipe.cancel import CancelToken, cancellable
from stpipe.events import Callback, Event, deliver_to_callback, listening
from stpipe.exceptions import CanceledError
from stpipe.executors.stored import result_of
from stpipe.policy import Policy
from stpipe.run_stream import RunStream
from stpipe.tasks import FunctionWork, Outcome, StepWork, Task, Work, enter_error

__all__ = ["Engine", "Node"]

_LOOK_EVERY = 0.02


@dataclass(frozen=True)
class Node:
    """One thing to run.

    Attributes
    ----------
    step : Step class, alias, dotted path or function
        What.
    parameters : mapping
        Its parameters.
    input : object
        What it is applied to; None for nothing.
    target : str
        Name of that in events.
    policy : Policy or None
        Its rules; those of the engine where it says nothing.
    """

    step: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    input: Any = None
    target: str = "input"
    policy: Policy | None = None

    def work(self) -> Work:
        """Return what does it.

        Raises
        ------
        StepNotFoundError
            There is no such step.
        """
        from stpipe.step import Step
        from stpipe.step_lookup import find_named

        step = find_named(self.step).target if isinstance(self.step, str) else self.step
        if isinstance(step, type) and issubclass(step, Step):
            return StepWork(step, step.class_alias or step.__name__, dict(self.parameters))
        return FunctionWork(step, getattr(step, "__name__", type(step).__name__), dict(self.parameters))


class Engine:
    """Runs nodes.

    Parameters
    ----------
    executor : str or Executor
        ``inline``, ``threads`` or ``processes``.
    workers : int
        How many nodes at once.
    callbacks : sequence of Callback
        Told of what happens, on the engine's thread.
    policy : Policy, optional
        Rules for nodes that have none.

    Notes
    -----
    One thread of the engine delivers events and keeps one memo of references; with ``inline`` it also runs the nodes.
    """

    def __init__(
        self,
        executor: Any = "inline",
        workers: int = 1,
        callbacks: Sequence[Callback] = (),
        policy: Policy | None = None,
    ) -> None:
        from stpipe.executors import find_executor

        self._executor = find_executor(executor, workers)
        self._callbacks = tuple(callbacks)
        self._policy = policy
        self._waiting: SimpleQueue[tuple[Task, Future[Outcome]] | None] = SimpleQueue()
        self._futures: dict[int, Future[Outcome]] = {}
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.stream = RunStream(str(uuid.uuid4()))
        self.token = CancelToken(what="the engine")

    def submit(self, node: Node) -> Future[Outcome]:
        """Have a node run; return a future of its `Outcome`.

        Raises
        ------
        RuntimeError
            The engine has been shut down.
        StepNotFoundError
            There is no such step.
        """
        args = () if node.input is None else (node.input,)
        policy = (node.policy or Policy()).over(self._policy)
        task = Task(node.work(), node.target, args, policy)
        future: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the engine has been shut down")
            if self._thread is None:
                context = copy_context()
                self._thread = threading.Thread(
                    target=context.run, args=(self._work,), name="stpipe-engine", daemon=True
                )
                self._thread.start()
        self._waiting.put((task, future))
        return future

    def run(self, nodes: Iterable[Node]) -> list[Outcome]:
        """Run nodes and return their outcomes, in the order of the nodes."""
        return [future.result() for future in [self.submit(node) for node in nodes]]

    def shutdown(self, *, cancel: bool = False) -> None:
        """Wait for what has been submitted and end; with ``cancel`` stop it."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if cancel:
            self.token.cancel()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def turn(self) -> None:
        """Deliver events that wait; raise where the engine has been told to stop."""
        self.stream.deliver_waiting()
        self.token.check()

    def _work(self) -> None:
        """Run what is submitted until the end."""
        from stpipe.references import reference_session

        self.stream.own()
        for callback in self._callbacks:
            self.stream.subscribe(partial(_deliver, callback, self))
        with ExitStack() as stack:
            stack.enter_context(reference_session())
            stack.enter_context(listening(stream=self.stream))
            stack.enter_context(cancellable(self.token))
            try:
                self._executor.run(self._tasks(), self._finished, self)
            except Exception as error:
                self._refuse(error)
            finally:
                self._executor.shutdown()
                self.stream.deliver_waiting()

    def _tasks(self) -> Iterator[Task | None]:
        """Yield what is submitted, and None where there is nothing at the moment."""
        while True:
            try:
                item = self._waiting.get(timeout=0.0 if self._futures else _LOOK_EVERY)
            except Empty:
                yield None
                continue
            if item is None:
                return
            task, future = item
            self._futures[id(task)] = future
            yield task

    def _finished(self, task: Task, outcome: Outcome) -> None:
        future = self._futures.pop(id(task))
        try:
            outcome.result = result_of(outcome, task.work.opener())
        except Exception as error:
            enter_error(outcome, task, error)
        future.set_result(outcome)

    def _refuse(self, error: Exception) -> None:
        """Give what has not been run the error that ended the engine."""
        with self._lock:
            self._closed = True
        while True:
            try:
                item = self._waiting.get_nowait()
            except Empty:
                break
            if item is not None:
                self._futures[id(item[0])] = item[1]
        for future in self._futures.values():
            status = "canceled" if isinstance(error, CanceledError) else "failed"
            future.set_result(Outcome(status, exception=error))
        self._futures.clear()


def _deliver(callback: Callback, engine: Engine, event: Event) -> None:
    deliver_to_callback(callback, event, run=engine)
