"""Where a model library keeps its models: in memory, or in files."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from stpipe.atomic import write_atomically
from stpipe.library_members import expanded

__all__ = ["DiskStore", "MemoryStore", "Store", "name_kept", "set_file_name"]


class Store(Protocol):
    """What a library needs of the place that keeps its models."""

    def take(self, index: int, load: Callable[[str | None], Any]) -> Any:
        """Give a model; ``load`` opens a path of the store, or with None the member itself."""

    def put(self, index: int, model: Any, *, name: str, modify: bool) -> None:
        """Take a model back; ``name`` is for its file, if one is needed."""

    def loaded(self, index: int) -> Any:
        """Model that is in memory, or None."""

    def path(self, index: int) -> str | None:
        """File that holds a changed member, or None."""

    def file_name(self, index: int, default: Any = None) -> Any:
        """``meta.filename`` of a member where it is not that of its file."""


class MemoryStore:
    """Keeps the models themselves, from the time each is first asked for.

    Parameters
    ----------
    models : iterable, optional
        The models, where they are open already.
    """

    def __init__(self, models: Iterable[Any] = ()) -> None:
        self._models = dict(enumerate(models))

    def take(self, index: int, load: Callable[[str | None], Any]) -> Any:
        """Give a model, always the same object."""
        if index not in self._models:
            self._models[index] = load(None)
        return self._models[index]

    def put(self, index: int, model: Any, *, name: str, modify: bool) -> None:
        """Take a model back; another one replaces the old one if ``modify``."""
        if modify:
            self._models[index] = model

    def loaded(self, index: int) -> Any:
        """Model that has been asked for before, or None."""
        return self._models.get(index)

    def path(self, index: int) -> str | None:
        """Nothing is in files of the store."""
        return None

    def file_name(self, index: int, default: Any = None) -> Any:
        """The models carry their own names."""
        return default


class DiskStore:
    """Keeps changed models in files of a private folder, each in a sub-folder of its own; unchanged ones nowhere.

    Parameters
    ----------
    parent : str, optional
        Where the private folder is made when it is first needed; the folder that is the current one now, by default.
        It goes away with the store.
    """

    def __init__(self, parent: str | os.PathLike | None = None) -> None:
        self._parent = os.path.abspath(expanded(os.fspath(parent)) if parent is not None else os.curdir)
        self._folder: str | None = None
        self._paths: dict[int, str] = {}
        self._names: dict[int, Any] = {}

    def take(self, index: int, load: Callable[[str | None], Any]) -> Any:
        """Open a model anew, with the file name it was last put back with."""
        model = load(self._paths.get(index))
        if index in self._names:
            set_file_name(model, self._names[index])
        return model

    def put(self, index: int, model: Any, *, name: str, modify: bool) -> None:
        """Write a model that was changed; of an unchanged one only the file name is remembered.

        A step that saves a member as a product gives it the name of the product, in memory as on disk, without a reason
        to write it again here.
        """
        if modify:
            self._write(index, model, os.path.basename(name))
        self._names[index] = _file_name(model)

    def loaded(self, index: int) -> Any:
        """Nothing is in memory."""
        return None

    def path(self, index: int) -> str | None:
        """File that holds a changed member, or None."""
        return self._paths.get(index)

    def file_name(self, index: int, default: Any = None) -> Any:
        """``meta.filename`` that a member was last put back with."""
        return self._names.get(index, default)

    def _write(self, index: int, model: Any, name: str) -> None:
        path = os.path.join(self._private_folder(), str(index), name)
        with name_kept(model):
            write_atomically(path, model.save)
        old = self._paths.get(index)
        self._paths[index] = path
        if old is not None and old != path:
            os.remove(old)

    def _private_folder(self) -> str:
        if self._folder is None:
            os.makedirs(self._parent, exist_ok=True)
            self._folder = tempfile.mkdtemp(prefix="stpipe-library-", dir=self._parent)
            weakref.finalize(self, _remove_folder, self._folder, os.getpid())
        return self._folder


def _remove_folder(folder: str, owner: int) -> None:
    """Remove a folder, but not from a process forked off its owner."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def name_kept(model: Any) -> Iterator[None]:
    """Put ``meta.filename`` of a model back at the end of a block; models set it when they are saved."""
    name = _file_name(model)
    try:
        yield
    finally:
        set_file_name(model, name)


def _file_name(model: Any) -> Any:
    return getattr(model.meta, "filename", None)


def set_file_name(model: Any, name: Any) -> None:
    """Set ``meta.filename`` where it is different."""
    if _file_name(model) != name:
        model.meta.filename = name
