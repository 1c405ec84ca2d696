"""Where a library on disk keeps its exposures: metadata in memory, each large array in a file of its own."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jwst.datamodels.model_trees import model_of_tree
from jwst.datamodels.stored_planes import LARGE, LazyTree, State, StoredPlane, file_state
from stpipe.exceptions import OutputError
from stpipe.library_store import DiskStore, set_file_name

__all__ = ["PlaneStore"]


@dataclass(frozen=True, slots=True)
class _Member:
    """A member that is not borrowed.

    Attributes
    ----------
    kind : type
        Class of the model.
    content : bytes
        Its tree, pickled, with a `StoredPlane` for each large array.
    revision : int
        Another one after each change of any member.
    source : (str, tuple), optional
        File that an unchanged member was read from, and its state.
    """

    kind: type
    content: bytes
    revision: int
    source: tuple[str, State] | None = None

    def tree(self) -> dict[str, Any]:
        """Make the tree anew."""
        return pickle.loads(self.content)

    def model(self) -> Any:
        """Make the model anew; its large arrays are read when they are asked for."""
        return model_of_tree(self.kind, LazyTree(self.tree()))

    def is_current(self) -> bool:
        """Whether the member is changed, or its file is not."""
        if self.source is None:
            return True
        path, state = self.source
        return os.path.exists(path) and file_state(path) == state


class PlaneStore(DiskStore):
    """Keeps members without their large arrays, which stay in the input or are written to a private folder.

    A member that is borrowed has an array read when it is asked for. A changed one has only those arrays written that
    were asked for; the others stay where they are. The input of a changed member gets a second name (a hard link) in
    the folder, so that it can be replaced meanwhile; where that is not possible, all arrays are written.

    Parameters
    ----------
    parent : str, optional
        Where the private folder is made when it is first needed; the folder that is the current one now, by default.
        It goes away with the store.

    Notes
    -----
    Models that cannot be taken apart are kept as whole files, as in `stpipe.library_store.DiskStore`.
    """

    def __init__(self, parent: str | os.PathLike | None = None) -> None:
        super().__init__(parent)
        self._members: dict[int, _Member] = {}
        self._serial = 0

    def take(self, index: int, load: Callable[[str | None], Any]) -> Any:
        """Make a model, with the file name it was last put back with."""
        member = self._members.get(index)
        if member is None or not member.is_current():
            return self._first(index, super().take(index, load))
        model = member.model()
        if index in self._names:
            set_file_name(model, self._names[index])
        return model

    def _first(self, index: int, model: Any) -> Any:
        """Keep what is known of a model whose arrays are still in its file."""
        self._members.pop(index, None)
        planes = [value for value in _content(model).values() if isinstance(value, StoredPlane)]
        content = _pickled(_content(model), None) if planes else None
        if content is None:
            return model
        member = _Member(type(model), content, self._serial, (planes[0].path, planes[0].state))
        self._members[index] = member
        return member.model()  # which, unlike the one that was opened, goes away as soon as nobody has it

    def revision(self, index: int) -> int | None:
        """Number that tells a changed member from what it was before; None for an unchanged one, or a whole file."""
        member = self._members.get(index)
        return None if member is None or member.source is not None else member.revision

    def tree(self, index: int) -> dict[str, Any]:
        """Tree of a member that has a revision, with a `StoredPlane` for each large array."""
        return self._members[index].tree()

    def _write(self, index: int, model: Any, name: str) -> None:
        folder = os.path.join(self._private_folder(), str(index))
        files = _Files(folder, self._serial)
        try:
            content = _pickled(files.stored(_content(model)), files.written)
        except BaseException:
            files.remove()
            raise
        self._serial = files.serial + 1
        if content is None:
            files.remove()
            super()._write(index, model, name)
            self._members.pop(index, None)
            files.keep_only({self._paths[index]})
            return
        self._members[index] = _Member(type(model), content, self._serial)
        self._paths.pop(index, None)
        files.keep_only(files.used)


class _Files:
    """Files of the arrays of one member.

    Parameters
    ----------
    folder : str
        Where they are; it is made.
    serial : int
        Number of the last file that was written.
    """

    def __init__(self, folder: str, serial: int) -> None:
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        self.serial = serial
        self.used: set[str] = set()
        self._new: list[str] = []

    def stored(self, tree: dict[str, Any]) -> dict[str, Any]:
        """Tree with the place of each large array."""
        return {key: self._place(value) for key, value in tree.items()}

    def _place(self, value: Any) -> Any:
        if isinstance(value, StoredPlane):
            return self._adopted(value)
        return self.written(value) if _is_large(value) else value

    def written(self, array: Any) -> StoredPlane:
        """Write an array to a file of its own."""
        import numpy as np

        self.serial += 1
        path = os.path.join(self._folder, f"{self.serial}.raw")
        self._new.append(path)
        try:
            np.ascontiguousarray(array).tofile(path)
        except OSError as error:
            raise OutputError(
                f"Cannot write to '{path}': {error.strerror or error}. Make space, or give another temp_directory"
            ) from error
        self.used.add(path)
        dtype = array.dtype.str
        return StoredPlane(path, file_state(path), 0, tuple(array.shape), dtype, dtype)

    def _adopted(self, plane: StoredPlane) -> StoredPlane:
        """Array in a file of this member; an input gets a second name, or the array is copied."""
        path = plane.path
        if os.path.dirname(path) != self._folder:
            path = os.path.join(self._folder, f"{plane.state[0]}.fits")
            if not os.path.exists(path):
                try:
                    os.link(plane.path, path, follow_symlinks=True)
                except OSError:
                    return self.written(plane.read())
                self._new.append(path)
            if file_state(path) != plane.state:
                return self.written(plane.read())
        self.used.add(path)
        return replace(plane, path=path)

    def keep_only(self, used: set[str]) -> None:
        """Remove all other files."""
        for name in os.listdir(self._folder):
            path = os.path.join(self._folder, name)
            if path not in used:
                os.remove(path)

    def remove(self) -> None:
        """Remove what was written."""
        for path in self._new:
            if os.path.exists(path):
                os.remove(path)


class _Pickler(pickle.Pickler):
    """Writes large arrays elsewhere."""

    def __init__(self, stream: io.BytesIO, write: Callable[[Any], StoredPlane] | None) -> None:
        super().__init__(stream, protocol=5)
        self._write = write

    def reducer_override(self, obj: Any) -> Any:
        """How to make a large array that lies deeper in the tree: by reading it."""
        if self._write is None or not _is_large(obj):
            return NotImplemented
        return StoredPlane.read, (self._write(obj),)


def _pickled(tree: dict[str, Any], write: Callable[[Any], StoredPlane] | None) -> bytes | None:
    """Pickle a tree; None where something in it cannot be."""
    stream = io.BytesIO()
    try:
        _Pickler(stream, write).dump(tree)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return stream.getvalue()


def _content(model: Any) -> dict[str, Any]:
    """Tree of a model, nothing being read for it."""
    tree = model._instance
    return tree.unread() if isinstance(tree, LazyTree) else dict(tree)


def _is_large(value: Any) -> bool:
    """Whether a value is a plain array that is worth a file; tables of FITS files are not plain."""
    import numpy as np

    return type(value) is np.ndarray and value.nbytes >= LARGE and not value.dtype.hasobject
