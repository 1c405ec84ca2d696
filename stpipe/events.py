"""What happens in a run, told to whoever listens.

One `EventStream` belongs to one run. It is found through a context variable, so that runs in different threads or tasks
do not mix. Without a stream `emit` is one look-up and one ``if``.
"""

from __future__ import annotations

import datetime
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = [
    "EVENT_NAMES",
    "Callback",
    "Event",
    "EventStream",
    "Subscriber",
    "active_stream",
    "current_target",
    "deliver_to_callback",
    "emit",
    "listening",
    "targeting",
]

log = logging.getLogger(__name__)

EVENT_NAMES = (
    "run_start",
    "target_before_open",
    "target_open",
    "target_open_error",
    "step_start",
    "step_target_start",
    "step_target_progress",
    "step_target_success",
    "step_target_skip",
    "step_target_retry",
    "step_target_error",
    "step_end",
    "target_close",
    "message",
    "handler_error",
    "run_stats",
)

MAX_HANDLER_ERRORS = 10


@dataclass(frozen=True, slots=True)
class Event(Mapping):
    """One notification: a read-only mapping whose keys are attributes too.

    Attributes
    ----------
    event : str
        One of `EVENT_NAMES`.
    counter : int
        1, 2, … within the run.
    created : str
        ISO 8601, UTC.
    run_ident, uuid, parent_uuid : str
        Identity of the run, of this event, and of the event it belongs to (a sub-step's events point to the
        ``step_target_start`` of its pipeline).
    step, target : str or None
        Label of the step, name of what it is applied to.
    event_data : mapping
        JSON-serialisable details; models and arrays are represented by a short text.
    """

    event: str
    counter: int
    run_ident: str
    step: str | None = None
    target: str | None = None
    event_data: Mapping[str, Any] = field(default_factory=dict)
    parent_uuid: str | None = None
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat())
    pid: int = field(default_factory=os.getpid)
    stdout: str = ""
    start_line: int = 0
    end_line: int = 0

    def __getitem__(self, key: str) -> Any:
        if key not in _EVENT_KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_EVENT_KEYS)

    def __len__(self) -> int:
        return len(_EVENT_KEYS)

    def __hash__(self) -> int:
        return hash(self.uuid)


_EVENT_KEYS = tuple(f.name for f in fields(Event))

Subscriber = Callable[[Event], Any]


class EventStream:
    """The events of one run, delivered in counter order to its subscribers.

    Parameters
    ----------
    run_ident : str, optional
        Identity of the run; new by default.
    target : str, optional
        Target of events that name none.

    Notes
    -----
    A subscriber that returns False keeps the event from the stores, which come after all subscribers. One that raises
    never stops the run: the error is logged, kept in ``handler_errors`` and announced by one ``handler_error`` event;
    after ten errors it is dropped (spec running.md R13, R20).
    """

    def __init__(self, run_ident: str | None = None, *, target: str | None = None) -> None:
        self.run_ident = run_ident or str(uuid.uuid4())
        self.target = target
        self.handler_errors: list[BaseException] = []
        self._subscribers: list[Subscriber] = []
        self._stores: list[Subscriber] = []
        self._error_counts: dict[Subscriber, int] = {}
        self._counter = 0
        self._lock = threading.RLock()

    def subscribe(self, subscriber: Subscriber, *, store: bool = False) -> Subscriber:
        """Add a function that is called with every later event (a store: that no subscriber refuses); return it."""
        with self._lock:
            (self._stores if store else self._subscribers).append(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; one that is not there is no error."""
        with self._lock:
            for group in (self._subscribers, self._stores):
                if subscriber in group:
                    group.remove(subscriber)

    def emit(self, name: str, **details: Any) -> Event:
        """Make an event from the fields of `Event` given in ``details`` and deliver it.

        Raises
        ------
        ValueError
            The name is not one of `EVENT_NAMES`.
        """
        if name not in EVENT_NAMES:
            raise ValueError(f"unknown event {name!r}; events are {', '.join(EVENT_NAMES)}")
        if details.get("target") is None:
            details["target"] = _TARGET.get() or self.target
        details["event_data"] = plain_data(details.get("event_data") or {})
        return self._send(name, details, without=None)

    def _send(self, name: str, details: Mapping[str, Any], *, without: Subscriber | None) -> Event:
        """Number an event and deliver it to all but one subscriber, then to the stores if none refuses it."""
        with self._lock:
            self._counter += 1
            event = Event(name, self._counter, self.run_ident, **details)
            answers = [self._deliver(event, one) for one in tuple(self._subscribers) if one is not without]
            if not any(answer is False for answer in answers):
                for store in tuple(self._stores):
                    if store is not without:
                        self._deliver(event, store)
        return event

    def _deliver(self, event: Event, subscriber: Subscriber) -> Any:
        try:
            return subscriber(event)
        except Exception as error:
            self._record_handler_error(event, subscriber, error)
            return None

    def _record_handler_error(self, event: Event, subscriber: Subscriber, error: Exception) -> None:
        log.error("Handler %r failed on event %s: %s: %s", subscriber, event.event, type(error).__name__, error)
        self.handler_errors.append(error)
        count = self._error_counts.get(subscriber, 0) + 1
        self._error_counts[subscriber] = count
        if count >= MAX_HANDLER_ERRORS:
            self.unsubscribe(subscriber)
        data = {"handler": repr(subscriber), "on": event.event, "exception": describe_exception(error)}
        details = {"target": event.target, "parent_uuid": event.uuid, "event_data": data}
        self._send("handler_error", details, without=subscriber)

    def callback_failed(self, name: str, error: Exception) -> None:
        """Record an error of a callback that is no subscriber, and tell of it."""
        log.error("%s failed: %s: %s", name, type(error).__name__, error)
        self.handler_errors.append(error)
        data = {"handler": name, "on": None, "exception": describe_exception(error)}
        self._send("handler_error", {"target": None, "event_data": data}, without=None)


_TARGET: ContextVar[str | None] = ContextVar("stpipe_target", default=None)
_STREAM: ContextVar[EventStream | None] = ContextVar("stpipe_events", default=None)


def active_stream() -> EventStream | None:
    """Return the stream of the run in this context, or None when nobody listens."""
    return _STREAM.get()


def emit(name: str, **details: Any) -> Event | None:
    """Tell the run in this context that something happened; without one nothing is done and None returned."""
    stream = _STREAM.get()
    if stream is None:
        return None
    return stream.emit(name, **details)


@contextmanager
def listening(*subscribers: Subscriber, stream: EventStream | None = None) -> Iterator[EventStream]:
    """Make a stream the active one for a block, with these subscribers added meanwhile.

    Parameters
    ----------
    *subscribers : callable
        Called with each `Event`.
    stream : EventStream, optional
        The stream; a new one by default.
    """
    stream = stream or EventStream()
    for subscriber in subscribers:
        stream.subscribe(subscriber)
    token = _STREAM.set(stream)
    try:
        yield stream
    finally:
        _STREAM.reset(token)
        for subscriber in subscribers:
            stream.unsubscribe(subscriber)


@contextmanager
def targeting(name: str | None) -> Iterator[None]:
    """Let the events of a block that name no target be of this one; with None, of the stream's, if it has one."""
    token = _TARGET.set(name)
    try:
        yield
    finally:
        _TARGET.reset(token)


def current_target() -> str | None:
    """Name of the target that events of this context are of; None where there is none."""
    stream = _STREAM.get()
    return _TARGET.get() or (stream.target if stream is not None else None)


class Callback:
    """Subscriber with one method per event; override what is wanted, the others do nothing.

    ``run`` is the handle of the run, ``target`` what the step is applied to, ``step`` the label of the step.
    """

    def run_start(self, run: Any) -> None:
        """Tell that the run has started."""

    def target_before_open(self, run: Any, target: Any) -> None:
        """Tell that an input is about to be opened."""

    def target_open(self, run: Any, target: Any) -> None:
        """Tell that an input is open."""

    def target_open_error(self, run: Any, target: Any, error: Any) -> None:
        """Tell that an input could not be opened."""

    def target_close(self, run: Any, target: Any) -> None:
        """Tell that all is done for an input."""

    def step_start(self, run: Any, step: str | None) -> None:
        """Tell that a step begins with its first target."""

    def step_end(self, run: Any, step: str | None) -> None:
        """Tell that a step is over, also after a failure."""

    def step_target_start(self, run: Any, target: Any, step: str | None) -> None:
        """Tell that a step begins with a target."""

    def step_target_success(self, run: Any, target: Any, step: str | None, retry_count: int = 0) -> None:
        """Tell that a step has done a target."""

    def step_target_error(
        self, run: Any, target: Any, step: str | None, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        """Tell that a step has failed on a target."""

    def step_target_retry(self, run: Any, target: Any, step: str | None, retry_count: int, max_retries: int) -> None:
        """Tell that a step is tried again."""

    def step_target_skip(self, run: Any, target: Any, step: str | None, reason: str) -> None:
        """Tell that a step had nothing to do for a target."""

    def step_target_progress(self, run: Any, target: Any, step: str | None, done: float, total: float) -> None:
        """Tell how far a step is."""

    def message(self, run: Any, event: Event) -> None:
        """Pass on a message of the run."""

    def handler_error(self, run: Any, event: Event) -> None:
        """Tell that another subscriber has failed."""

    def run_stats(self, run: Any, stats: Mapping[str, Any]) -> None:
        """Give the counts of the run."""


# event name -> names in event_data that follow (run, target, step) as arguments
_STEP_TARGET_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "step_target_start": (),
    "step_target_success": ("retry_count",),
    "step_target_error": ("retry_count", "max_retries"),
    "step_target_retry": ("retry_count", "max_retries"),
    "step_target_skip": ("skip_reason",),
    "step_target_progress": ("done", "total"),
}


def deliver_to_callback(callback: Callback, event: Event, *, run: Any = None, target: Any = None) -> None:
    """Call the method of ``callback`` that belongs to an event.

    Parameters
    ----------
    callback : Callback
        Receiver.
    event : Event
        What happened.
    run : object, optional
        Handle of the run that the callback sees.
    target : object, optional
        The target itself, where it is more than the name in the event.
    """
    name, data = event.event, event.event_data
    target = event.target if target is None else target
    method = getattr(callback, name)
    if name in _STEP_TARGET_ARGUMENTS:
        method(run, target, event.step, *(data.get(key, 0) for key in _STEP_TARGET_ARGUMENTS[name]))
    elif name == "run_start":
        method(run)
    elif name in ("step_start", "step_end"):
        method(run, event.step)
    elif name == "target_open_error":
        method(run, target, data.get("exception"))
    elif name in ("target_before_open", "target_open", "target_close"):
        method(run, target)
    elif name == "run_stats":
        method(run, data)
    else:
        method(run, event)


def describe_exception(error: BaseException) -> dict[str, str]:
    """Return type and message of an exception as texts."""
    return {"type": type(error).__name__, "message": str(error)}


_PLAIN = frozenset((str, int, float, bool, type(None)))


def plain_data(value: Any) -> Any:
    """Return ``value`` with everything that JSON does not know replaced by a short text."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {
            key if type(key) is str else str(key): item if type(item) in _PLAIN else plain_data(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_data(item) for item in value]
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return f"<{kind.__name__}>"
