"""What the steps of a resource graph tell the run that they are part of; their target is ``graph``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from stpipe.attempts import told as told_of_function
from stpipe.events import EventStream, listening, targeting
from stpipe.graph_steps import GraphStep

__all__ = ["TARGET", "told", "told_once"]

TARGET = "graph"


@contextmanager
def told(stream: EventStream, step: GraphStep) -> Iterator[None]:
    """Emit that a step starts and ends around a block with all its attempts."""
    with listening(stream=stream), targeting(TARGET):
        stream.emit("step_start", step=step.name)
        try:
            yield
        finally:
            stream.emit("step_end", step=step.name)


def told_once(step: GraphStep) -> Any:
    """Emit the events of one attempt around a block, inside `told`; those of a Step class come from the engine."""
    return nullcontext() if step.is_class else told_of_function(step.name, {})
