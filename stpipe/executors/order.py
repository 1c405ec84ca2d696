"""What a run asks of a worker, and what the worker answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stpipe.executors.surroundings import Surroundings

__all__ = ["FIELDS", "Answer", "Order"]

FIELDS = ("status", "changed", "traceback", "retries", "outputs", "references", "skip_reason", "rss_max")
"""Fields of an `Outcome` that are sent as they are."""


@dataclass(frozen=True, slots=True)
class Order:
    """One task for a worker.

    Attributes
    ----------
    surroundings : Surroundings
        To work in.
    run : str
        Identity of the run.
    contexts : mapping
        Reference contexts that the run has bound.
    deadline, timeout : float or None
        Of the run: ``time.monotonic()``, which processes share, and seconds.
    folder, extension : str
        Private folder for models, and their extension where they have no name.
    opener, task : bytes
        What opens a model, and the `Task`.
    retry_count : int
        Attempts that have been made before.
    start : str or None
        The ``step_target_start`` event, where it has been told.
    modules : tuple of str
        What a worker needs to import.
    inputs : tuple of str
        Files that the task is given.
    with_parent : bool
        Whether the private folder goes when the process that has started the worker ends: it is the run.
    """

    surroundings: Surroundings
    run: str
    contexts: Mapping[str, str]
    deadline: float | None
    timeout: float | None
    folder: str
    extension: str
    opener: bytes
    task: bytes
    retry_count: int = 0
    start: str | None = None
    modules: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    with_parent: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """How a task has ended in a worker.

    Attributes
    ----------
    fields : mapping
        Those of `FIELDS`.
    kind : str
        ``input``: the result is the input; ``product``: it is in a file, or in several; ``model``: it is in the
        private folder; ``value``: here it is.
    result : object
        Nothing, the path or paths, the token of the model, bytes.
    parameters, context : bytes or None
        Packed.
    error : tuple or None
        As `stpipe.executors.errors.pack_error` gives it.
    """

    fields: Mapping[str, Any]
    kind: str
    result: Any = None
    parameters: bytes | None = None
    context: bytes | None = None
    error: Any = None
