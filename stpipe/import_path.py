"""Folders on the import path for as long as a run needs them (running.md Y31)."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["import_path"]

_lock = threading.Lock()
_users: Counter[str] = Counter()
_added: set[str] = set()


@contextmanager
def import_path(*folders: str | os.PathLike[str] | None) -> Iterator[None]:
    """Have folders at the end of the import path inside a block; what was imported from them stays imported.

    Parameters
    ----------
    *folders : path or None
        None is passed over. A folder that several runs need at once is taken away by the last of them.
    """
    paths = [os.path.abspath(os.path.expanduser(folder)) for folder in folders if folder is not None]
    with _lock:
        for path in paths:
            _users[path] += 1
            if path not in sys.path:
                sys.path.append(path)
                _added.add(path)
    try:
        yield
    finally:
        with _lock:
            for path in paths:
                _release(path)


def _release(path: str) -> None:
    _users[path] -= 1
    if _users[path] <= 0:
        del _users[path]
        if path in _added:
            _added.discard(path)
            if path in sys.path:
                sys.path.remove(path)
