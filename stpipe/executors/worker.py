"""What runs in a worker process: it does one task after the other and tells the run of all that happens.

`in_worker` says whether this process is one; `cores_allowed` what a step may take of the cores it asks for.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import ExitStack
from multiprocessing import parent_process
from typing import NoReturn

from stpipe.executors.channel import Channel
from stpipe.executors.order import Order
from stpipe.executors.surroundings import WORKER_VARIABLE

__all__ = ["IDLE_SECONDS", "STOPPED", "WorkerStopped", "cores_allowed", "in_worker", "main"]

IDLE_SECONDS = 60.0
STOPPED = 128 + signal.SIGTERM
"""Exit code of a worker that was told to stop."""

_GRACE = 0.3

_channel: Channel | None = None
_folders: set[str] = set()


class WorkerStopped(BaseException):
    """Raised in a worker that is told to stop, so that what it has begun is cleaned up."""


def in_worker() -> bool:
    """Whether this process, or the one that started it, is a worker of a run."""
    return WORKER_VARIABLE in os.environ


def cores_allowed(maximum_cores: str) -> str:
    """Return what a step may use of the cores that it asks for: all, but one only inside a worker.

    Parameters
    ----------
    maximum_cores : str
        A number, ``quarter``, ``half``, ``all`` or ``none``.

    Notes
    -----
    A run tells its user once that it has reduced it (running.md R32).
    """
    text = str(maximum_cores).strip()
    if not in_worker() or _cores(text) <= 1:
        return maximum_cores
    say = f"maximum_cores is {text!r}, but a worker process uses one core; the workers share the cores."
    if _channel is not None:
        _channel.send("once", "maximum_cores", __name__, say)
    return "1"


def _cores(text: str) -> int:
    available = os.cpu_count() or 1
    named = {"quarter": available // 4, "half": available // 2, "all": available}
    try:
        return int(text)
    except ValueError:
        return named.get(text, 1)


def main(end: socket.socket) -> None:
    """Work until the run closes its end of the socket pair, or nothing has been asked for `IDLE_SECONDS`."""
    channel = Channel(end)
    try:
        _boot(channel)
        channel.send("ready")
        while data := channel.receive(IDLE_SECONDS):
            _do(pickle.loads(data), channel)
        if data is None:
            _tidy_after_parent(_GRACE)
    except WorkerStopped:
        _end()


def _end() -> NoReturn:
    os._exit(STOPPED)


def _boot(channel: Channel) -> None:
    """Make this process a worker."""
    global _channel
    from stpipe import atomic
    from stpipe.executors.telling import tell_everything

    _channel = channel
    atomic.watchers.append(lambda folder, begins: channel.send("writes", os.path.abspath(folder), begins))
    os.environ[WORKER_VARIABLE] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    os.setpgid(0, 0)
    if sys.stderr is not None:
        faulthandler.enable(sys.stderr)  # where in the code a segmentation fault was
    threading.Thread(target=_end_with_parent, name="stpipe-watch", daemon=True).start()
    tell_everything(channel)


def _stop(*_: object) -> NoReturn:
    if _channel is not None:
        _channel.mute()
    raise WorkerStopped


def _end_with_parent() -> None:
    """Wait for the end of the run's process; then end, too, with all that was started here."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        _tidy_after_parent(0.0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os.killpg(0, signal.SIGKILL)


def _tidy_after_parent(seconds: float) -> None:
    """Remove the private folders of a run whose process has ended, or does within so many seconds."""
    parent = parent_process()
    if parent is not None:
        parent.join(seconds)
        if not parent.is_alive():
            for folder in tuple(_folders):
                shutil.rmtree(folder, ignore_errors=True)


def _do(order: Order, channel: Channel) -> None:
    """Do one task; whatever happens, an answer is sent."""
    from stpipe.executors.performing import Performance

    if order.with_parent:
        _folders.add(order.folder)
    order.surroundings.enter()
    try:
        performance = Performance(order, channel)
    except Exception as error:
        channel.send("unloadable", f"{type(error).__name__}: {error}")
        return
    try:
        with ExitStack() as stack:
            performance.enter(stack)
            answer = performance.answer()
    except WorkerStopped:
        raise
    except BaseException as error:
        channel.send("died", type(error).__name__, str(error), "".join(traceback.format_exception(error)))
    else:
        channel.send("answer", answer)
    performance.close()
