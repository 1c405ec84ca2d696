"""A worker process of `stpipe.parallel`: does slices of rows that it finds in shared memory.

It ends when the process it works for closes its end of the connection, is gone, or has asked for nothing for
`IDLE_SECONDS`.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, process
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

__all__ = ["IDLE_SECONDS", "Job", "Layout", "Start"]

IDLE_SECONDS = 60.0
"""How long a worker waits for work; the environment variable STPIPE_ROWS_IDLE overrides it."""

_ALIGNMENT = 64


@dataclass(frozen=True)
class Layout:
    """How a slice of each array lies in its place of the shared memory.

    Attributes
    ----------
    arrays : mapping of str to (dtype text, shape) or None
        Shapes of the whole arrays.
    """

    arrays: Mapping[str, tuple[str, tuple[int, ...]] | None]

    def size(self, rows: int) -> int:
        """Bytes that slices of so many rows take together."""
        return sum(_padded(dtype, _cut(shape, rows)) for dtype, shape in filter(None, self.arrays.values()))

    def views(self, memory: memoryview | None, place: int, rows: int) -> dict[str, np.ndarray | None]:
        """Return the slices as arrays in the memory.

        Parameters
        ----------
        memory : memoryview
        place : int
            Where they begin.
        rows : int
            Rows of the slice.
        """
        found: dict[str, np.ndarray | None] = {}
        for name, array in self.arrays.items():
            if array is None:
                found[name] = None
                continue
            dtype, shape = array[0], _cut(array[1], rows)
            found[name] = np.ndarray(shape, dtype, buffer=memory, offset=place)
            place += _padded(dtype, shape)
        return found


def _cut(shape: tuple[int, ...], rows: int) -> tuple[int, ...]:
    return (*shape[:-2], rows, shape[-1])


def _padded(dtype: str, shape: tuple[int, ...]) -> int:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return -(-size // _ALIGNMENT) * _ALIGNMENT


@dataclass(frozen=True)
class Job:
    """What a worker does with the slices that follow.

    Attributes
    ----------
    function : callable
    layout : Layout
    constants : mapping
    """

    function: Callable[..., Any]
    layout: Layout
    constants: Mapping[str, Any]


@dataclass(frozen=True)
class Start:
    """What the forkserver makes a worker of; in place of a process object, so that no main script is imported."""

    name: str = "stpipe-rows"

    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        """Work; the exit code of the process. Called by multiprocessing in the new process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.current_process().name = self.name
        (end,) = forkserver.get_inherited_fds() or [-1]
        with Connection(end) as connection, suppress(EOFError, OSError):
            _Worker(connection).work()
        return 0


class _Worker:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._memory: SharedMemory | None = None
        self._job: Job | None = None

    def work(self) -> None:
        """Answer every message until the connection is closed."""
        os.environ["STPIPE_WORKER"] = "1"
        self._connection.send(("ready", os.getpid()))
        idle = float(os.environ.get("STPIPE_ROWS_IDLE", IDLE_SECONDS))
        while self._connection.poll(idle):
            kind, *values = self._connection.recv()
            getattr(self, f"_{kind}")(*values)

    def _memory_is(self, name: str) -> None:
        if self._memory is not None:
            self._memory.close()
        self._memory = SharedMemory(name)
        self._connection.send(("mapped",))

    def _job_is(self, data: bytes, path: list[str]) -> None:
        sys.path[:] = path
        try:
            self._job = pickle.loads(data)
        except Exception as error:
            self._job = None
            self._connection.send(("taken", f"{type(error).__name__}: {error}"))
        else:
            self._connection.send(("taken", ""))

    def _do(self, place: int, rows: int) -> None:
        job, memory = self._job, self._memory
        if job is None or memory is None:
            raise EOFError
        try:
            views = job.layout.views(memory.buf, place, rows)
            answer = ("done", job.function(**views, **job.constants))
            data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        except BaseException as error:
            data = _failure(error)
        self._connection.send_bytes(data)


def _failure(error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(error))
    try:
        data = pickle.dumps(("failed", error, text))
        pickle.loads(data)
    except Exception:
        data = pickle.dumps(("failed", RuntimeError(f"{type(error).__name__}: {error}"), text))
    return data
