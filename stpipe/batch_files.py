"""Files of a batch beside its products: logs, tracebacks; and what killed runs have left behind."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

from stpipe.artifact_files import safe_name, write_whole
from stpipe.executors.stored import SHARED, belongs_to_nobody

__all__ = ["LOGS", "ExposureFiles", "Leftovers"]

LOGS = "logs"
_PRIVATE = ".stpipe-"
_QUIET_SECONDS = 2.0


class ExposureFiles:
    """The folder ``logs`` beside the products: ``NAME.log``, and ``NAME.error.txt`` of an exposure that failed.

    Parameters
    ----------
    folder : str
        Folder of the products.
    """

    def __init__(self, folder: str) -> None:
        self.folder = os.path.join(folder, LOGS)
        os.makedirs(self.folder, exist_ok=True)
        self._open: dict[str, TextIO] = {}

    def append(self, name: str, text: str) -> None:
        """Add to the log of an exposure under way, which begins anew."""
        if name not in self._open:
            path = os.path.join(self.folder, f"{safe_name(name)}.log")
            self._open[name] = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        self._open[name].write(text)
        self._open[name].flush()

    def close(self) -> None:
        """Close logs of exposures that have not ended."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def write(self, name: str, log: str, traceback: str) -> tuple[str, str | None]:
        """Write log and traceback of an exposure; without a traceback that of an earlier attempt goes.

        Returns
        -------
        log, traceback : str, str or None
            Their paths.
        """
        live = self._open.pop(name, None)
        if live is not None:
            live.close()
        start = os.path.join(self.folder, safe_name(name))
        write_whole(f"{start}.log", log)
        error = f"{start}.error.txt"
        if not traceback:
            with suppress(FileNotFoundError):
                os.unlink(error)
            return f"{start}.log", None
        write_whole(error, traceback if traceback.endswith("\n") else f"{traceback}\n")
        return f"{start}.log", error


class Leftovers:
    """Private folders in which products were being written when a run was killed.

    Parameters
    ----------
    folder : str
        Folder of the products.

    Notes
    -----
    One is removed if nobody has a file in it open and nothing in it has changed for two seconds: another run may be
    writing there. Those that were too young at first are looked at again at the end. The folder of a run, through which
    processes send each other models, is removed if it is of this computer and its process is gone.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._found = list(_private_folders(folder))

    def sweep(self) -> int:
        """Remove those that are left; return how many were."""
        used = _used_folders(self._found) if self._found else set()
        removed = 0
        for path in list(self._found):
            changed = _last_change(path)
            if path in used or (changed is not None and _may_be_in_use(path, changed)):
                continue
            self._found.remove(path)
            if changed is not None:
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
        return removed


def _may_be_in_use(path: str, changed: float) -> bool:
    name = os.path.basename(path)
    if name.startswith(SHARED):
        return not belongs_to_nobody(name)
    return time.time() - changed < _QUIET_SECONDS


def _private_folders(folder: str) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for one in entries:
            if one.name.startswith(_PRIVATE) and one.is_dir(follow_symlinks=False):
                yield os.path.realpath(one.path)


def _last_change(path: str) -> float | None:
    """When something in a folder was last changed; None where it is gone."""
    try:
        with os.scandir(path) as entries:
            return max([os.stat(path).st_mtime, *(one.stat(follow_symlinks=False).st_mtime for one in entries)])
    except OSError:
        return None


def _used_folders(paths: list[str]) -> set[str]:
    """Those in which a process of this computer has a file open, as far as this user can see."""
    wanted, used = set(paths), set()
    with suppress(OSError):
        for process in os.listdir("/proc"):
            if process.isdigit():
                used |= wanted.intersection(_open_folders(process))
    return used


def _open_folders(process: str) -> Iterator[str]:
    handles = f"/proc/{process}/fd"
    with suppress(OSError):
        for handle in os.listdir(handles):
            with suppress(OSError):
                yield os.path.dirname(os.readlink(os.path.join(handles, handle)))
