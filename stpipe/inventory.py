"""`Inventory`: the exposures that a plan or a run works on, with groups and data (spec running.md §3.2)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from stpipe.exceptions import ExposureNotFoundError, GroupNotFoundError, PlanError, StpipeException
from stpipe.exposure import Data, Exposure
from stpipe.inventory_items import Collector, listed, unique_names

__all__ = ["Exposure", "Inventory", "Tell"]

Tell = Callable[..., Any]
"""``tell(event name, exposure)`` and ``tell("target_open_error", exposure, error)``."""

_ALL = "all"


class Inventory:
    """Exposures in a given order, with groups and data.

    Parameters
    ----------
    items : list, or tuple of (list, mapping)
        Paths, globs (expanded in sorted order), open models, or pairs of one of these and its data; and, optionally,
        data of all of them. A file that is listed twice is one exposure.
    **groups : list, or tuple of (list, mapping)
        The same for each group. Items may be names of exposures listed already; others are added at the end.

    Raises
    ------
    InputError
        A glob matches nothing.
    TypeError
        An item or its data are nothing of these.
    ValueError
        A group is called ``all``, which stands for all exposures.

    Examples
    --------
    >>> inv = Inventory((["a_uncal.fits", "b_uncal.fits"], {"output_dir": "out"}), background=["b_uncal.fits"])
    >>> inv.get("b_uncal.fits").data.output_dir
    'out'
    """

    def __init__(self, items: Any = (), /, **groups: Any) -> None:
        if _ALL in groups:
            raise ValueError("no group can be called 'all', which stands for all exposures: give another name")
        everything = listed(items, "the inventory")
        parts = {name: listed(given, f"group {name}") for name, given in groups.items()}
        collector = Collector()
        collector.add(everything.members)
        for name, part in parts.items():
            collector.add(part.members, name)
        self._data: dict[str, Mapping[str, Any]] = {_ALL: dict(everything.data)}
        self._data |= {name: dict(part.data) for name, part in parts.items()}
        self._own: dict[str, Mapping[str, Any]] = {}
        self._exposures: dict[str, Exposure] = {}
        for name, one in zip(unique_names(collector.found), collector.found):
            self._own[name] = one.data
            groups_of = tuple(group for group in parts if group in one.groups)
            self._exposures[name] = Exposure(name, one.source, groups=groups_of, data=self._merged(groups_of, name))
        self._opened: set[str] = set()
        self._tell: Tell | None = None

    def _merged(self, groups: Iterable[str], name: str) -> Data:
        """Data of an exposure: those of all, of its groups in the order declared, its own; later ones win."""
        return Data(self._data[_ALL], *(self._data[group] for group in groups), self._own[name])

    @classmethod
    def from_association(cls, asn: Any, product: str | int | None = None, *, allow_outside: bool = False) -> Inventory:
        """Make an inventory of the members of an association; its groups are their exposure types.

        Parameters
        ----------
        asn : str, Path or mapping
            JSON or YAML file, from whose folder names start, or what one holds; then names start from the current one.
        product : str or int, optional
            Name or number of the product whose members are wanted; those of all by default.
        allow_outside : bool, optional
            Accept members of a file whose path leads out of its folder.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        InputError
            It is no association, has no such product, or a member lies outside.
        """
        from stpipe.inventory_files import association_items

        items, groups = association_items(asn, product, allow_outside=allow_outside)
        return cls(items, **groups)

    @classmethod
    def from_glob(cls, pattern: str | os.PathLike[str]) -> Inventory:
        """Make an inventory of the files that match a pattern, sorted; ``**`` stands for any folders.

        Raises
        ------
        InputError
            Nothing matches; it is a ValueError too.
        """
        return cls([os.fspath(pattern)])

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, allow_outside: bool = False) -> Inventory:
        """Read an inventory from a file: YAML, an association, or a text with a name or glob in each line.

        Parameters
        ----------
        path : str or Path
            The file, from whose folder names start. YAML has the keys ``exposures`` (a list), ``data``, and ``groups``,
            each of which is a list or has ``exposures`` and ``data`` itself.
        allow_outside : bool, optional
            Of an association, see `from_association`.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        InputError
            It cannot be used; the text says why.
        """
        from stpipe.inventory_files import file_items

        items, groups = file_items(path, allow_outside=allow_outside)
        return cls(items, **groups)

    def __iter__(self) -> Iterator[Exposure]:
        return iter(self._exposures.values())

    def __len__(self) -> int:
        return len(self._exposures)

    def __contains__(self, one: object) -> bool:
        if isinstance(one, Exposure):
            return self._exposures.get(one.name) == one
        return isinstance(one, str) and one in self._exposures

    def get(self, name: str | Exposure) -> Exposure:
        """Return the exposure of a name.

        Raises
        ------
        ExposureNotFoundError
            There is none; the text gives near names.
        """
        found = self._exposures.get(str(name))
        if found is None:
            raise ExposureNotFoundError(f"no such exposure: {name}{_near(str(name), self._exposures)}")
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the exposures."""
        return tuple(self._exposures)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups in the order declared."""
        return tuple(name for name in self._data if name != _ALL)

    def get_group(self, name: str) -> list[Exposure]:
        """Return the exposures of a group in the order of the inventory; ``all`` stands for all.

        Raises
        ------
        GroupNotFoundError
            There is none; the text gives near names.
        """
        if name not in self._data:
            raise GroupNotFoundError(f"no such group: {name}{_near(name, self._data)}")
        return [one for one in self if name == _ALL or name in one.groups]

    def subset(self, wanted: Iterable[Any] | Callable[[Exposure], Any]) -> Inventory:
        """Return an inventory of some of the exposures, as at first, with the same groups and data.

        Parameters
        ----------
        wanted : iterable of str or Exposure, or callable
            Names or exposures, or a function of an exposure. The order stays that of this inventory.

        Raises
        ------
        ExposureNotFoundError
            One of them is not there.
        """
        if callable(wanted):
            names = {one.name for one in self if wanted(one)}
        else:
            names = {self.get(one).name for one in ([wanted] if isinstance(wanted, str | Exposure) else wanted)}
        other = type(self)()
        other._data, other._own = self._data, self._own
        chosen = [one for one in self if one.name in names]
        other._exposures = {one.name: one.again(groups=one.groups, data=one.data) for one in chosen}
        return other

    def opened_by(self, step_class: Any) -> Inventory:
        """Have exposures opened, and their headers read, in the way of a Step class; return the inventory.

        The default is that of the installed step package.
        """
        for one in self:
            one.door = step_class
        return self

    def open_all(self, tell: Tell, *, door: Any = None) -> list[Exposure]:
        """Read the header of every exposure that has not been looked at yet.

        Parameters
        ----------
        tell : callable
            Called as ``tell("target_before_open", exposure)``, then as ``tell("target_open", exposure)`` or
            ``tell("target_open_error", exposure, error)``; once per exposure, however often this is called. Facts that
            fail are told to it later.
        door : Step class, optional
            Opens those for which `opened_by` has named no other.

        Returns
        -------
        list of Exposure
            Those that are readable, in order.

        Raises
        ------
        PlanError
            There is none; the text says why.
        """
        self._tell = tell
        for one in self:
            if one.name not in self._opened:
                self._opened.add(one.name)
                one.door = one.door or door
                self._open(one, tell)
        return self.remaining()

    def _open(self, one: Exposure, tell: Tell) -> None:
        tell("target_before_open", one)
        try:
            len(one.header)
        except Exception as error:
            self.mark(one, error)
        else:
            tell("target_open", one)

    def mark(self, one: Exposure, error: Exception) -> None:
        """Leave an exposure out from now on, and tell why."""
        one.error = str(error) if isinstance(error, StpipeException) else f"{type(error).__name__}: {error}"
        if self._tell is not None:
            self._tell("target_open_error", one, error)
            return
        from stpipe.events import describe_exception, emit

        emit("target_open_error", target=one.name, event_data={"exception": describe_exception(error)})

    @property
    def unreadable(self) -> list[Exposure]:
        """Exposures that are left out; their `Exposure.error` says why."""
        return [one for one in self if not one.readable]

    def remaining(self) -> list[Exposure]:
        """Return the exposures that are readable as far as is known.

        Raises
        ------
        PlanError
            There is none; the text says why.
        """
        readable = [one for one in self if one.readable]
        if not readable:
            reasons = "".join(f"\n{one.name}: {one.error}" for one in self) or ": the inventory is empty"
            raise PlanError(f"no exposures remaining{reasons}")
        return readable

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tell": None}  # who listens stays in this process

    def __repr__(self) -> str:
        groups = "".join(f", {name}: {len(self.get_group(name))}" for name in self.groups)
        return f"<Inventory of {len(self)} exposures{groups}>"

    def _repr_html_(self) -> str:
        """Table for notebooks."""
        from stpipe.html_view import escape, frame, table

        rows = [
            (escape(one.name), escape(", ".join(one.groups)), escape(_pairs(one.data)), escape(one.error or ""))
            for one in self
        ]
        return frame(
            f"<div>{escape(repr(self).strip('<>'))}</div>{table(('exposure', 'groups', 'data', 'error'), rows)}"
        )


def _pairs(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in data.items())


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
