"""What the steps of a resource graph tell the run that they are part of; their target is ``graph``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from stpipe.events import Event, EventStream, describe_exception, listening
from stpipe.graph_steps import GraphStep

__all__ = ["TARGET", "told"]

TARGET = "graph"


class _GraphStream(EventStream):
    """A stream seen from inside a graph: events that name no target get that of graphs."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(stream.run_ident, target=TARGET)
        self._stream = stream

    def emit(self, name: str, **details: Any) -> Event:
        """Have the stream itself number and deliver an event."""
        if details.get("target") is None:
            details["target"] = TARGET
        return self._stream.emit(name, **details)

    def subscribe(self, subscriber: Any, *, store: bool = False) -> Any:
        """Subscribe to the stream itself."""
        return self._stream.subscribe(subscriber, store=store)

    def unsubscribe(self, subscriber: Any) -> None:
        """Leave the stream itself."""
        self._stream.unsubscribe(subscriber)


@contextmanager
def told(stream: EventStream, step: GraphStep) -> Iterator[None]:
    """Emit the events of one step around a block; of a `Step` class, the engine emits those between start and end."""
    label: dict[str, Any] = {"step": step.name, "target": TARGET}
    stream.emit("step_start", **label)
    try:
        with _engine_tells(stream) if step.is_class else _told_of_function(stream, label):
            yield
    finally:
        stream.emit("step_end", **label)


def _engine_tells(stream: EventStream) -> Any:
    return nullcontext() if isinstance(stream, _GraphStream) else listening(stream=_GraphStream(stream))


@contextmanager
def _told_of_function(stream: EventStream, label: dict[str, Any]) -> Iterator[None]:
    started = time.perf_counter()
    label = {**label, "parent_uuid": stream.emit("step_target_start", **label).uuid}
    try:
        yield
    except BaseException as error:
        stream.emit("step_target_error", event_data=_facts(started, exception=describe_exception(error)), **label)
        raise
    stream.emit("step_target_success", event_data=_facts(started), **label)


def _facts(started: float, **more: Any) -> dict[str, Any]:
    """Details that every event at the end of a step carries."""
    import resource

    return {
        "parameters": "",
        "duration": time.perf_counter() - started,
        "rss_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "references": [],
        "outputs": [],
        "retry_count": 0,
        "max_retries": 0,
        "skip_reason": None,
        **more,
    }
