"""How a worker passes on what is logged, printed and told there."""

from __future__ import annotations

import io
import logging
import pickle
import sys
import time
from typing import Any

from stpipe.events import Event, EventStream
from stpipe.executors.channel import Channel
from stpipe.log_routing import Router

__all__ = ["EVENT_FIELDS", "TellingStream", "forget_handlers", "tell_everything"]

EVENT_FIELDS = ("event", "step", "target", "parent_uuid", "uuid", "created", "pid", "event_data")
_MOST_AT_ONCE = 1 << 16
_SOON = 0.005


class TellingStream(EventStream):
    """The stream of a run, as its workers see it.

    Parameters
    ----------
    run_ident : str
        Identity of the run.
    channel : Channel
        Where events go.
    """

    def __init__(self, run_ident: str, channel: Channel) -> None:
        super().__init__(run_ident)
        self._channel = channel

    def _send(self, name: str, details: Any, *, without: Any) -> Event:
        event = super()._send(name, details, without=without)
        tell_output()
        self._channel.send("event", {key: getattr(event, key) for key in EVENT_FIELDS})
        return event


class _Printed(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr``; what comes fast is sent in larger pieces."""

    def __init__(self, channel: Channel, *, error: bool) -> None:
        self._channel = channel
        self._error = error
        self._parts: list[str] = []
        self._size = 0
        self._last = 0.0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._parts.append(text)
        self._size += len(text)
        if "\n" in text and (self._size > _MOST_AT_ONCE or time.monotonic() - self._last > _SOON):
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._parts:
            text, self._parts, self._size = "".join(self._parts), [], 0
            self._channel.send("text", text, self._error)
            self._last = time.monotonic()


_printed: list[_Printed] = []
_older_handlers: set[int] = set()


def tell_output() -> None:
    """Send what has been printed, before anything else is told."""
    for stream in _printed:
        stream.flush()


def tell_everything(channel: Channel) -> None:
    """Have log records and printed text of this process go to a channel."""
    _printed[:] = [_Printed(channel, error=False), _Printed(channel, error=True)]
    sys.stdout, sys.stderr = _printed  # type: ignore[assignment]

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        tell_output()
        channel.send("record", _plain_record(record))
        _call_own_handlers(logger, record)

    logging.Logger.callHandlers = call_handlers  # type: ignore[assignment, method-assign]


def forget_handlers() -> None:
    """Leave the handlers that there are now to the process of the run, which gets every record."""
    loggers: list[Any] = [logging.root, *logging.root.manager.loggerDict.values()]
    _older_handlers.clear()
    _older_handlers.update(
        id(handler)
        for logger in loggers
        for handler in getattr(logger, "handlers", ())
        if not isinstance(handler, Router)
    )


def _call_own_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Call the handlers that a step has added, and those that write the log into its product."""
    found: logging.Logger | None = logger
    while found is not None:
        for handler in found.handlers:
            if id(handler) not in _older_handlers and record.levelno >= handler.level:
                handler.handle(record)
        found = found.parent if found.propagate else None


def _plain_record(record: logging.LogRecord) -> dict[str, Any]:
    """Return the attributes of a record with its message formatted, as they can be pickled."""
    values = {key: value for key, value in record.__dict__.items() if key != "_stpipe_seen"}
    if record.exc_info and not record.exc_text:
        values["exc_text"] = logging.Formatter().formatException(record.exc_info)
    values |= {"msg": record.getMessage(), "args": None, "exc_info": None}
    try:
        pickle.dumps(values)
    except Exception:
        return {
            key: value if isinstance(value, str | int | float | None) else repr(value) for key, value in values.items()
        }
    return values
