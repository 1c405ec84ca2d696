"""The events of one run of `stpipe.run`: delivered on one thread, kept, and read while they come (running.md R8, R13).

Whoever emits an event numbers it and puts it in a queue. The thread that owns the run delivers the queue in order: at
once for what it emits itself, and at the latest when it next waits for what others emit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stpipe.events import Event, EventStream, Subscriber, plain_data

__all__ = ["EventLog", "RunStream"]

_LOOK_EVERY = 0.05


class RunStream(EventStream):
    """A stream whose subscribers are called on the thread that owns it, in counter order.

    Parameters
    ----------
    run_ident : str
        Identity of the run.
    new_output : callable, optional
        ``() -> (text, first line, last line)`` of what the run has written since it was last asked.

    Attributes
    ----------
    arrived : threading.Event
        Set when an event of another thread waits to be delivered.
    """

    def __init__(self, run_ident: str, new_output: Callable[[], tuple[str, int, int]] | None = None) -> None:
        super().__init__(run_ident)
        self.arrived = threading.Event()
        self._waiting: deque[tuple[Event, Subscriber | None]] = deque()
        self._owner = threading.get_ident()
        self._delivering = False
        self._new_output = new_output

    def own(self) -> None:
        """Make the calling thread the one that delivers."""
        self._owner = threading.get_ident()

    def _send(self, name: str, details: Mapping[str, Any], *, without: Subscriber | None) -> Event:
        with self._lock:
            self._counter += 1
            event = Event(name, self._counter, self.run_ident, **self._with_output(details))
            self._waiting.append((event, without))
        self._announce()
        return event

    def relay(self, fields: Mapping[str, Any]) -> None:
        """Take over an event of another process, as its fields; it gets a number of this run."""
        with self._lock:
            self._counter += 1
            known = {key: fields[key] for key in ("step", "target", "parent_uuid", "uuid", "created", "pid")}
            known["event_data"] = plain_data(fields["event_data"])
            event = Event(fields["event"], self._counter, self.run_ident, **self._with_output(known))
            self._waiting.append((event, None))
        self._announce()

    def _with_output(self, details: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._new_output is None:
            return details
        text, first, last = self._new_output()
        return {**details, "stdout": text, "start_line": first, "end_line": last}

    def _announce(self) -> None:
        if threading.get_ident() == self._owner:
            self.deliver_waiting()
        else:
            self.arrived.set()

    def deliver_waiting(self) -> None:
        """Deliver what is in the queue; only the owner calls this, and events of subscribers wait for their turn."""
        if self._delivering:
            return
        self._delivering = True
        if self.arrived.is_set():
            self.arrived.clear()
        try:
            while self._waiting:
                event, without = self._waiting.popleft()
                self._deliver_to_all(event, without)
        finally:
            self._delivering = False

    def _deliver_to_all(self, event: Event, without: Subscriber | None) -> None:
        answers = [self._deliver(event, one) for one in tuple(self._subscribers) if one is not without]
        if not any(answer is False for answer in answers):
            for store in tuple(self._stores):
                if store is not without:
                    self._deliver(event, store)


class EventLog:
    """The stored events of a run; iterating goes on until the run is over.

    Attributes
    ----------
    closed : bool
        Whether no more events can come.
    owner : int or None
        Thread that brings the events; it cannot wait for them, so an iteration there ends with what there is.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._more = threading.Condition()
        self.closed = False
        self.owner: int | None = None

    def __call__(self, event: Event) -> None:
        """Keep an event."""
        with self._more:
            self._events.append(event)
            self._more.notify_all()

    def __len__(self) -> int:
        return len(self._events)

    def close(self) -> None:
        """Let iterations end."""
        with self._more:
            self.closed = True
            self._more.notify_all()

    def __iter__(self) -> Iterator[Event]:
        place = 0
        while True:
            with self._more:
                while place >= len(self._events):
                    if self.closed or threading.get_ident() == self.owner:
                        return
                    self._more.wait(_LOOK_EVERY)
                event = self._events[place]
            place += 1
            yield event

    def so_far(self) -> tuple[Event, ...]:
        """Return the events that are there, without waiting."""
        return tuple(self._events)

    def of_target(self, name: str) -> list[Event]:
        """Return the events of one target so far."""
        return [event for event in tuple(self._events) if event.target == name]
