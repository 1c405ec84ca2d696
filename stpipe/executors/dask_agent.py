"""What runs on a worker of a dask cluster for one task: it has a process there do it, and passes on its words.

The task is not done in the dask worker itself: environment, current folder, log and printed text belong to a whole
process, and plain Python code can only be stopped with its process. The process is kept warm for the next task.
"""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import current_process, util
from multiprocessing.connection import wait
from typing import Any

from stpipe.exceptions import InputError
from stpipe.executors.errors import pack_error
from stpipe.executors.order import Order
from stpipe.executors.pool import Worker, pool, stop
from stpipe.executors.surroundings import Surroundings

__all__ = ["LAST", "MOST_BY_SCHEDULER", "Parcel", "serve"]

LAST = frozenset({"answer", "died", "unable", "unloadable", "gone", "stopped", "unseen"})
"""Messages after which there are none."""

MOST_BY_SCHEDULER = 32 << 10
"""Bytes of the messages that go by way of the scheduler, which keeps the latest 1000; larger ones go by a file."""

_LOOK_EVERY = 0.1
_OF_MACHINE = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "PWD", "OLDPWD", "TMPDIR", "TMP", "TEMP", "DISPLAY")
    + ("LD_LIBRARY_PATH", "VIRTUAL_ENV")
)
_OF_SYSTEM = ("SLURM_", "PBS_", "LSB_", "SGE_", "SSH_", "XDG_", "DASK_", "CUDA_")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One task for a dask worker.

    Attributes
    ----------
    key : str
        Identity of this attempt.
    topic : str
        Where messages go.
    folder : str
        Private folder of the run.
    order : bytes or None
        The pickled `Order`; None where it is in the file ``<folder>/<key>.order``.
    clocks : tuple of float
        ``time.time()`` and ``time.monotonic()`` of the machine of the run when it was sent.
    host : str
        That machine.
    version : str
        Of this package there.
    """

    key: str
    topic: str
    folder: str
    order: bytes | None
    clocks: tuple[float, float]
    host: str
    version: str

    def path(self, kind: str) -> str:
        """Return the path of a file of this attempt."""
        return os.path.join(self.folder, f"{self.key}.{kind}")


def serve(parcel: Parcel) -> str:
    """Have a task done; all that happens is told meanwhile.

    Parameters
    ----------
    parcel : Parcel
        The task.

    Returns
    -------
    str
        The last message.
    """
    from distributed import get_worker

    attendant = _Attendant(parcel, get_worker())
    try:
        return attendant.attend()
    except Exception as error:
        return attendant.tell("gone", f"could not do it: {type(error).__name__}: {error}", False)


class _Attendant:
    """Sees to one task."""

    def __init__(self, parcel: Parcel, dask_worker: Any) -> None:
        self._parcel = parcel
        self._dask_worker = dask_worker
        self._number = 0

    def attend(self) -> str:
        """Do the task."""
        self.tell("seated", self._dask_worker.address)
        if not self._takes_it():
            return "again"
        order = self._order()
        missing = self._missing(order)
        if missing is not None:
            return self.tell(*missing)
        self._compare_versions()
        _may_have_children()
        worker = pool.acquire(order.surroundings.references(), order.modules)
        worker.inbox.load = _named
        try:
            last = self._pass_on_all(worker, pickle.dumps(order, pickle.HIGHEST_PROTOCOL))
        except BaseException:
            stop([worker])
            worker.close()
            raise
        worker.inbox.load = pickle.loads
        pool.release([worker])  # which closes one that is dead
        return last

    def tell(self, *message: Any) -> str:
        """Send a message of its own; return its name."""
        self._send([(message[0], pickle.dumps(message, pickle.HIGHEST_PROTOCOL))])
        return message[0]

    def _send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Send messages, together; those that are large by way of a file."""
        kept = [(name, body) for name, body in messages if name != "ready"]
        if not kept:
            return
        self._number += 1
        bodies = [body for _, body in kept]
        content: dict[str, Any] = {"key": self._parcel.key, "last": any(name in LAST for name, _ in kept)}
        if sum(map(len, bodies)) <= MOST_BY_SCHEDULER:
            content["messages"] = bodies
        else:
            content["file"] = self._parcel.path(str(self._number))
            with open(content["file"], "xb") as file:
                pickle.dump(bodies, file, pickle.HIGHEST_PROTOCOL)
        self._dask_worker.log_event(self._parcel.topic, content)

    def _takes_it(self) -> bool:
        """Whether this is the first to begin with it; dask gives the tasks of a worker that is gone to another."""
        try:
            os.close(os.open(self._parcel.path("begun"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            self.tell("gone", "is gone: it was killed, or lost its connection, or its machine went down", False)
            return False
        except OSError as error:
            self.tell("unseen", self._says_unseen(self._parcel.folder, error))
            return False
        return True

    def _says_unseen(self, folder: str, error: OSError | None = None) -> str:
        why = f" ({error.strerror})" if error is not None else ""
        return (
            f"the dask worker {self._dask_worker.address} on {socket.gethostname()} cannot see {folder}{why}, a folder"
            f" of the run on {self._parcel.host}; run in a folder that all workers see, and have models and messages"
            f" go through one: stpipe.executors.dask.connect(address, folder=...), or --dask-folder"
        )

    def _order(self) -> Order:
        """Return what is to be done, with the clock and the variables of this machine."""
        data = self._parcel.order
        if data is None:
            with open(self._parcel.path("order"), "rb") as file:
                data = file.read()
        order: Order = pickle.loads(data)
        deadline = order.deadline
        if deadline is not None:
            wall, clock = self._parcel.clocks
            deadline = (deadline - clock) + (wall - time.time()) + time.monotonic()
        surroundings = order.surroundings
        if self._parcel.host != socket.gethostname():
            surroundings = _moved(surroundings)
        return replace(order, surroundings=surroundings, deadline=deadline, with_parent=False)

    def _missing(self, order: Order) -> tuple[Any, ...] | None:
        """Return the message that something cannot be seen from here, if so."""
        folder = order.surroundings.folder or ""
        if folder and not os.path.isdir(folder):
            return "unseen", self._says_unseen(folder)
        for path in order.inputs:
            if not os.path.exists(os.path.join(folder, path)):
                error = InputError(
                    f"{path} is there on {self._parcel.host}, where the run is, but the dask worker"
                    f" {self._dask_worker.address} on {socket.gethostname()} cannot see it; have it in a folder that"
                    f" all workers see"
                )
                return "unable", pack_error(error)
        return None

    def _compare_versions(self) -> None:
        from stpipe import __version__

        if __version__ != self._parcel.version:
            say = f"a dask worker has jwst-stpipe {__version__}, the run has {self._parcel.version}"
            self.tell("once", "dask-version", "stpipe.run", say)

    def _is_canceled(self) -> bool:
        """Whether nobody wants it any longer, or this dask worker is being closed."""
        task = self._dask_worker.state.tasks.get(self._parcel.key)
        closing = self._dask_worker.status.name in ("closing", "closed", "failed", "stopping")
        return task is None or task.state in ("cancelled", "released", "forgotten") or closing

    def _pass_on_all(self, worker: Worker, order: bytes) -> str:
        """Send the task to a process and pass on what that tells, until the last message."""
        sent = worker.is_ready
        if sent:
            self._hand_over(worker, order)
        while True:
            if self._is_canceled():
                return self._end(worker)
            wait(worker.waitables, _LOOK_EVERY)
            is_dead = worker.is_dead  # asked before its last words are read
            messages = worker.inbox.read_all() if is_dead else worker.inbox.read() if worker.inbox.has_news else []
            if not sent and any(name == "ready" for name, _ in messages):
                worker.is_ready = sent = True
                self._hand_over(worker, order)
            self._send(messages)
            last = next((name for name, _ in messages if name in LAST), None)
            if last is not None:
                return last
            if is_dead:
                return self.tell("gone", worker.end, not sent and worker.could_not_start)

    def _hand_over(self, worker: Worker, order: bytes) -> None:
        with suppress(OSError):  # it is gone, which is noticed next
            worker.inbox.send(order, lambda: None)

    def _end(self, worker: Worker) -> str:
        """Stop a process in the middle, and pass on its last words."""
        stop([worker])
        self._send(worker.inbox.read_all())
        return self.tell("stopped")


def _named(body: Any) -> tuple[str, bytes]:
    """Return name and bytes of a message; what is in it need not be known here."""
    data = bytes(body)
    try:
        return pickle.loads(data)[0], data
    except Exception:
        return "", data


def _moved(surroundings: Surroundings) -> Surroundings:
    """Return the surroundings of a run on another machine with what belongs to this one."""
    environment = {**_variables(surroundings.environment, of_machine=False), **_variables(os.environ, of_machine=True)}
    here = Surroundings.now().path
    path = (*(one for one in surroundings.path if not one or os.path.exists(one)), *here)
    return replace(surroundings, environment=environment, path=tuple(dict.fromkeys(path)))


def _variables(found: Mapping[str, str] | Iterable[Any], *, of_machine: bool) -> dict[str, str]:
    return {
        name: value
        for name, value in dict(found).items()
        if (name in _OF_MACHINE or name.startswith(_OF_SYSTEM)) is of_machine
    }


@cache
def _may_have_children() -> None:
    """Let a dask worker, which its nanny has made a daemon, have the processes that do tasks; they end with it."""
    current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    util.Finalize(None, pool.shutdown, exitpriority=100)
