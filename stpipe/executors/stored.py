"""Models on their way between processes: saved to a private folder, opened where they are needed."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

__all__ = [
    "SHARED",
    "PrivateFolder",
    "Stored",
    "Waiting",
    "at_hand",
    "belongs_to_nobody",
    "is_model",
    "open_stored",
    "result_of",
    "save_aside",
    "this_computer",
]

SHARED = ".stpipe-run-"
"""How the name of a private folder beside products begins; computer and process that it belongs to follow."""
_KEPT = ("filename", "date", "model_type")
_number = itertools.count()


class PrivateFolder:
    """A folder of the user's own (0700) that goes when nothing refers to it any longer, at the latest at exit.

    Parameters
    ----------
    within : str, optional
        Folder to make it in, hidden there; by default that of temporary files.

    Attributes
    ----------
    path : str
        Where it is.
    """

    def __init__(self, within: str | None = None) -> None:
        prefix = "stpipe-run-" if within is None else f"{SHARED}{this_computer()}-{os.getpid()}-"
        self.path = tempfile.mkdtemp(prefix=prefix, dir=within)
        self._end = weakref.finalize(self, _remove, self.path, os.getpid())


@lru_cache(maxsize=1)
def this_computer() -> str:
    """Name of this computer, without signs that separate the parts of a name."""
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())


def belongs_to_nobody(name: str) -> bool:
    """Whether a private folder beside products is one of this computer whose process is gone."""
    computer, _, process = name.removeprefix(SHARED).rpartition("-")[0].rpartition("-")
    if not os.path.exists("/proc/self"):
        return False  # no way to tell
    return computer == this_computer() and process.isdigit() and not os.path.exists(f"/proc/{process}")


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork
        shutil.rmtree(path, ignore_errors=True)


@lru_cache(maxsize=512)
def _can_be_saved(kind: Any) -> bool:
    return not issubclass(kind, type) and callable(getattr(kind, "save", None))


def is_model(value: Any) -> bool:
    """Whether a value is a model: it has ``save`` and ``meta``."""
    kind: Any = type(value)
    return _can_be_saved(kind) and hasattr(value, "meta")


def save_aside(model: Any, folder: str, extension: str) -> str:
    """Save a model to a new folder inside a private one, under its own name; the model stays as it is.

    Parameters
    ----------
    model : model
        What to save.
    folder : str
        Private folder.
    extension : str
        Of the file, where the model has no name.

    Returns
    -------
    str
        Path.
    """
    meta = model.meta
    before = {name: getattr(meta, name, None) for name in _KEPT}
    private = tempfile.mkdtemp(prefix=f"{os.getpid()}-{next(_number)}-", dir=folder)  # also unique among machines
    path = os.path.join(private, os.path.basename(before["filename"] or f"model{extension}"))
    try:
        written = model.save(path)
    finally:
        for name, value in before.items():
            if getattr(meta, name, None) != value:
                with suppress(AttributeError):
                    setattr(meta, name, value)
    return str(written) if isinstance(written, str | os.PathLike) and os.path.exists(written) else path


def open_stored(path: str, name: str | None, opener: Callable[[str], Any] | None) -> Any:
    """Open a model that `save_aside` has saved, and give it back its name.

    Parameters
    ----------
    path : str
        Where it is.
    name : str or None
        Its ``meta.filename``.
    opener : callable or None
        Opens a path; by default what opens exposures of the installed packages.
    """
    if opener is None:
        from stpipe.exposure import default_door

        opener = default_door()._datamodels_open
    model = opener(path)
    if getattr(model.meta, "filename", None) != name:
        model.meta.filename = name
    return model


class Stored:
    """A result that waits in a private folder until it is asked for; the file goes with this.

    Parameters
    ----------
    path, name : str
        Where it is, and its ``meta.filename``.
    folder : PrivateFolder
        Kept as long as this.
    opener : callable or None
        Opens a path.

    Attributes
    ----------
    is_open : bool
        Whether it has been opened.
    """

    def __init__(self, path: str, name: str | None, folder: PrivateFolder, opener: Callable[[str], Any] | None) -> None:
        self.path = path
        self.name = name
        self.is_open = False
        self._folder = folder
        self._opener = opener
        self._model: Any = None
        weakref.finalize(self, _remove, os.path.dirname(path), os.getpid())

    def open(self) -> Any:
        """Return the model, the same one each time."""
        if not self.is_open:
            self._model = open_stored(self.path, self.name, self._opener)
            self.is_open = True
        return self._model

    @property
    def meta(self) -> Any:
        """Metadata; the file name is known without opening."""
        return _Meta(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.open(), name)

    def __repr__(self) -> str:
        return f"<Stored {self.name or self.path}>"


class Waiting:
    """Some other value that is read when it is asked for, because models in it would have to be opened.

    Parameters
    ----------
    read : callable
        Returns the value.
    folder : PrivateFolder
        Kept as long as this.
    """

    def __init__(self, read: Callable[[], Any], folder: PrivateFolder) -> None:
        self._read = read
        self._folder = folder

    def open(self) -> Any:
        """Return the value."""
        return self._read()


class _Meta:
    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self.filename = stored.name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored.open().meta, name)


def at_hand(value: Any) -> Any:
    """Return a value, opened where it is `Stored` or `Waiting`."""
    return value.open() if isinstance(value, Stored | Waiting) else value


def result_of(outcome: Any, opener: Callable[[str], Any] | None) -> Any:
    """Return the result of an `Outcome`, opened where it is in files.

    Parameters
    ----------
    outcome : Outcome
        How a task has ended.
    opener : callable or None
        Opens a path.
    """
    if outcome.product is None or outcome.result is not None or opener is None:
        return at_hand(outcome.result)
    if isinstance(outcome.product, tuple):
        return tuple(None if path is None else opener(path) for path in outcome.product)
    return opener(outcome.product)
