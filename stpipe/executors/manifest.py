"""The record of a batch: one JSON object per line, appended as exposures begin and end, so that nothing can lose it.

The first line tells of the batch; each further line is the state of one exposure. Of several lines for an exposure the
last one counts. A line that broke off, because the computer stopped, is left out. At its end a batch writes the file
anew with one line per exposure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stpipe.exceptions import RunError

__all__ = ["FORMAT", "MANIFEST", "Manifest", "ManifestInUse", "ReadManifest", "read_manifest"]

MANIFEST = "manifest.jsonl"
FORMAT = "stpipe-batch-1"
_LOCK = ".manifest.lock"

Key = tuple[str, str]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class ManifestInUse(RunError):
    """Another batch is at work in the folder."""

    exit_status = 4


@dataclass(slots=True)
class _Entry:
    """Where the last line of an exposure is, and the status that it tells."""

    offset: int
    length: int
    status: str


class Manifest:
    """The manifest of one folder, held by one batch at a time; only places and statuses are kept in memory.

    Parameters
    ----------
    folder : str
        Folder of the products; made if it is not there.

    Raises
    ------
    ManifestInUse
        Another batch holds it.
    OSError
        It cannot be written.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, MANIFEST)
        self._lock = _locked(os.path.join(folder, _LOCK), folder)
        self._entries: dict[Key, _Entry] = {}
        self._header: dict[str, Any] = {}
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._end = self._index()

    def _index(self) -> int:
        """Find the last line of each exposure; return the end of the file, which is made the end of a line."""
        place, ends = 0, True
        with open(self.path, "rb") as file:
            for line in file:
                found = _parsed(line)
                if found is not None:
                    self._enter(found, place, len(line))
                place, ends = place + len(line), line.endswith(b"\n")
        return place if ends else place + os.write(self._handle, b"\n")

    def _enter(self, record: Mapping[str, Any], offset: int, length: int) -> None:
        if "format" in record:
            self._header = dict(record)
        else:
            self._entries[key_of(record)] = _Entry(offset, length, str(record.get("status")))

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write what the batch is."""
        self._header = {"format": FORMAT, **header}
        self._append(self._header)

    def add(self, record: Mapping[str, Any]) -> None:
        """Append the state of an exposure; it has at least ``step``, ``input`` and ``status``."""
        offset, length = self._append(record)
        self._entries[key_of(record)] = _Entry(offset, length, str(record["status"]))

    def _append(self, record: Mapping[str, Any]) -> tuple[int, int]:
        line = f"{_encode(record)}\n".encode("utf-8", "backslashreplace")
        offset, left = self._end, line
        while left:
            left = left[os.write(self._handle, left) :]
        self._end += len(line)
        return offset, len(line)

    def status(self, step: str, path: str) -> str | None:
        """Status of an exposure; None where it is not in the manifest."""
        entry = self._entries.get((step, path))
        return None if entry is None else entry.status

    def find(self, step: str, path: str) -> dict[str, Any] | None:
        """Return the last record of an exposure, from the file."""
        entry = self._entries.get((step, path))
        return None if entry is None else _parsed(os.pread(self._handle, entry.length, entry.offset))

    def with_status(self, step: str, *statuses: str) -> list[str]:
        """Paths of the exposures of a step that have one of these statuses."""
        return [path for (name, path), entry in self._entries.items() if name == step and entry.status in statuses]

    def compact(self) -> None:
        """Write the file anew, whole or not at all: the header, then one line per exposure."""
        temporary = f"{self.path}.{os.getpid()}.tmp"
        entries: dict[Key, _Entry] = {}
        try:
            with open(temporary, "wb") as file:
                place = file.write(f"{_encode(self._header)}\n".encode("utf-8", "backslashreplace"))
                for key, entry in self._entries.items():
                    length = file.write(os.pread(self._handle, entry.length, entry.offset).rstrip(b"\n") + b"\n")
                    entries[key] = _Entry(place, length, entry.status)
                    place += length
            os.replace(temporary, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        os.close(self._handle)
        self._handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._entries, self._end = entries, place

    def close(self) -> None:
        """Let others have it."""
        os.close(self._handle)
        os.close(self._lock)


class ReadManifest:
    """The manifest of a folder for a look, without holding it.

    Parameters
    ----------
    folder : str
        Folder of the products.

    Raises
    ------
    FileNotFoundError
        There is none.
    """

    def __init__(self, folder: str) -> None:
        self._records = {key_of(record): record for record in read_manifest(folder)[1]}

    def find(self, step: str, path: str) -> dict[str, Any] | None:
        """Return the last record of an exposure."""
        return self._records.get((step, path))

    def with_status(self, step: str, *statuses: str) -> list[str]:
        """Paths of the exposures of a step that have one of these statuses."""
        return [path for (name, path), one in self._records.items() if name == step and one.get("status") in statuses]


def key_of(record: Mapping[str, Any]) -> Key:
    """Return what tells the exposures of a manifest apart: the step, and the path of the input."""
    return str(record.get("step")), str(record.get("input"))


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _locked(path: str, folder: str) -> int:
    """Return a handle that keeps other batches out until it is closed, where the file system knows locks."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ManifestInUse(
            f"another batch is at work in {os.path.abspath(folder)}; wait for its end, or give another --output_dir"
        ) from None
    except (ImportError, OSError):
        return handle
    return handle


def read_manifest(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a manifest, also that of a batch that is at work or was killed.

    Parameters
    ----------
    path : str or Path
        The file, or the folder that it is in.

    Returns
    -------
    header : dict
        What the batch is.
    records : list of dict
        The last record of each exposure, in the order in which they were first begun.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    path = os.path.join(path, MANIFEST) if os.path.isdir(path) else path
    header: dict[str, Any] = {}
    records: dict[Key, dict[str, Any]] = {}
    for found in _lines(path):
        if "format" in found:
            header = found
        else:
            records[key_of(found)] = found
    return header, list(records.values())


def _lines(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    with open(path, "rb") as file:
        for line in file:
            found = _parsed(line)
            if found is not None:
                yield found
