"""The worker processes that share rows with this one: started by the forkserver, kept warm, ended at exit.

Starting does not hold up the work: this process begins with the slices at once, and workers join when they are ready.
A worker has a window of shared memory with room for two slices: while it does one, a thread of this process copies the
next in and the last out. The window has no name any longer once both have it, so that nothing can be left behind.
"""

from __future__ import annotations

import atexit
import io
import json
import logging
import os
import pickle
import socket
import sys
import threading
from collections import deque
from contextlib import suppress
from multiprocessing import forkserver, reduction, spawn
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

import numpy as np

from stpipe.executors.preload import VARIABLE
from stpipe.parallel_worker import Job, Layout, Start

if TYPE_CHECKING:
    from stpipe.parallel import RowWork, Slices

__all__ = ["Crew", "Member", "crew"]

log = logging.getLogger(__name__)

_SLOTS = 2
_LOOK_EVERY = 0.02
_PRELOAD = "stpipe.executors.preload"


class WorkerGone(Exception):
    """A worker has ended, or could not be given what it needs."""


class Member:
    """A worker, as this process sees it.

    Parameters
    ----------
    modules : list of str
        What the forkserver imports for all workers, if it has to be started.

    Attributes
    ----------
    pid : int or None
        Its process id, once it is ready.
    """

    def __init__(self, modules: list[str]) -> None:
        self.pid: int | None = None
        self._memory: SharedMemory | None = None
        self._ends: list[int] = []
        mine, other = socket.socketpair()
        with mine, other:
            self._ends = _launch(other.fileno(), modules)
            self._connection = Connection(mine.detach())

    def is_ready(self, seconds: float) -> bool:
        """Wait for the worker to begin; whether it has."""
        if self.pid is None and self._connection.poll(seconds):
            self.pid = self._answer("ready")[0]
        return self.pid is not None

    def is_gone(self) -> bool:
        """Whether an idle worker has ended."""
        try:
            return self.pid is not None and self._connection.poll(0)
        except OSError:
            return True

    def serve(self, work: RowWork, slices: Slices) -> None:
        """Have slices done until none waits.

        Raises
        ------
        WorkerGone
            The worker is of no use any longer; its slices have been given back.
        """
        service = _Service(self, work, slices)
        try:
            while not self.is_ready(_LOOK_EVERY):
                if slices.is_empty:
                    return
            service.run()
        except (EOFError, OSError, WorkerGone) as error:
            slices.give_back(list(service.under_way))
            raise WorkerGone(str(error) or type(error).__name__) from error

    def memory(self, size: int) -> SharedMemory:
        """Return shared memory of at least that size that the worker has, too."""
        if self._memory is None or self._memory.size < size:
            self._drop_memory()
            memory = SharedMemory(create=True, size=size)
            try:
                _reserve(memory, size)
                self.send("memory_is", memory.name)
                self._answer("mapped")
            except BaseException:
                memory.close()
                raise
            finally:
                memory.unlink()
            self._memory = memory
        return self._memory

    def send(self, *message: Any) -> None:
        """Send a message."""
        self._connection.send(message)

    def _answer(self, kind: str) -> tuple[Any, ...]:
        got, *values = self._connection.recv()
        if got != kind:
            raise WorkerGone(f"the answer was {got} {values}")
        return tuple(values)

    def take_job(self, job: Job) -> bool:
        """Tell the worker what to do with the slices that follow; whether it can."""
        try:
            data = pickle.dumps(job)
            self.send("job_is", data, [os.path.abspath(one) for one in sys.path])
            (problem,) = self._answer("taken")
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            problem = str(error)
        if problem:
            log.warning("Worker processes cannot do %s (%s); this one does it", job.function.__qualname__, problem)
        return not problem

    def receive(self) -> tuple[Any, ...]:
        """Wait for the answer to a slice."""
        return pickle.loads(self._connection.recv_bytes())  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let the worker end."""
        self._drop_memory()
        with suppress(OSError):
            self._connection.close()
        for end in self._ends:
            with suppress(OSError):
                os.close(end)
        self._ends = []

    def _drop_memory(self) -> None:
        if self._memory is not None:
            memory, self._memory = self._memory, None
            with suppress(BufferError):
                memory.close()


class _Service:
    """Slices on their way to a worker and back."""

    def __init__(self, member: Member, work: RowWork, slices: Slices) -> None:
        self._member, self._work, self._slices = member, work, slices
        self._layout = Layout({name: None if a is None else (a.dtype.str, a.shape) for name, a in work.arrays.items()})
        self._slot = self._layout.size(slices.largest)
        self._free = deque(range(_SLOTS))
        self.under_way: deque[slice] = deque()
        self._places: deque[int] = deque()

    def run(self) -> None:
        """Keep the worker busy until no slice waits."""
        work = self._work
        self._memory = self._member.memory(self._slot * _SLOTS).buf
        if not self._member.take_job(Job(work.function, self._layout, dict(work.constants))):
            return
        while True:
            while self._free and (rows := self._slices.take(left=1 if self.under_way else 0)) is not None:
                self.under_way.append(rows)
                self._hand_over(rows)
            if not self.under_way:
                return
            self._take_back()

    def _views(self, place: int, rows: slice) -> dict[str, np.ndarray | None]:
        return self._layout.views(self._memory, place * self._slot, rows.stop - rows.start)

    def _hand_over(self, rows: slice) -> None:
        place = self._free.popleft()
        views = self._views(place, rows)
        _copy(rows, {**self._work.read, **self._work.updated}, views, back=False)
        self._member.send("do", place * self._slot, rows.stop - rows.start)
        self._places.append(place)

    def _take_back(self) -> None:
        kind, result, *rest = self._member.receive()
        rows, place = self.under_way[0], self._places.popleft()
        if kind == "done":
            _copy(rows, {**self._work.updated, **self._work.written}, self._views(place, rows), back=True)
            self._slices.done(rows, result)
        else:
            result.add_note("In a worker process:\n" + rest[0])
            self._slices.fail(rows, result)
        self.under_way.popleft()
        self._free.append(place)


def _copy(rows: slice, arrays: dict[str, Any], views: dict[str, np.ndarray | None], *, back: bool) -> None:
    for name, array in arrays.items():
        view = views[name]
        if array is not None and view is not None:
            whole = array[..., rows, :]
            np.copyto(*((whole, view) if back else (view, whole)))


class Crew:
    """The workers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Member] = []
        self._out = 0

    def share(self, work: RowWork, slices: Slices, cores: int) -> None:
        """Do all slices, with the help of workers.

        Parameters
        ----------
        work : RowWork
        slices : Slices
            Takes the results.
        cores : int
            Workers and this process together.
        """
        members = self._lease(cores - 1, work.function.__module__)
        threads = [threading.Thread(target=self._serve, args=(one, work, slices), daemon=True) for one in members]
        for thread in threads:
            thread.start()
        try:
            slices.work_off(work)
        finally:
            slices_left = not slices.is_empty
            if slices_left:  # an exception that is no Exception: Ctrl-C
                slices.stop()
            for thread in threads:
                thread.join()
        slices.work_off(work)  # what a worker that died has left

    def _serve(self, member: Member, work: RowWork, slices: Slices) -> None:
        try:
            member.serve(work, slices)
        except WorkerGone as error:
            log.warning("%s: a worker process is gone (%s); its rows are done in this one", work.name, error)
            member.close()
            with self._lock:
                self._out -= 1
        except BaseException as error:
            slices.fail(slice(0, 0), error)
            member.close()
            with self._lock:
                self._out -= 1
        else:
            with self._lock:
                self._out -= 1
                self._idle.append(member)

    def _lease(self, count: int, module: str) -> list[Member]:
        """Workers for the caller alone: those that wait, and new ones; fewer where others have some."""
        from stpipe.parallel import available_cores

        members: list[Member] = []
        with self._lock:
            count = min(count, max(available_cores() - 1, 1) - self._out)
            while self._idle and len(members) < count:
                one = self._idle.pop()
                if one.is_gone():
                    one.close()
                else:
                    members.append(one)
            try:
                while len(members) < count:
                    members.append(Member([module]))
            except (OSError, EOFError) as error:
                log.warning("No worker process can be started (%s); this one does all the work", error)
            self._out += len(members)
        return members

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that wait."""
        return [one.pid for one in self._idle if one.pid is not None]

    def close(self) -> None:
        """End the workers that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()

    def forget(self) -> None:
        """Leave the workers to the process that this one was forked from."""
        idle, self._idle, self._out, self._lock = self._idle, [], 0, threading.Lock()
        for one in idle:
            one.close()


def _reserve(memory: SharedMemory, size: int) -> None:
    """Take the pages now: without it a full /dev/shm would end the process (SIGBUS) instead of raising OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(memory._fd, 0, size)  # type: ignore[attr-defined]


def _launch(end: int, modules: list[str]) -> list[int]:
    """Have the forkserver start a worker with that end of a connection; gives file descriptors to be closed with it."""
    _start_forkserver(modules)
    facts = spawn.get_preparation_data("stpipe-rows")
    for name in ("init_main_from_name", "init_main_from_path", "authkey"):
        facts.pop(name, None)  # its script is not run again
    buffer = io.BytesIO()
    reduction.dump(facts, buffer)
    reduction.dump(Start(), buffer)
    status, data = forkserver._forkserver.connect_to_new_process([end])  # type: ignore[attr-defined]
    with open(data, "wb") as pipe:
        pipe.write(buffer.getbuffer())
    return [status]


def _start_forkserver(modules: list[str]) -> None:
    """Start the forkserver, if it does not run, with what workers need; it never imports the script of the user."""
    server = forkserver._forkserver  # type: ignore[attr-defined]
    names = [name for name in getattr(server, "_preload_modules", ()) if name not in ("__main__", _PRELOAD)]
    forkserver.set_forkserver_preload([_PRELOAD, *names])
    path = [os.path.abspath(one) for one in sys.path]
    os.environ[VARIABLE] = json.dumps({"path": path, "modules": ["numpy", "stpipe.parallel_worker", *modules]})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop(VARIABLE, None)


crew = Crew()
atexit.register(crew.close)
os.register_at_fork(after_in_child=crew.forget)
