"""Which products were made from what: the keys kept in ``.stpipe_state.json`` beside them (running.md L3, R35).

The file holds, for each product by its base name, the key of what made it, its place in the result, its size and time.
A product counts as made only while it is the file that was written; so one that was replaced since is made again.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stpipe.entry_keys import file_identity

__all__ = ["STATE_FILE", "Found", "Product", "StateReader", "StateRecorder", "products_of"]

log = logging.getLogger("stpipe.run")

STATE_FILE = ".stpipe_state.json"
BESIDE, WHOLE = "beside", "result"
_FORMAT = 1
_WRITE_EVERY = 0.5
_SHARE = 20  # writing takes at most one part of so many of the time
_LOCK_WAIT = 10.0
_warned: set[tuple[str, int, int]] = set()


@dataclass(frozen=True, slots=True)
class Product:
    """One product in the state of its folder.

    Attributes
    ----------
    key : str
        Of what made it.
    place : int or str
        ``result``, its number in a result of several, or ``beside`` for one that is not in the result.
    size, mtime_ns : int
        Of the file as it was written.
    """

    key: str
    place: int | str
    size: int
    mtime_ns: int

    def as_mapping(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"key": self.key, "place": self.place, "size": self.size, "mtime_ns": self.mtime_ns}


@dataclass(frozen=True, slots=True)
class Found:
    """Products that are up to date.

    Attributes
    ----------
    result : str, tuple or None
        Path of the result, or of its members (None for one that was not saved); None if it was not saved at all.
    mtime_ns : int
        Time of the oldest of them.
    """

    result: Any
    mtime_ns: int


class StateReader:
    """Reads the state of folders, each once.

    Parameters
    ----------
    enabled : bool, optional
        False: nothing is known of any product.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._folders: dict[str, dict[str, dict[str, Product]]] = {}

    def find(self, key: str, planned: Sequence[str], since: int) -> Found | None:
        """Return the products with a key, if they are what is planned, newer than the input and as they were written.

        Parameters
        ----------
        key : str
            Of what would make them.
        planned : sequence of str
            Paths that would be written, the last one in the folder that counts.
        since : int
            Time of the input in ns.
        """
        if not self._enabled:
            return None
        folder = os.path.dirname(os.path.abspath(planned[-1]))
        if folder not in self._folders:
            self._folders[folder] = _by_key(read_state(folder))
        members = self._folders[folder].get(key)
        if not members:
            return None
        here = {os.path.basename(path): path for path in planned if os.path.dirname(os.path.abspath(path)) == folder}
        of_result = [name for name, one in members.items() if one.place != BESIDE]
        if not here.keys() >= set(of_result or members):
            return None
        times = [_unchanged(os.path.join(folder, name), one, since) for name, one in members.items()]
        if None in times:
            return None
        near = os.path.dirname(planned[-1])
        result = _in_place({os.path.join(near, name): members[name].place for name in of_result})
        return Found(result, min(time for time in times if time is not None))


def _by_key(products: Mapping[str, Product]) -> dict[str, dict[str, Product]]:
    found: dict[str, dict[str, Product]] = {}
    for name, product in products.items():
        found.setdefault(product.key, {})[name] = product
    return found


def _unchanged(path: str, product: Product, since: int) -> int | None:
    """Time of a file that is still the one that was written, and not older than the input; else None."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    same = (status.st_size, status.st_mtime_ns) == (product.size, product.mtime_ns)
    return status.st_mtime_ns if same and status.st_mtime_ns >= since else None


def _in_place(places: Mapping[str, int | str]) -> Any:
    """Return the path of a result, or a tuple of those of its members."""
    if not places:
        return None
    whole = next((path for path, place in places.items() if place == WHOLE), None)
    if whole is not None:
        return whole
    by_number = {place: path for path, place in places.items()}
    return tuple(by_number.get(number) for number in range(max(int(place) for place in by_number) + 1))


def read_state(folder: str) -> dict[str, Product]:
    """Read the state of a folder; a file that cannot be used is ignored with a WARNING."""
    path = os.path.join(folder, STATE_FILE)
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.warning("%s cannot be read, so that steps run again: %s", path, error.strerror)
        return {}
    try:
        tree = json.loads(content)
        if tree["format"] != _FORMAT:
            raise ValueError(f"its format is {tree['format']!r}")
        return {str(name): _product(value) for name, value in tree["products"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        stamp = (path, status.st_mtime_ns, status.st_size)
        if stamp not in _warned:
            _warned.add(stamp)
            log.warning("%s cannot be used and is ignored, so that steps run again: %r", path, error)
        return {}


def _product(value: Mapping[str, Any]) -> Product:
    place = value["place"]
    if not isinstance(value["key"], str) or not (isinstance(place, int) or place in (BESIDE, WHOLE)):
        raise ValueError(f"{value!r} is no product")
    return Product(value["key"], place, int(value["size"]), int(value["mtime_ns"]))


class StateRecorder:
    """Notes products as they are written, and now and then writes them to the state of their folders."""

    def __init__(self) -> None:
        self._new: dict[str, dict[str, Product]] = {}
        self._stamps: dict[str, os.stat_result] = {}
        self._next_write = time.monotonic() + _WRITE_EVERY

    def starts(self, target: Any, current: Any) -> None:
        """Note what an exposure is before a step works on it; ``current`` is what the step gets."""
        if hasattr(target, "stamp") and target.path is not None and current is target.source:
            try:
                self._stamps[target.name] = os.stat(target.path)
            except OSError:
                self._stamps.pop(target.name, None)

    def finished(self, work: Any, target: Any, outputs: Sequence[str], result: Any, key: str | None) -> None:
        """Note what a task has written for an exposure.

        Parameters
        ----------
        work : Work
            What was done; the key is found out where it is a step and none is given.
        target : Exposure or stand-in
            What it was done for.
        outputs, result
            As `note`.
        key : str or None
            As prepared.
        """
        if key is None and target.name in self._stamps and hasattr(work, "prepare") and hasattr(work, "cls"):
            from stpipe.plan_steps import work_key

            key = work_key(work, target, file_identity(target.path, self._stamps[target.name]))
        if key is not None:
            self.note(key, outputs, result)

    def note(self, key: str, outputs: Sequence[str], result: Any) -> None:
        """Note the files that one task has written.

        Parameters
        ----------
        key : str
            Of what made them.
        outputs : sequence of str
            Paths.
        result : str, sequence or None
            Which of them are the result: one path, or one for each member.
        """
        members = [result] if isinstance(result, str) else list(result or ())
        for path in dict.fromkeys(outputs):
            place: int | str = members.index(path) if path in members else BESIDE
            if path == result:
                place = WHOLE
            try:
                status = os.stat(path)
            except OSError:
                continue
            folder, name = os.path.split(os.path.abspath(path))
            self._new.setdefault(folder, {})[name] = Product(key, place, status.st_size, status.st_mtime_ns)
        if time.monotonic() > self._next_write:
            self.write()

    def write(self) -> None:
        """Write what is new; a folder where that fails is told in a WARNING."""
        new, self._new = self._new, {}
        started = time.monotonic()
        for folder, products in new.items():
            try:
                _merge(folder, products)
            except OSError as error:
                log.warning("The state of %s cannot be written, so that its steps run again: %s", folder, error)
        ended = time.monotonic()
        self._next_write = ended + max(_WRITE_EVERY, _SHARE * (ended - started))


def _merge(folder: str, products: Mapping[str, Product]) -> None:
    """Put products into the state of a folder, which other runs may be changing too."""
    from stpipe.atomic import write_atomically

    with _locked(folder):
        merged = {**read_state(folder), **products}
        there = set(os.listdir(folder))
        known = {name: one.as_mapping() for name, one in merged.items() if name in there}
        text = json.dumps({"format": _FORMAT, "products": known}, indent=0)

        def write(path: str) -> None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        write_atomically(os.path.join(folder, STATE_FILE), write)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Keep others from changing the state of a folder, where the file system knows locks; give up after a while."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _LOCK_WAIT
        while not _has_lock(fcntl, handle) and time.monotonic() < deadline:
            time.sleep(0.002)
        yield
    finally:
        os.close(handle)


def _has_lock(fcntl: Any, handle: int) -> bool:
    """Try to get the lock; True also where there are no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def products_of(result: Any, outputs: Sequence[str]) -> tuple[str | None, ...] | None:
    """Return the files that the members of a list or tuple were saved to.

    Parameters
    ----------
    result : object
        A sequence of models and None, or anything else.
    outputs : sequence of str
        Files written.

    Returns
    -------
    tuple or None
        A path for each model, None for each None; None if it is no sequence, or not all of it was saved.
    """
    if not isinstance(result, list | tuple):
        return None
    paths = tuple(None if one is None else _saved(one, outputs) for one in result)
    known = all(path is not None or one is None for path, one in zip(paths, result))
    return paths if known and any(paths) else None


def _saved(result: Any, outputs: Sequence[str]) -> str | None:
    """Path of the output that has the file name of a model."""
    name = getattr(getattr(result, "meta", None), "filename", None)
    return next((path for path in reversed(outputs) if name and os.path.basename(path) == name), None)
