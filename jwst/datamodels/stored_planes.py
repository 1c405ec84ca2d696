"""Arrays of a model that lie in a file until somebody asks for them."""

from __future__ import annotations

import math
import os
from collections.abc import ItemsView, Iterator, ValuesView
from dataclasses import dataclass
from typing import Any

__all__ = ["LARGE", "LazyTree", "StoredPlane", "file_state", "stored_image"]

LARGE = 1 << 16
"""Arrays of fewer bytes are not worth a file of their own."""

State = tuple[int, int, int]


def file_state(path: str) -> State:
    """Tell a file from the one that may take its place: inode, time of the last change in ns, and size in bytes."""
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


@dataclass(frozen=True, slots=True)
class StoredPlane:
    """Where an array lies.

    Attributes
    ----------
    path : str
        The file.
    state : (int, int, int)
        What `file_state` said of it.
    offset : int
        First byte of the array.
    shape : tuple of int
        C order.
    stored, dtype : str
        Type in the file, and of the array that is read.
    flip : int
        Sign bit by which unsigned integers are shifted in a FITS file, or 0.
    """

    path: str
    state: State
    offset: int
    shape: tuple[int, ...]
    stored: str
    dtype: str
    flip: int = 0

    def read(self) -> Any:
        """Read the array.

        Returns
        -------
        ndarray
            Native byte order, writable, nobody else's.

        Raises
        ------
        InputError
            The file is not what it was.
        """
        import numpy as np

        from jwst.lib.fits_arrays import read_block
        from stpipe.exceptions import InputError

        try:
            same = file_state(self.path) == self.state
        except FileNotFoundError:
            same = False
        if not same:
            raise InputError(
                f"{self.path} has been changed or removed since it was opened: borrow the exposure again, and leave "
                "the input of a run alone until its end"
            )
        out = np.empty(self.shape, np.dtype(self.dtype))
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self.offset)
            read_block(file, out, np.dtype(self.stored), flip=self.flip)
        return out


class LazyTree(dict):
    """Tree of a model, in which each `StoredPlane` is read when it is first asked for."""

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, StoredPlane):
            value = value.read()
            self[key] = value
        return value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())  # with a method of its own, copies do not get around __getitem__

    def get(self, key: Any, default: Any = None) -> Any:
        """Value, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def items(self) -> ItemsView:  # type: ignore[override]
        """All keys and values; the arrays are read as they come."""
        return ItemsView(self)

    def values(self) -> ValuesView:  # type: ignore[override]
        """All values; the arrays are read as they come."""
        return ValuesView(self)

    def pop(self, key: Any, *default: Any) -> Any:
        """Take a value out."""
        if key in self:
            self[key]
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Value, which is set to the default where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> LazyTree:
        """Shallow copy; what has not been read yet stays so."""
        return LazyTree(self.unread())

    def unread(self) -> dict[Any, Any]:
        """Content as it is, without reading anything."""
        return dict(super().items())


def stored_image(hdu: Any, path: str, state: State) -> StoredPlane | None:
    """Where the array of an image extension lies; None where it is small or stored in an unusual way.

    Parameters
    ----------
    hdu : astropy image HDU of an open file
    path : str
        The file that the HDU belongs to.
    state : tuple
        What `file_state` says of it.
    """
    from jwst.lib.fits_arrays import plain_layout

    layout = plain_layout(hdu) if hdu.shape else None
    if layout is None or math.prod(hdu.shape) * abs(hdu.header["BITPIX"]) // 8 < LARGE:
        return None
    stored, dtype, flip = layout
    return StoredPlane(os.path.abspath(path), state, hdu.fileinfo()["datLoc"], tuple(hdu.shape), stored, dtype, flip)
