"""One task in a worker: from the order to the answer."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from stpipe import references
from stpipe.attempts import Attempts
from stpipe.cancel import CancelToken, cancellable
from stpipe.events import listening
from stpipe.exceptions import RunError
from stpipe.executors.channel import Channel
from stpipe.executors.errors import pack_error
from stpipe.executors.memory import forget_peak, peak
from stpipe.executors.order import FIELDS, Answer, Order
from stpipe.executors.packing import Loader, Packer, pack_parameters
from stpipe.executors.stored import is_model
from stpipe.executors.telling import TellingStream, forget_handlers, tell_output
from stpipe.facts import storing
from stpipe.product_state import products_of
from stpipe.run_state import current_state
from stpipe.tasks import Outcome, Report, Task, Work, enter_error, perform, product_of

__all__ = ["Performance"]

_session: tuple[str, references.ReferenceSession] | None = None


class Performance:
    """One task.

    Parameters
    ----------
    order : Order
        What to do.
    channel : Channel
        Who is told.

    Raises
    ------
    Exception
        The task cannot be loaded here.
    """

    def __init__(self, order: Order, channel: Channel) -> None:
        self._order = order
        self._channel = channel
        self._loader = Loader(pickle.loads(order.opener))
        self.task: Task = self._loader.load(order.task)
        self._packer = Packer(order.folder, order.extension, self._loader.opened)
        self._ready: tuple[Any, tuple[str, Any]] | None = None
        self._report = Report()

    def enter(self, stack: ExitStack) -> None:
        """Put in force what the run has: its events, its token, its facts, its references."""
        forget_handlers()
        order = self._order
        token = CancelToken()
        token.deadline, token.timeout = order.deadline, order.timeout
        stack.enter_context(listening(stream=TellingStream(order.run, self._channel)))
        stack.enter_context(cancellable(token))
        stack.enter_context(storing(lambda *fact: self._channel.send("fact", *fact)))
        stack.enter_context(references.reference_session(_session_of(order)))

    def answer(self) -> Answer:
        """Do it and return what is to be sent."""
        attempts = _Attempts(self._check)
        attempts.retry_count, attempts.start = self._order.retry_count, self._order.start
        told = _Told(self.task.work, partial(self._begin, attempts), partial(self._channel.send, "ends"))
        counts = forget_peak()
        outcome = perform(Task(told, self.task.target, self.task.args, self.task.policy), attempts)
        outcome.rss_max = (counts and peak()) or outcome.rss_max
        try:
            kind, result = self._packed_result(outcome)
        except Exception as error:  # of a work without a step of its own, which has not been asked before
            enter_error(outcome, self.task, error)
            kind, result = self._packed_result(outcome)
        tell_output()
        self._channel.send("contexts", dict(_session_of(self._order).contexts))
        return Answer(
            {name: getattr(outcome, name) for name in FIELDS},
            kind,
            result,
            pack_parameters(self._packer, outcome.parameters),
            self._packed_context(outcome.context),
            None if outcome.exception is None else pack_error(outcome.exception),
        )

    def _begin(self, attempts: Attempts, report: Report) -> None:
        """Tell that an attempt begins."""
        self._report = report
        self._channel.send("begins", attempts.retry_count)

    def close(self) -> None:
        """Close what was opened for the task."""
        self._loader.close()

    def _check(self, result: Any) -> None:
        """Pack a result and send it, before anybody is told of success; raise if that cannot be."""
        state = current_state()
        try:
            packed = self._packed(result, state.outputs if state is not None else ())
        except Exception as error:
            raise RunError(
                f"the result of {self.task.work.label}, a {type(result).__name__}, cannot be sent from a worker process"
                f" ({type(error).__name__}: {error}); save it to a file and return its path, or use executor='threads'"
            ) from error
        self._ready = (result, packed)
        self._channel.send("result", *packed, pack_parameters(self._packer, self._report.parameters))

    def _packed(self, result: Any, outputs: Sequence[str]) -> tuple[str, Any]:
        """Return the kind of an answer, and what is sent for a result."""
        if isinstance(result, str) and self.task.args and result is self.task.args[0]:
            return "input", None
        files = product_of(Outcome(result=result, outputs=list(outputs))) or products_of(result, outputs)
        if files is not None:
            return "product", files
        if is_model(result):
            return "model", self._packer.token(result)
        return "value", self._packer.pack(result)

    def _packed_result(self, outcome: Outcome) -> tuple[str, Any]:
        if outcome.status == "ignored":
            return "input", None
        if outcome.status in ("failed", "canceled"):
            return "value", pickle.dumps(None)
        if self._ready is not None and self._ready[0] is outcome.result:
            return self._ready[1]
        return self._packed(outcome.result, outcome.outputs)

    def _packed_context(self, context: Any) -> bytes | None:
        if context is None:
            return None
        try:
            return self._packer.pack(context)
        except Exception:
            kept = type(context)()
            for key, value in context.items():
                try:
                    self._packer.pack(value)
                except Exception:
                    continue
                kept[key] = value
            return self._packer.pack(kept)


class _Attempts(Attempts):
    """Attempts whose result has to be one that can be sent."""

    __slots__ = ("_also",)

    def __init__(self, also: Callable[[Any], None]) -> None:
        super().__init__()
        self._also = also

    def check(self, result: Any) -> None:
        super().check(result)
        self._also(result)


class _Told(Work):
    """A work that tells when an attempt begins and ends."""

    def __init__(self, work: Work, begins: Callable[[Report], None], ends: Callable[[], None]) -> None:
        self.label = work.label
        self.logs_errors = work.logs_errors
        self._work = work
        self._begins = begins
        self._ends = ends

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        self._begins(report)
        try:
            return self._work.run(args, report)
        finally:
            self._ends()


def _session_of(order: Order) -> references.ReferenceSession:
    """Return the memo of references of the run."""
    global _session
    if _session is None or _session[0] != order.run:
        _session = (order.run, references.ReferenceSession())
    _session[1].contexts.update(order.contexts)
    return _session[1]
