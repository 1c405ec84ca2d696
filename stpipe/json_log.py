"""The log as JSON lines, one object per record or event, for programs to read."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stpipe.events import Event, plain_data

if TYPE_CHECKING:
    from stpipe.logs import LogConfig

__all__ = ["JsonFormatter", "event_sink"]


class JsonFormatter(logging.Formatter):
    """Makes ``{"time", "level", "logger", "message"}``, with ``exception`` where there is one; an event as it is."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        event = getattr(record, "stpipe_event", None)
        return json.dumps(_event_fields(event) if event is not None else self._fields(record))

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields


def _event_fields(event: Event) -> dict[str, Any]:
    names = ("event", "counter", "step", "target", "run_ident", "uuid", "parent_uuid", "event_data")
    return {"time": event.created, **{name: plain_data(event[name]) for name in names}}


def event_sink(config: LogConfig) -> Callable[[Event], None]:
    """Return a subscriber that writes each event into the log as a line of its own."""

    def write(event: Event) -> None:
        record = logging.LogRecord("stpipe.events", logging.INFO, __file__, 0, event.event, None, None)
        record.stpipe_event = event
        config.show(record)

    return write
