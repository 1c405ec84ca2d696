"""What a worker takes over from the run with each task: environment, folder, import path, settings, log levels.

The forkserver, and so every worker, is older than the run; without this it would work with the settings of long ago.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stpipe.executors.preload import THREAD_VARIABLES

__all__ = ["WORKER_VARIABLE", "Surroundings"]

WORKER_VARIABLE = "STPIPE_WORKER"
_OWN_CLASS = "*"
_OWN = frozenset({WORKER_VARIABLE, *THREAD_VARIABLES})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process does its work in.

    Attributes
    ----------
    environment : mapping
        All variables.
    folder : str or None
        Current folder; None where it is gone.
    path : tuple of str
        Import path.
    settings : mapping
        Of `stpipe.settings`.
    levels : mapping
        Logger to its own level; ``""`` for the root. A ``*`` follows the name of a logger whose class is not the
        ordinary one: the package that it belongs to has to make it.
    disabled : int
        Of ``logging.disable``.
    times_cleared : mapping
        How often each cache was emptied; those of a warm worker would have what is out of date.
    """

    environment: Mapping[str, str]
    folder: str | None
    path: tuple[str, ...]
    settings: Mapping[str, Any]
    levels: Mapping[str, int]
    disabled: int
    times_cleared: Mapping[str, int]

    @classmethod
    def now(cls) -> Surroundings:
        """Return those of this process."""
        from stpipe import caches, settings

        try:
            folder: str | None = os.getcwd()
        except OSError:
            folder = None
        environment = {name: value for name, value in os.environ.items() if name not in _OWN}
        values = {name: getattr(settings, name) for name in settings.DEFAULTS}
        values["no_cache"] = caches.are_unused()
        disabled, times = logging.root.manager.disable, caches.times_cleared()
        return cls(environment, folder, tuple(sys.path), values, _levels(), disabled, times)

    def references(self) -> tuple[tuple[str, str], ...]:
        """Return the variables of the reference service; a worker that has used others is not used again."""
        return tuple(sorted(item for item in self.environment.items() if item[0].startswith("CRDS_")))

    def enter(self) -> None:
        """Make them those of this process."""
        from stpipe import caches, settings

        for name in set(os.environ) - set(self.environment) - _OWN:
            del os.environ[name]
        for name, value in self.environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        if self.folder is not None and os.path.isdir(self.folder):
            os.chdir(self.folder)
        sys.path[:] = self.path
        vars(settings).update(self.settings)
        caches.follow(self.times_cleared)
        self._enter_levels()

    def _enter_levels(self) -> None:
        for name in set(_levels()) - set(self.levels):
            if name in _taken_over and not name.endswith(_OWN_CLASS):
                logging.getLogger(name).setLevel(logging.NOTSET)
        for name, level in self.levels.items():
            if not name.endswith(_OWN_CLASS):
                _set_level(logging.getLogger(name or None), level)
            elif name.removesuffix(_OWN_CLASS) in logging.root.manager.loggerDict:
                _set_level(logging.getLogger(name.removesuffix(_OWN_CLASS)), level)
        _taken_over.update(self.levels)
        logging.disable(self.disabled)


_taken_over: set[str] = set()


def _set_level(logger: logging.Logger, level: int) -> None:
    if logger.level != level:  # setting it makes all loggers forget what they have worked out
        logger.setLevel(level)


def _levels() -> dict[str, int]:
    """Levels of the loggers that have one of their own."""
    loggers = tuple(logging.root.manager.loggerDict.items())
    own = ((name, one) for name, one in loggers if isinstance(one, logging.Logger) and one.level)
    found = {name if type(one) is logging.Logger else f"{name}{_OWN_CLASS}": one.level for name, one in own}
    return {"": logging.root.level, **found}
