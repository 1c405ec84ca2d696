"""The workers of this process: started by the forkserver, kept warm between runs, closed at exit.

A worker that is idle for `stpipe.executors.worker.IDLE_SECONDS` ends by itself.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import wait
from typing import Any

from stpipe.executors import worker
from stpipe.executors.channel import Inbox
from stpipe.executors.preload import VARIABLE
from stpipe.executors.worker import STOPPED

__all__ = ["Worker", "WorkerPool", "pool", "stop"]

TERMINATE_SECONDS = 0.2
_KILL_SECONDS = 1.0
_PRELOAD = "stpipe.executors.preload"
_ALWAYS = ("numpy", "stpipe.executors.worker", "stpipe.executors.performing", "stpipe.engine", "stpipe.step")


class Worker:
    """One worker process, as its run sees it; it starts in the background.

    Attributes
    ----------
    inbox : Inbox
        What it tells.
    is_ready : bool
        Whether it has said that it can take a task.
    used : tuple
        Variables of the reference service that its tasks have had.
    failure : Exception or None
        Why it could not be started.
    """

    def __init__(self) -> None:
        mine, other = socket.socketpair()
        self.inbox = Inbox(mine)
        self.is_ready = False
        self.used: tuple[Any, ...] | None = None
        self.failure: BaseException | None = None
        self._process: Any = None
        self._starter = threading.Thread(target=self._start, args=(other,), name="stpipe-start", daemon=True)
        self._starter.start()

    def _start(self, other: socket.socket) -> None:
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=worker.main, args=(other,), name="stpipe-worker")
        try:
            process.start()
            self._process = process
        except BaseException as error:
            self.failure = error
        finally:
            other.close()

    @property
    def pid(self) -> int | None:
        """Its process id, once it is started."""
        return self._process.pid if self._process is not None else None

    @property
    def waitables(self) -> list[Any]:
        """What becomes ready when there is news of it."""
        return [self.inbox] if self._process is None else [self.inbox, self._process.sentinel]

    @property
    def is_dead(self) -> bool:
        """Whether it is gone; what it has told may still be in the inbox."""
        if self._process is None:
            return self.failure is not None
        return self.inbox.ended or bool(wait([self._process.sentinel], 0))

    @property
    def end(self) -> str:
        """How it has ended, as text."""
        if self._process is None:
            return f"could not be started: {self.failure}"
        code = self.exit_code
        if code is None or code == 255:
            return "is gone"
        if code == STOPPED:
            return "was told to end by another process (SIGTERM)"
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "a signal"
        why = ", perhaps because memory ran out" if name == "SIGKILL" else ""
        return f"was killed by {name} (signal {-code}){why}"

    @property
    def exit_code(self) -> int | None:
        """Its exit code, -N for signal N; None while it runs."""
        if self._process is None:
            return None
        self._process.join(_KILL_SECONDS)
        return self._process.exitcode

    @property
    def could_not_start(self) -> bool:
        """Whether it is gone because of an error of its own, before it could do anything."""
        code = self.exit_code
        return self.failure is not None or (code is not None and code in range(STOPPED))

    def signal(self, number: int) -> None:
        """Send it a signal; SIGKILL also to all that it has started."""
        if self.pid is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, number)
            os.kill(self.pid, number)

    def close(self) -> None:
        """Let it end when it has nothing to do."""
        self.inbox.close()

    def join(self, seconds: float) -> bool:
        """Wait for its end; whether it has come."""
        self._starter.join(seconds)
        return self._process is None or bool(wait([self._process.sentinel], seconds))


def stop(workers: Sequence[Worker]) -> None:
    """Stop workers in the middle of what they do: they clean up within 0.2 s or are killed."""
    for one in workers:
        one.signal(signal.SIGTERM)
    left = [one for one in workers if one.pid is not None]
    _wait_for(left, TERMINATE_SECONDS)
    for one in left:
        one.signal(signal.SIGKILL)  # also what it has started
    _wait_for(left, _KILL_SECONDS)


def _wait_for(workers: Iterable[Worker], seconds: float) -> None:
    import time

    end = time.monotonic() + seconds
    for one in workers:
        one.join(max(0.0, end - time.monotonic()))


class WorkerPool:
    """Workers that wait for a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []

    def acquire(self, references: tuple[Any, ...], modules: Sequence[str]) -> Worker:
        """Return a worker for the caller alone: one that waits, else a new one.

        Parameters
        ----------
        references : tuple
            Variables of the reference service; a worker that has used others is closed.
        modules : sequence of str
            What workers need, imported once by the forkserver if it has to be started.
        """
        with self._lock:
            while self._idle:
                one = self._idle.pop()
                if one.used == references and not one.is_dead and not (one.is_ready and one.inbox.has_news):
                    return one
                one.close()
            _start_forkserver(modules)
            one = Worker()
            one.used = references
            return one

    def release(self, workers: Iterable[Worker]) -> None:
        """Take back workers that have nothing to do."""
        with self._lock:
            for one in workers:
                if one.is_dead:
                    one.close()
                else:
                    self._idle.append(one)

    def shutdown(self) -> None:
        """End all workers that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()
        _wait_for(idle, _KILL_SECONDS)
        for one in idle:
            if not one.is_dead:
                one.signal(signal.SIGKILL)

    def forget(self) -> None:
        """Leave the workers to the process that this one was forked from."""
        self._lock = threading.Lock()
        idle, self._idle = self._idle, []
        for one in idle:
            one.inbox.close(tell=False)


def _start_forkserver(modules: Sequence[str]) -> None:
    """Start the forkserver, if it does not run, with what workers need."""
    names = list(getattr(forkserver._forkserver, "_preload_modules", ["__main__"]))  # type: ignore[attr-defined]
    if _PRELOAD not in names:
        forkserver.set_forkserver_preload([_PRELOAD, *names])
    wanted = list(dict.fromkeys((*_ALWAYS, *modules)))
    os.environ[VARIABLE] = json.dumps({"path": [os.path.abspath(one) for one in sys.path], "modules": wanted})
    try:
        _ensure_running()
    finally:
        os.environ.pop(VARIABLE, None)


def _ensure_running() -> None:
    try:
        forkserver.ensure_running()
    except ChildProcessError:  # this process was forked from the one that started it
        server: Any = forkserver._forkserver  # type: ignore[attr-defined]
        server._forkserver_pid = server._forkserver_alive_fd = server._forkserver_address = None
        forkserver.ensure_running()


pool = WorkerPool()
atexit.register(pool.shutdown)
os.register_at_fork(after_in_child=pool.forget)
