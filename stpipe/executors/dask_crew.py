"""The workers of a dask cluster as a round of tasks sees them: seats, each of which has one task on the cluster."""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any
from weakref import WeakKeyDictionary

from stpipe.exceptions import RunError
from stpipe.executors.dask_agent import LAST, MOST_BY_SCHEDULER, Parcel, serve
from stpipe.executors.job import Job
from stpipe.executors.stored import PrivateFolder

__all__ = ["DaskCrew", "Seat", "apart"]

log = logging.getLogger("stpipe.run")

_STOP_SECONDS = 3.0
_QUEUED_SECONDS = 0.3
_LAST_WORDS_SECONDS = 5.0
_COUNT_EVERY = 2.0
_NO_WORKERS_SECONDS = 15.0
_ORDER_BY_SCHEDULER = 1 << 20
_number = itertools.count()


def apart(call: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Call a function of dask outside the context of the run, which its event loop would keep alive."""
    return Context().run(call, *args, **keywords)


class _Router:
    """Brings the messages of a client's workers to their seats; one for each client, whatever runs it has."""

    def __init__(self) -> None:
        self.topic = f"stpipe-{secrets.token_hex(8)}"
        self.boxes: dict[str, Callable[[dict[str, Any]], None]] = {}

    def __call__(self, event: tuple[Any, dict[str, Any]]) -> None:
        """Take an event; on the thread of the client's loop."""
        content = event[1]
        box = self.boxes.get(content["key"])
        if box is not None:
            box(content)
        elif "file" in content:
            _remove(content["file"])


_routers: WeakKeyDictionary[Any, _Router] = WeakKeyDictionary()
_lock = threading.Lock()


def _router_of(client: Any) -> _Router:
    with _lock:
        router = _routers.setdefault(client, _Router())
    apart(client.subscribe_topic, router.topic, router)  # again, as the scheduler may be another by now
    return router


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


class _Bell:
    """Wakes the run up; one for all seats."""

    def __init__(self) -> None:
        self._listener, self._button = socket.socketpair()
        self._listener.setblocking(False)
        self._button.setblocking(False)

    def fileno(self) -> int:
        return self._listener.fileno()

    def ring(self) -> None:
        with suppress(OSError):  # rung already, or closed
            self._button.send(b"!")

    def clear(self) -> None:
        with suppress(OSError):
            self._listener.recv(1 << 16)

    def close(self) -> None:
        self._listener.close()
        self._button.close()


class Seat:
    """Takes one task after the other to the cluster; has what `stpipe.executors.pool.Worker` has.

    Parameters
    ----------
    crew : DaskCrew
        That it belongs to.

    Attributes
    ----------
    is_ready, could_not_start, has_begun : bool
        Whether it can take a task; whether no process could be started for it; whether a worker has been heard of.
    waitables : list
        What becomes ready when there is news.
    inbox : Seat
        Itself: messages are sent to it and read from it.
    """

    is_ready = True

    def __init__(self, crew: DaskCrew) -> None:
        self._crew = crew
        self._messages: deque[dict[str, Any]] = deque()
        self._parcel: Parcel | None = None
        self._silent_since: float | None = None
        self._end: str | None = None
        self.future: Any = None
        self.address: str | None = None
        self.could_not_start = self.has_begun = False
        self.inbox = self
        self.waitables = [crew.bell]

    def send(self, data: bytes, turn: Callable[[], object]) -> None:
        """Take a task, as the bytes of its order, to the cluster."""
        self._parcel = parcel = self._crew.parcel(data)
        self._silent_since = self._end = self.address = None
        self.has_begun = False
        self._crew.router.boxes[parcel.key] = self._take
        self.future = apart(self._crew.client.submit, serve, parcel, key=parcel.key, pure=False, retries=0)

    def _take(self, content: dict[str, Any]) -> None:
        self.has_begun = True
        self._messages.append(content)
        self._crew.bell.ring()

    def read(self) -> list[tuple[Any, ...]]:
        """Return the messages that have come."""
        self._crew.bell.clear()
        found: list[tuple[Any, ...]] = []
        while self._messages:
            content = self._messages.popleft()
            for body in self._bodies(content):
                message = pickle.loads(body)
                if not self._concerns_me(message):
                    found.append(message)
        return found

    read_all = read

    @staticmethod
    def _bodies(content: dict[str, Any]) -> list[bytes]:
        if "file" not in content:
            return content["messages"]
        try:
            with open(content["file"], "rb") as file:
                return pickle.load(file)
        except OSError as error:
            raise RunError(
                f"the run cannot see {content['file']}, which a dask worker has written ({error.strerror}); give a"
                " folder that the run and all workers see"
            ) from error
        finally:
            _remove(content["file"])

    def _concerns_me(self, message: tuple[Any, ...]) -> bool:
        """Take what is not for the run; note the last message."""
        name, *details = message
        if name == "seated":
            self.address = self.address or details[0]
        elif name == "gone":
            self._end, self.could_not_start = details
        elif name == "stopped":
            self._end = "was told to end"
        if name in LAST:
            self._tidy()
        if name == "unseen":
            raise RunError(details[0])
        return name in ("seated", "gone", "stopped", "unseen")

    def _tidy(self) -> None:
        """Let go of the task on the cluster, and remove its files."""
        parcel, self._parcel = self._parcel, None
        future, self.future = self.future, None
        if future is not None:
            apart(future.release)
        if parcel is not None:
            self._crew.router.boxes.pop(parcel.key, None)
            for kind in ("begun", "order"):
                _remove(parcel.path(kind))

    @property
    def is_dead(self) -> bool:
        """Whether no more can come of its task."""
        self._crew.look()
        if self._end is not None:
            return True
        if self._messages:  # another seat may have cleared the bell that was rung for them
            self._crew.bell.ring()
            return False
        if self.future is None:
            return False
        status = self.future.status
        if status == "pending":
            return False
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        return status != "finished" or now - self._silent_since > _LAST_WORDS_SECONDS

    @property
    def end(self) -> str:
        """How it has ended, as text."""
        where = f"on {self.address} " if self.address else "on the dask cluster "
        if self._end is not None:
            return f"{where}{self._end}"
        if self.future is not None and self.future.status == "error":
            error = apart(self.future.exception, timeout=_STOP_SECONDS)
            return f"{where}could not take it: {type(error).__name__}: {error}"
        return f"{where}is gone"

    def signal(self, number: int) -> None:
        """Have it stopped."""
        self._crew.cancel([self])

    @property
    def is_under_way(self) -> bool:
        """Whether its task may still be worked on: its last message has not come."""
        ended = self._end is not None or self.future is None
        return not ended and not any(content["last"] for content in tuple(self._messages))

    def close(self) -> None:
        """Have nothing more to do with the cluster."""
        if self.future is not None:
            self._crew.cancel([self])
        self._tidy()
        self._end = self._end or "was closed"


class DaskCrew:
    """The workers of one round.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    folder : str or None
        Where the private folder for models is made; None for the output folder of the first task, or the current one.
    """

    refusal = None

    def __init__(self, client: Any, folder: str | None) -> None:
        from stpipe import __version__

        self.client = client
        self._address = getattr(getattr(client, "scheduler", None), "address", None) or "the address given"
        self.threads = 0
        self._version = __version__
        self._within = folder
        self._private = ""
        self._counted: float | None = None
        self._lacking_since: float | None = None
        self._has_warned = False
        self.check()
        self.router = _router_of(client)
        self.look()
        self.bell = _Bell()

    def folder(self, job: Job) -> PrivateFolder:
        """Return a new folder for models and messages that the workers can see."""
        within = self._within or (getattr(job.task.work, "keywords", None) or {}).get("output_dir") or os.curdir
        within = os.path.abspath(os.path.expanduser(within))
        os.makedirs(within, exist_ok=True)
        private = PrivateFolder(within)
        self._private = private.path
        return private

    def parcel(self, order: bytes) -> Parcel:
        """Return what is sent for an order."""
        key = f"stpipe-{secrets.token_hex(6)}-{next(_number)}"
        small = len(order) <= max(_ORDER_BY_SCHEDULER, MOST_BY_SCHEDULER)
        clocks = (time.time(), time.monotonic())
        kept = order if small else None
        parcel = Parcel(key, self.router.topic, self._private, kept, clocks, socket.gethostname(), self._version)
        if not small:
            with open(parcel.path("order"), "xb") as file:
                file.write(order)
        return parcel

    def acquire(self, job: Job) -> Seat:
        """Return a seat for a job."""
        return Seat(self)

    def release(self, workers: Sequence[Seat]) -> None:
        """Close seats that have nothing to do."""
        for seat in workers:
            seat.close()

    def stop(self, workers: Sequence[Seat]) -> None:
        """Stop tasks in the middle, and wait until they have; those whose worker does not say so are given up."""
        left = [seat for seat in workers if seat.is_under_way]
        self.cancel(left)
        started = time.monotonic()
        while left and self.is_connected and time.monotonic() - started < _STOP_SECONDS:
            time.sleep(0.01)
            queued = time.monotonic() - started < _QUEUED_SECONDS  # one that has not begun says nothing
            left = [seat for seat in left if seat.is_under_way and (queued or seat.has_begun)]

    def cancel(self, seats: Sequence[Seat]) -> None:
        """Have the scheduler forget tasks, which their workers notice."""
        futures = [seat.future for seat in seats if seat.future is not None]
        if futures and self.is_connected:
            with suppress(Exception):  # the scheduler is gone, with the tasks
                apart(self.client.cancel, futures, force=True)

    @property
    def is_connected(self) -> bool:
        """Whether there is a scheduler."""
        return self.client.status == "running"

    def check(self) -> None:
        """Raise if the scheduler is gone.

        Raises
        ------
        RunError
            It is; with it go all tasks.
        """
        if not self.is_connected:
            raise RunError(
                f"the dask scheduler at {self._address} cannot be reached any longer; it or the client was closed"
            )

    def look(self) -> None:
        """See whether the scheduler is there, and now and then how many threads its workers have."""
        self.check()
        now = time.monotonic()
        if self._counted is not None and now - self._counted < _COUNT_EVERY:
            return
        try:
            self.threads = sum(apart(self.client.nthreads).values())
        except Exception:
            self.check()
        self._counted = time.monotonic()
        self._lacking_since = None if self.threads else self._lacking_since or now
        if self._lacking_since is not None and now - self._lacking_since > _NO_WORKERS_SECONDS and not self._has_warned:
            self._has_warned = True
            log.warning("the dask cluster %s has no workers; the run waits for some", self._address)

    def close(self) -> None:
        """Give back what is held, and the folder where no model waits in it."""
        self.bell.close()
        if self._private:
            with suppress(OSError):
                os.rmdir(self._private)
