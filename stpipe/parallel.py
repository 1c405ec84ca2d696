"""One step on several cores: slices of rows are worked on side by side, with the result of one core in every bit.

`cores_of` translates the parameter ``maximum_cores``; `sliced` calls a function with slices of rows of arrays. This
process does its part of the slices on its own arrays; the others go through a small window of shared memory to worker
processes (`stpipe.parallel_crew`) that are kept warm. Workers never run the user's script again, so that it needs no
``if __name__ == "__main__":``. With `BACKEND` "threads" the slices are shared among threads of this process instead.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import process
from typing import Any

import numpy as np

from stpipe.exceptions import ParameterError

__all__ = ["BACKEND", "Part", "RowWork", "available_cores", "cores_of", "sliced"]

log = logging.getLogger(__name__)

BACKEND = "processes"
"""How slices are shared: ``processes`` (forkserver, shared memory) or ``threads`` of this process."""

MINIMUM_BYTES = 64 << 20
"""Arrays smaller than this in total are left to one core: sharing them would take as long."""

SLICE_BYTES = 48 << 20
"""Largest size of a slice of all arrays; each worker has room for two. Small slices cost time, large ones memory."""

SLICES_PER_CORE = 16
"""The last slices are so small that these would be enough for a core, so that all end at about the same time."""

LEAST_BYTES = 4 << 20
"""Smallest size of a slice."""

_SHARED_MEMORY = "/dev/shm"

_NAMED = {"none": 1, "one": 1}
_told: set[str] = set()

_UNGUARDED = """\
maximum_cores: more cores were asked for while a new process was still importing the main script.
A script that starts processes (multiprocessing, or stpipe.run with executor="processes") is imported by each of them,
so what it does must stand below a guard. Write

    if __name__ == "__main__":
        main()

where main() is all that the script does."""


@dataclass(frozen=True)
class RowWork:
    """What is to be done with every row.

    Attributes
    ----------
    name : str
        Who wants it, for the log.
    function : callable
        Of an importable module; called with all arrays and constants by name. Its arrays are slices of rows, and may be
        views with gaps between planes. What it does to a row must not depend on other rows. It logs nothing, as nobody
        would hear it in a worker.
    read, updated, written : mapping of str to ndarray or None
        Arrays whose last axis but one is the rows, all of the same number: those that are only read, those that are
        changed in place, and those that are filled. None is handed over as it is.
    constants : mapping
        Other arguments; small, and able to be pickled.
    """

    name: str
    function: Callable[..., Any]
    read: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    updated: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    written: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arrays(self) -> dict[str, np.ndarray | None]:
        """All arrays."""
        return {**self.read, **self.updated, **self.written}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return next(array.shape[-2] for array in self.arrays.values() if array is not None)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of all arrays."""
        return sum(array.nbytes // max(array.shape[-2], 1) for array in self.arrays.values() if array is not None)

    def here(self, rows: slice) -> Any:
        """Do some rows in this process, on the arrays themselves."""
        views = {name: None if array is None else array[..., rows, :] for name, array in self.arrays.items()}
        return self.function(**views, **self.constants)


@dataclass(frozen=True)
class Part:
    """What the function returned for some rows.

    Attributes
    ----------
    rows : slice
    result : object
    """

    rows: slice
    result: Any


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def cores_of(maximum_cores: str, *, rows: int | None = None) -> int:
    """Translate the parameter ``maximum_cores``.

    Parameters
    ----------
    maximum_cores : str
        A number, ``quarter``, ``half`` or ``all`` of the cores, ``none`` or ``one``. Anything else means one, with a
        WARNING.
    rows : int, optional
        Rows that there are to share; an upper limit.

    Returns
    -------
    int
        Cores to use: no more than there are, and one inside a process that may not start others (with one WARNING).

    Raises
    ------
    ParameterError
        The number is less than 1.
    RuntimeError
        This process is about to import a main script that has no ``if __name__ == "__main__":``.
    """
    text = str(maximum_cores).strip()
    available = available_cores()
    named = {**_NAMED, "quarter": available // 4 or 1, "half": available // 2 or 1, "all": available}
    wanted = _number(text) if text not in named else named[text]
    if wanted > available:
        log.info("maximum_cores is %s; the %d cores that there are will be used", text, available)
    cores = max(1, min(wanted, available, wanted if rows is None else rows))
    return cores if cores == 1 else _allowed(cores, text)


def _number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        _tell_once(f"maximum_cores {text!r} is no number, 'quarter', 'half', 'all' or 'none'; one core is used.")
        return 1
    if number < 1:
        raise ParameterError(f"maximum_cores must be at least 1, not {text!r}; use 'none' for one core.")
    return number


def _allowed(cores: int, text: str) -> int:
    """The cores that this process may use: workers of anybody get one."""
    me = process.current_process()
    if getattr(me, "_inheriting", False):
        raise RuntimeError(_UNGUARDED)
    if os.environ.get("STPIPE_WORKER"):
        from stpipe.executors.worker import cores_allowed

        cores_allowed(text)  # tells the user of the run, once
        return 1
    if me.daemon:
        _tell_once(
            f"maximum_cores is {text!r}, but this is a worker process of multiprocessing, which may not start others; "
            "one core is used. Set maximum_cores='none' where exposures are shared among processes."
        )
        return 1
    return cores


def _tell_once(message: str) -> None:
    if message not in _told:
        _told.add(message)
        log.warning(message)


def sliced(work: RowWork, *, cores: int) -> list[Part]:
    """Do what is to be done with every row, on several cores where that is quicker.

    Parameters
    ----------
    work : RowWork
    cores : int
        Processes that share the rows, this one among them.

    Returns
    -------
    list of Part
        In the order of the rows. A single one where this process did everything at once.

    Raises
    ------
    Exception
        What the function raises, wherever it does; arrays are then half done.
    """
    rows = work.rows
    size = work.row_bytes * rows
    cores = min(cores, rows)
    if cores > 1 and size < MINIMUM_BYTES:
        log.info("%s: %.1f MB are too little to share among %d cores; one does them", work.name, size / 1e6, cores)
        cores = 1
    if cores <= 1:
        return [Part(slice(0, rows), work.here(slice(0, rows)))]
    slices = Slices(_cut(work, cores))
    if BACKEND == "threads":
        _share_with_threads(work, slices, cores)
    else:
        from stpipe.parallel_crew import crew

        crew.share(work, slices, cores)
    return slices.parts()


def _cut(work: RowWork, cores: int) -> list[slice]:
    """Slices that are small enough for the window: large ones first, ever smaller ones at the end."""
    rows, first, slices = work.rows, 0, []
    most = max(1, _room(cores - 1) // max(work.row_bytes, 1))
    least = max(-(-rows // (cores * SLICES_PER_CORE)), LEAST_BYTES // max(work.row_bytes, 1))
    while first < rows:
        last = min(rows, first + min(most, max(least, (rows - first) // (2 * cores))))
        slices.append(slice(first, last))
        first = last
    return slices


def _room(workers: int) -> int:
    """Bytes that a slice may have: containers often have little shared memory."""
    if BACKEND == "threads" or not os.path.isdir(_SHARED_MEMORY):
        return SLICE_BYTES
    system = os.statvfs(_SHARED_MEMORY)
    return min(SLICE_BYTES, system.f_bavail * system.f_frsize // (4 * workers))


class Slices:
    """The slices of a work that wait, and what has come of the others; for all threads.

    Parameters
    ----------
    slices : list of slice
    """

    def __init__(self, slices: list[slice]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(slices)
        self._largest = max(rows.stop - rows.start for rows in slices)
        self._parts: list[Part] = []
        self._errors: list[tuple[int, BaseException]] = []

    @property
    def largest(self) -> int:
        """Rows of the largest slice."""
        return self._largest

    @property
    def is_empty(self) -> bool:
        """Whether no slice waits."""
        return not self._waiting

    def take(self, *, left: int = 0) -> slice | None:
        """Return a slice to be done; None when there is no more, or no more than are ``left`` to others."""
        with self._lock:
            return self._waiting.popleft() if len(self._waiting) > left else None

    def give_back(self, slices: list[slice]) -> None:
        """Put back slices that could not be done; their rows are as they were."""
        with self._lock:
            self._waiting.extend(slices)

    def done(self, rows: slice, result: Any) -> None:
        """Note the result of a slice."""
        with self._lock:
            self._parts.append(Part(rows, result))

    def stop(self) -> None:
        """Leave the slices that wait."""
        with self._lock:
            self._waiting.clear()

    def fail(self, rows: slice, error: BaseException) -> None:
        """Note an error, and leave the slices that wait."""
        with self._lock:
            self._errors.append((rows.start, error))
            self._waiting.clear()

    def work_off(self, work: RowWork) -> None:
        """Do slices in this thread until none waits."""
        while (rows := self.take()) is not None:
            try:
                self.done(rows, work.here(rows))
            except Exception as error:
                self.fail(rows, error)

    def parts(self) -> list[Part]:
        """Return the results in the order of the rows, or raise the error of the first rows that had one."""
        if self._errors:
            raise min(self._errors, key=lambda error: error[0])[1]
        return sorted(self._parts, key=lambda part: part.rows.start)


def _share_with_threads(work: RowWork, slices: Slices, cores: int) -> None:
    threads = [threading.Thread(target=slices.work_off, args=(work,), daemon=True) for _ in range(cores - 1)]
    for thread in threads:
        thread.start()
    try:
        slices.work_off(work)
    finally:
        slices.stop()
        for thread in threads:
            thread.join()
