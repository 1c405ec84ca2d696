"""How the files of a run's artifacts are named and written (running.md §2.3)."""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any
from urllib.parse import unquote

from stpipe.events import Event

__all__ = ["EventWriter", "safe_name", "shown", "target_name", "to_json", "write_whole"]

_LONGEST = 200
_UNSAFE = frozenset('/\\%:*?"<>|') | {chr(code) for code in (*range(32), 127)}
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=repr).encode


def safe_name(target: str) -> str:
    """Return the name of a target as that of a file in one folder; names that differ stay different.

    Ordinary names stay as they are. What a file name cannot have, and a dot in front, becomes ``%XX``; the end of a
    very long name becomes a hash.
    """
    text = "".join(f"%{ord(char):02X}" if char in _UNSAFE else char for char in target)
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if len(text.encode()) > _LONGEST:
        digest = hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        text = f"{text.encode()[: _LONGEST - 20].decode(errors='ignore').rstrip('%')}%~{digest}"
    return text or "%"


def target_name(file: str) -> str:
    """Return the target whose `safe_name` this is; a name that was cut comes back cut."""
    return "" if file == "%" else unquote(file)


def write_whole(path: str, text: str) -> None:
    """Write a small text file completely or not at all; a file of that name is replaced.

    Raises
    ------
    OSError
        It cannot be written.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(temporary, os.path.join(folder, name))
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def to_json(value: Any) -> str:
    """Return plain data as an indented JSON text."""
    return json.dumps(shown(value), indent=1, ensure_ascii=False) + "\n"


def shown(value: Any) -> Any:
    """Return what stands for a value in JSON: classes and functions by dotted name, models by a short text."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown(item) for item in value]
    if type(value).__name__ == "Inventory":
        return [shown(exposure) for exposure in value]
    if type(value).__name__ == "Recipe":
        return value.file or value.name
    if type(value).__name__ == "Policy":
        return {name: shown(getattr(value, name)) for name in sorted(value.given)}
    if callable(getattr(value, "for_json", None)) and not isinstance(value, type):
        return shown(value.for_json())
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    path = getattr(value, "path", None)
    return path if isinstance(path, str) else f"<{type(value).__name__}>"


class EventWriter:
    """Writes events into a folder, one file each, in a thread of its own, so that the run does not wait for the disk.

    Parameters
    ----------
    folder : str
        Where to; it is made.
    """

    def __init__(self, folder: str) -> None:
        os.mkdir(folder)
        self._folder = folder
        self._waiting: SimpleQueue[Event | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._error: Exception | None = None

    def put(self, event: Event) -> None:
        """Have an event written soon; after `close`, at once.

        Raises
        ------
        OSError
            An earlier one could not be written.
        """
        if self._error is not None:
            raise self._error
        if self._closed:
            self._write(event)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="stpipe-events", daemon=True)
            self._thread.start()
        self._waiting.put(event)

    def close(self) -> None:
        """Wait until all are written; raise the first error."""
        self._closed = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                self._write(event)
            except Exception as error:
                self._error = self._error or error

    def _write(self, event: Event) -> None:
        name = f"{event.counter:06d}-{event.uuid}.json"
        temporary = os.path.join(self._folder, f".{name}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            os.write(handle, _compact(dict(event)).encode("utf-8", "backslashreplace"))
        finally:
            os.close(handle)
        os.rename(temporary, os.path.join(self._folder, name))
