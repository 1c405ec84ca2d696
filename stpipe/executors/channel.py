"""Messages between a run and its workers: pickled tuples over a socket pair, each with its length before it.

A worker uses a `Channel`, which waits. The run uses an `Inbox`, which never does: a worker that dies in the middle of
a message, or sends gigabytes, does not hold up the others.
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

__all__ = ["Channel", "Inbox"]

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20
_PAUSE = 0.001


class Channel:
    """The worker's end.

    Parameters
    ----------
    end : socket
        One of a socket pair.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lock = threading.RLock()
        self._muted = False

    def send(self, *message: Any) -> None:
        """Send a message; nothing where the worker is being stopped, or nobody reads any longer."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._muted:
                return
            try:
                self._end.sendall(_LENGTH.pack(len(data)) + data if len(data) < _CHUNK else _LENGTH.pack(len(data)))
                if len(data) >= _CHUNK:
                    self._end.sendall(data)
            except OSError:
                self._muted = True

    def mute(self) -> None:
        """Send nothing any longer."""
        self._muted = True

    def receive(self, timeout: float) -> bytes | None:
        """Return the next message as bytes; None when nothing comes within ``timeout`` seconds, or no more can.

        An empty message means that there is nothing more to do.
        """
        if not wait([self._end], timeout):
            return None
        head = self._exactly(_LENGTH.size)
        return None if head is None else self._exactly(*_LENGTH.unpack(head))

    def _exactly(self, size: int) -> bytes | None:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            try:
                count = self._end.recv_into(view)
            except OSError:
                return None
            if not count:
                return None
            view = view[count:]
        return bytes(buffer) if size < _CHUNK else buffer  # type: ignore[return-value]


class Inbox:
    """The run's end.

    Parameters
    ----------
    end : socket
        The other one of the pair.

    Attributes
    ----------
    load : callable
        Makes a message of its bytes.
    ended : bool
        Whether the worker has closed its end, or is gone.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._buffer = bytearray()
        self.load: Callable[[Any], tuple[Any, ...]] = pickle.loads
        self.ended = False

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._end.fileno()

    @property
    def has_news(self) -> bool:
        """Whether there is something to read, or the end."""
        return bool(wait([self._end], 0))

    def read(self) -> list[tuple[Any, ...]]:
        """Return the messages that have come, at most about 1 MiB of them; never waits."""
        try:
            data = self._end.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        self.ended = not data
        self._buffer += data
        return self._complete()

    def read_all(self) -> list[tuple[Any, ...]]:
        """Return all messages that have come."""
        messages: list[tuple[Any, ...]] = []
        while not self.ended and wait([self._end], 0):
            messages += self.read()
        return messages

    def _complete(self) -> list[tuple[Any, ...]]:
        messages, place = [], 0
        while len(self._buffer) - place >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer, place)
            first = place + _LENGTH.size
            if len(self._buffer) < first + size:
                break
            with memoryview(self._buffer) as view, view[first : first + size] as body:
                messages.append(self.load(body))
            place = first + size
        del self._buffer[:place]
        return messages

    def send(self, data: bytes, turn: Callable[[], object]) -> None:
        """Send a message.

        Parameters
        ----------
        data : bytes
            The message.
        turn : callable
            Called while the worker does not read; what it raises ends the sending.

        Raises
        ------
        OSError
            The worker is gone.
        """
        head = _LENGTH.pack(len(data))
        for part in (head + data,) if len(data) < _CHUNK else (head, data):
            view = memoryview(part)
            while view:
                try:
                    view = view[self._end.send(view, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    turn()
                    time.sleep(_PAUSE)

    def close(self, *, tell: bool = True) -> None:
        """Close this end; an idle worker is told to end, so that it does not take this for the end of the run."""
        if tell and not self.ended:
            with suppress(OSError):
                self._end.send(_LENGTH.pack(0), socket.MSG_DONTWAIT)
        self._end.close()
        self.ended = True
