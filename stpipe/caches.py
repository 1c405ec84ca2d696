"""What recipes need again, kept per process: one registry of named caches (running.md §4.4).

``recipe``
    Checked recipes, by loader, name and place.
``file``
    Definitions read from files, by path.
``loader``
    Loader modules; ``clear_recipes()`` forgets what they have loaded.
``parser``, ``step``, ``backoff``
    Parsers of arguments, steps and pause rules, by name.
``namespace``
    Compiled Python texts.
``reference``
    Parameter files of the reference service, by their name.

With ``settings.no_cache`` true, or inside `unused`, nothing is read from them or written to them; what was there before
stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stpipe import settings

__all__ = [
    "Cache",
    "LoaderCache",
    "backoff",
    "are_unused",
    "clear_all",
    "file",
    "follow",
    "loader",
    "namespace",
    "parser",
    "recipe",
    "reference",
    "step",
    "times_cleared",
    "unused",
]


class Cache:
    """Values by key, each made once, also when several threads ask for it at the same time.

    Parameters
    ----------
    name : str
        What it is called in the registry.

    Attributes
    ----------
    times_cleared : int
        How often it was emptied; a worker process empties its own when that of the run has been.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._values: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.RLock] = {}
        self._lock = threading.Lock()
        self.times_cleared = 0

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the value of a key, made by ``make()`` if it is not there; a failed making leaves nothing behind."""
        if are_unused():
            return make()
        try:
            return self._values[key]
        except KeyError:
            pass
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:
            if key not in self._values:
                values = self._values
                made = make()
                values[key] = made  # a dict that `clear` has meanwhile replaced keeps it out of the new one
                return made
            return self._values[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values, self._locks = {}, {}
            self.times_cleared += 1

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<cache {self.name}: {len(self)} values>"


class LoaderCache(Cache):
    """Loader modules and, through `clear_recipes`, what they have loaded."""

    def clear_recipes(self) -> None:
        """Forget the recipes, so that each loader is asked again; files that were read stay in ``file``."""
        recipe.clear()

    def clear(self) -> None:
        """Forget the loaders and their recipes."""
        super().clear()
        recipe.clear()


recipe = Cache("recipe")
file = Cache("file")
loader = LoaderCache("loader")
parser = Cache("parser")
step = Cache("step")
backoff = Cache("backoff")
namespace = Cache("namespace")
reference = Cache("reference")

_UNUSED: ContextVar[bool] = ContextVar("stpipe_caches_unused", default=False)

_ALL = (recipe, file, loader, parser, step, backoff, namespace, reference)


@contextmanager
def unused() -> Iterator[None]:
    """Leave the caches alone in this block and context, whatever the settings say."""
    token = _UNUSED.set(True)
    try:
        yield
    finally:
        _UNUSED.reset(token)


def are_unused() -> bool:
    """Whether the caches are left alone here."""
    return settings.no_cache or _UNUSED.get()


def times_cleared() -> dict[str, int]:
    """Return how often each cache was emptied."""
    return {cache.name: cache.times_cleared for cache in _ALL}


def follow(times: Mapping[str, int]) -> None:
    """Empty the caches that have been emptied in another process since its `times_cleared` was last followed here."""
    for cache in [one for one in _ALL if one.times_cleared != times[one.name]]:
        cache.clear()
    for cache in _ALL:  # clearing that of loaders has emptied another
        cache.times_cleared = times[cache.name]


def clear_all() -> None:
    """Empty all caches; settings and shortcuts stay."""
    for cache in _ALL:
        cache.clear()
