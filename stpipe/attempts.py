"""Attempts at one entry for one target: what the engine is told of them, and what it tells (running.md O3, E1).

Whoever tries a step several times puts an `Attempts` around each try. The engine finds it once, at the outermost step;
so a step that fails and is tried again has one start, a retry per further attempt, and one end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stpipe import events
from stpipe.cancel import is_stop

__all__ = ["Attempts", "attempting", "enclosing", "enclosing_start", "end_facts", "take_attempts", "told"]


class Attempts:
    """The attempts at one entry.

    Parameters
    ----------
    max_retries : int or None
        How many further attempts there may be; None for no limit.
    ends : callable, optional
        ``ends(error) -> bool``: whether this error is the last word; always, by default.
    ignored : callable, optional
        ``ignored(error) -> bool``: whether the run goes on after the last error.
    accepts : callable, optional
        ``accepts(result)``: raises where a result counts as a failed attempt.

    Attributes
    ----------
    retry_count : int
        Further attempts so far.
    start : str or None
        The ``step_target_start`` event, once it has been told.
    facts : mapping
        What the latest end was told with: duration, references, outputs, …
    ended : bool
        Whether the last end has been told, or is told by somebody else.
    verdict : str or None
        As what the last error was told: ``failed``, ``ignored``, or ``canceled`` where the run was stopped.
    """

    __slots__ = ("accepts", "ended", "ends", "facts", "ignored", "max_retries", "retry_count", "start", "verdict")

    def __init__(
        self,
        max_retries: int | None = 0,
        *,
        ends: Callable[[BaseException], bool] | None = None,
        ignored: Callable[[BaseException], bool] | None = None,
        accepts: Callable[[Any], None] | None = None,
    ) -> None:
        self.max_retries = max_retries
        self.ends = ends
        self.ignored = ignored
        self.accepts = accepts
        self.retry_count = 0
        self.start: str | None = None
        self.facts: Mapping[str, Any] = {}
        self.ended = False
        self.verdict: str | None = None

    def begin(self, label: Mapping[str, Any], data: Callable[[], Mapping[str, Any]]) -> None:
        """Tell that the step starts, at the first attempt only."""
        if self.start is None:
            event = events.emit("step_target_start", event_data=data(), **label)
            self.start = event.uuid if event else None

    def counts(self) -> dict[str, Any]:
        """Return the number of retries, as data of events."""
        return {"retry_count": self.retry_count, "max_retries": self.max_retries}

    def check(self, result: Any) -> None:
        """Raise if the result counts as a failed attempt."""
        if self.accepts is not None:
            self.accepts(result)

    def failed(self, label: Mapping[str, Any], facts: Mapping[str, Any], error: BaseException) -> None:
        """Tell of an error, unless another attempt follows."""
        self.facts = facts
        if self.ends is not None and isinstance(error, Exception) and not self.ends(error):
            return
        self.ended = True
        ignored = self.ignored is not None and isinstance(error, Exception) and self.ignored(error)
        data = {**facts, **self.counts(), "exception": events.describe_exception(error), "ignored": ignored}
        self.verdict = "ignored" if ignored else "canceled" if is_stop(error) else "failed"
        if self.verdict == "canceled":
            data["stopped"] = True
        events.emit("step_target_error", event_data=data, **label)

    def never_ran(self, label: Mapping[str, Any], error: BaseException) -> None:
        """Tell of the last error where the step itself has not: it was raised before the step began."""
        if not self.ended:
            self.begin(label, dict)
            self.ends = None
            self.failed(label, end_facts(time.perf_counter(), changed=False), error)

    def succeeded(self, label: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Tell that the step is done, or had nothing to do."""
        self.facts, self.ended = facts, True
        name = "step_target_success" if facts.get("skip_reason") is None else "step_target_skip"
        events.emit(name, event_data={**facts, **self.counts()}, **label)


_ATTEMPTS: ContextVar[Attempts | None] = ContextVar("stpipe_attempts", default=None)
_ENCLOSING: ContextVar[str | None] = ContextVar("stpipe_enclosing", default=None)


@contextmanager
def enclosing(start: str | None) -> Iterator[None]:
    """Let the steps that run inside a block be part of the function entry with this ``step_target_start``."""
    token = _ENCLOSING.set(start)
    try:
        yield
    finally:
        _ENCLOSING.reset(token)


def enclosing_start() -> str | None:
    """Return the ``step_target_start`` of the function entry that this code is part of, or None."""
    return _ENCLOSING.get()


@contextmanager
def attempting(attempts: Attempts | None) -> Iterator[Attempts | None]:
    """Let the outermost step run inside a block be one attempt of these; with None, of none that are known here."""
    token = _ATTEMPTS.set(attempts)
    try:
        yield attempts
    finally:
        _ATTEMPTS.reset(token)


def take_attempts() -> Attempts:
    """Return the attempts of this context, which inner steps then do not see; new ones where there are none."""
    found = _ATTEMPTS.get()
    if found is None:
        return Attempts()
    _ATTEMPTS.set(None)
    return found


def end_facts(started: float, **more: Any) -> dict[str, Any]:
    """Return the details that every event at the end of a step carries; ``started`` is a ``time.perf_counter()``."""
    import resource

    return {
        "parameters": "",
        "duration": time.perf_counter() - started,
        "rss_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "references": [],
        "outputs": [],
        "skip_reason": None,
        "changed": True,
        **more,
    }


@contextmanager
def told(label: str, facts: Mapping[str, Any]) -> Iterator[None]:
    """Tell of something that is no Step: start, then success or error, around a block that may add to ``facts``."""
    attempts, started = take_attempts(), time.perf_counter()
    named = {"step": label, "parent_uuid": _ENCLOSING.get()}
    attempts.begin(named, dict)
    try:
        with enclosing(attempts.start):
            yield
        attempts.check(facts.get("result"))
    except BaseException as error:
        attempts.failed(named, end_facts(started, changed=False), error)
        raise
    more = {key: value for key, value in facts.items() if key != "result"}
    attempts.succeeded(named, end_facts(started, **more))
