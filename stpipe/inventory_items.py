"""From what a user lists to exposures with unique names: paths, globs, models, pairs with data (running.md I1, I3)."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stpipe.exceptions import InputError
from stpipe.exposure import Exposure
from stpipe.library_members import expanded, free_name, is_uri

__all__ = ["Collector", "Found", "Items", "listed", "unique_names"]

_NAMELESS = "input"


@dataclass(eq=False)
class Found:
    """One exposure as it was listed.

    Attributes
    ----------
    source : str or model
        Path as given, or the model.
    path : str or None
        Its real path, by which the same file is told; None for a model.
    data : dict
        Its own data.
    groups : list of str
        Groups that list it.
    """

    source: Any
    path: str | None
    data: dict[str, Any] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """File name without folder."""
        from stpipe.run_state import file_name_of

        return os.path.basename(file_name_of(self.source) or _NAMELESS) or _NAMELESS


@dataclass(frozen=True)
class Items:
    """What is given for an inventory or a group: its members and the data of all of them."""

    members: tuple[Any, ...]
    data: Mapping[str, Any]


def listed(given: Any, what: str) -> Items:
    """Read ``items`` or ``(items, data)``.

    Parameters
    ----------
    given : object
        A list, one path or model, or a tuple of these and a mapping.
    what : str
        What it is for, for messages.

    Raises
    ------
    TypeError
        The data are no mapping with texts as keys.
    """
    data: Any = {}
    if isinstance(given, tuple) and len(given) == 2 and (given[1] is None or _is_data(given[1])):
        given, data = given[0], given[1] or {}
    elif isinstance(given, tuple) and len(given) == 1 and isinstance(given[0], list | tuple):
        given = given[0]
    if not all(isinstance(key, str) for key in data):
        raise TypeError(f"the data of {what} need texts as keys: {dict(data)!r}")
    if isinstance(given, Mapping):
        raise TypeError(f"{what} is given as (items, data) or a list, not as a mapping; read files by Inventory.load")
    several = isinstance(given, list | tuple | Iterator) or hasattr(given, "get_group")
    return Items(tuple(given) if several else (given,), data)


def _is_data(value: object) -> bool:
    return isinstance(value, Mapping) and not isinstance(value, Exposure)


class Collector:
    """Gathers exposures; the same file or model is one exposure, however often it is listed.

    Attributes
    ----------
    found : list of Found
        The exposures in the order in which they were first listed.
    """

    def __init__(self) -> None:
        self.found: list[Found] = []
        self._by_origin: dict[Any, Found] = {}
        self._by_base: dict[str, list[Found]] = {}

    def add(self, items: Iterable[Any], group: str | None = None) -> None:
        """Add what is listed.

        Parameters
        ----------
        items : iterable
            Paths, globs, models, exposures, ``(one of these, data)``.
        group : str, optional
            Group that lists them, whose items may also be file names of exposures that are there.

        Raises
        ------
        InputError
            A glob matches nothing.
        TypeError
            An item is nothing of these.
        """
        for item in items:
            data: Mapping[str, Any] = {}
            if isinstance(item, tuple) and len(item) == 2 and _is_data(item[1]):
                item, data = item
            for source in self._sources(item, by_name=group is not None):
                one = self._entered(source)
                one.data |= data
                if group is not None and group not in one.groups:
                    one.groups.append(group)

    def _sources(self, item: Any, *, by_name: bool) -> Sequence[Any]:
        """What an item stands for: several paths for a glob, else itself."""
        if isinstance(item, Exposure):
            return (item.source if item.path is None else item.path,)
        if isinstance(item, str | os.PathLike):
            path = os.fspath(item)
            if not isinstance(path, str) or not path:
                raise TypeError(f"the path of an exposure is a text with something in it, not {item!r}")
            known = self._by_base.get(path, ()) if by_name else ()
            return [one.source for one in known] if known and not os.path.exists(path) else _paths(path)
        if hasattr(item, "meta") or hasattr(item, "get_crds_parameters"):
            return (item,)
        raise TypeError(f"an exposure is a path, a glob, a model, or a pair of one of these and its data, not {item!r}")

    def _entered(self, source: Any) -> Found:
        """Return the exposure of a source, a new one where there is none yet."""
        path = source if isinstance(source, str) else None
        if path is not None and not is_uri(path):
            path = os.path.realpath(path)
        key = id(source) if path is None else path
        if key not in self._by_origin:
            one = self._by_origin[key] = Found(source, path)
            self.found.append(one)
            self._by_base.setdefault(one.base, []).append(one)
        return self._by_origin[key]


def _paths(path: str) -> list[str]:
    """Paths that a text stands for: those a glob matches, or itself, also where there is no such file."""
    if is_uri(path):
        return [path]
    where = expanded(path)
    if os.path.exists(where) or not glob.has_magic(where):
        return [where]
    matches = sorted(glob.glob(where, recursive=True))
    if not matches:
        raise InputError(f"no file matches {path} (looked in {os.path.abspath(os.path.dirname(where) or '.')})")
    return matches


def unique_names(found: Sequence[Found]) -> list[str]:
    """Names of exposures: the file name, with as many folders as tell files of one name apart (running.md I3)."""
    members: dict[str, list[int]] = {}
    for index, one in enumerate(found):
        members.setdefault(one.base, []).append(index)
    names = [one.base for one in found]
    for base, indices in members.items():
        for index, name in zip(indices, _told_apart(base, [found[index] for index in indices])):
            names[index] = name
    return names


def _told_apart(base: str, found: Sequence[Found]) -> list[str]:
    """Names of exposures that have one file name: with folders, and a number where these do not help."""
    if len(found) == 1:
        return [base]
    parts = [_full_path(one).strip("/").split("/") for one in found]
    deepest = max(map(len, parts))
    depth = next((n for n in range(2, deepest + 1) if len({tuple(one[-n:]) for one in parts}) == len(parts)), 2)
    names: list[str] = []
    for one in parts:
        folder, name = "/".join(one[-depth:-1]), one[-1]
        taken = {os.path.basename(other) for other in names if os.path.dirname(other) == folder}
        names.append("/".join(filter(None, (folder, free_name(name, taken)))))
    return names


def _full_path(one: Found) -> str:
    if one.path is None:
        return one.base
    return one.path if is_uri(one.path) else os.path.abspath(one.source)
