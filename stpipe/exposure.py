"""One exposure of an inventory: where it comes from, what is known of it, and how it is opened."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from stpipe.exceptions import InputError
from stpipe.headers import Header, model_header

__all__ = ["Data", "Exposure", "default_door"]

Stamp = tuple[int, int, int]


class Data(Mapping[str, Any]):
    """Values given for an exposure, by item, attribute or `get`; read-only.

    Parameters
    ----------
    *layers : mapping
        Later ones win.
    """

    __slots__ = ("_values",)

    def __init__(self, *layers: Mapping[str, Any]) -> None:
        values: dict[str, Any] = {}
        for layer in layers:
            values |= layer
        object.__setattr__(self, "_values", values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no data {name!r}; there is {', '.join(self._values) or 'none'}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("the data of an exposure are read-only; give them to the inventory")

    def __reduce__(self) -> Any:
        return Data, (self._values,)

    def __repr__(self) -> str:
        return f"Data({self._values!r})"


class Exposure:
    """One exposure; an `Inventory` makes it.

    Parameters
    ----------
    name : str
        Its name, which no other exposure of the inventory has.
    source : str or model
        What was given: a path, or an open model.
    groups : tuple of str, optional
        Groups it belongs to, in the order declared.
    data : Data, optional
        Values given for it, merged.

    Attributes
    ----------
    path : str or None
        Absolute path; None for a model without a file.
    current : object
        Latest result in a plan, at first the source.
    error : str or None
        Why it is left out: it cannot be read, or a fact failed.

    Notes
    -----
    Exposures of the same name and path are equal, also of different inventories. One with a path can be pickled.
    """

    def __init__(self, name: str, source: Any, *, groups: tuple[str, ...] = (), data: Data | None = None) -> None:
        self.name = name
        self.source = source
        self.path = _absolute(source) if isinstance(source, str) else None
        self.groups = groups
        self.data = Data() if data is None else data
        self.current = source
        self.error: str | None = None
        self.door: Any = None
        self._header: tuple[Stamp, Header] | None = None
        self.facts: dict[Any, tuple[Stamp, Any]] = {}

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        origin = self.path or f"<{type(self.source).__name__}>"
        return f"<Exposure {self.name}: {self.error or origin}>"

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Exposure):
            return NotImplemented
        same = self.path == other.path if self.path or other.path else self.source is other.source
        return self.name == other.name and same

    def __getstate__(self) -> dict[str, Any]:
        if self.path is None:
            raise pickle.PicklingError(
                f"exposure {self.name} is an open {type(self.source).__name__}, which is not sent to another process; "
                "save it and give its path"
            )
        current = self.current if isinstance(self.current, str) else self.source
        return {**self.__dict__, "current": current, "facts": {}}

    @property
    def readable(self) -> bool:
        """Whether nothing is known against it."""
        return self.error is None

    @property
    def header(self) -> Header:
        """Metadata, without arrays; read once, and again when the file has changed.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        OSError
            It cannot be read.
        InputError
            It is neither a FITS nor an ASDF file, nor what else the step package reads.
        """
        if self.path is None:
            return model_header(self.source)
        stamp = self.stamp()
        if self._header is None or self._header[0] != stamp:
            self._header = (stamp, _as_header(self._door()._read_header(self.path)))
        return self._header[1]

    def stamp(self) -> Stamp:
        """Time, size and inode of the file: what tells that it has changed; an open model has none.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        """
        if self.path is None:
            raise InputError(f"exposure {self.name} is an open model without a file")
        status = os.stat(self.path)
        return status.st_mtime_ns, status.st_size, status.st_ino

    def open(self, **options: Any) -> Any:
        """Open the exposure as a model, in the way steps do; an open model comes back as it is.

        Parameters
        ----------
        **options
            Passed on to what opens the file.
        """
        return self.source if self.path is None else self._door()._datamodels_open(self.path, **options)

    def _door(self) -> Any:
        return self.door or default_door()

    def again(self, *, groups: tuple[str, ...], data: Data) -> Exposure:
        """Return the same exposure as at first, with what has been read of its file."""
        other = Exposure(self.name, self.source, groups=groups, data=data)
        other.path, other.door = self.path, self.door
        other._header, other.facts = self._header, self.facts
        return other

    def to_json(self) -> str:
        """Name, path, groups, data and error as a JSON text; what JSON does not know is a short text."""
        from stpipe.events import plain_data

        content = {"name": self.name, "path": self.path, "groups": self.groups, "data": self.data, "error": self.error}
        return json.dumps(plain_data(content))


def _absolute(path: str) -> str:
    from stpipe.library_members import expanded, is_uri

    return path if is_uri(path) else os.path.abspath(expanded(path))


def _as_header(found: Mapping[str, Any]) -> Header:
    return found if isinstance(found, Header) else Header(found)


@lru_cache(maxsize=1)
def default_door() -> Any:
    """Return the Step class that opens files where none is named: the first step of the installed packages.

    Raises
    ------
    InputError
        No package is installed that has steps.
    """
    from importlib import import_module

    from stpipe.entry_points import get_steps

    for step in sorted(get_steps(), key=lambda one: one.is_pipeline):  # importing a pipeline takes longer
        module, _, name = step.class_name.rpartition(".")
        return getattr(import_module(module), name)
    raise InputError("no installed package says how exposures are opened; name a Step class: inventory.opened_by(cls)")
