"""Who gets a log record: one router on each covered logger hands records to the sinks of the context they come from.

When the last sink goes, every handler, level and the capture of warnings are as before.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

__all__ = ["Router", "Sink", "routers", "sinks"]

_WARNINGS_LOGGER = "py.warnings"
_CRDS_LOGGER = "CRDS"


class Sink:
    """Handlers of one configuration or one recording; identity decides whose records it gets."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        self.handlers = handlers
        outer = sinks.get()
        self.root: Sink = outer[0].root if outer else self
        self.older_threads = {thread.ident for thread in threading.enumerate()}

    def accepts(self, record: logging.LogRecord) -> bool:
        """Whether a record that is being emitted right now belongs here."""
        mine = sinks.get()
        if mine:
            return self in mine
        return record.thread not in self.older_threads and len(routers.roots) == 1

    def send(self, record: logging.LogRecord) -> None:
        """Give a record to the handlers whose level it has, once."""
        seen = record.__dict__.setdefault("_stpipe_seen", [])
        if self not in seen:
            seen.append(self)
            for handler in self.handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)


sinks: ContextVar[tuple[Sink, ...]] = ContextVar("stpipe_log_sinks", default=())


class Router(logging.Handler):
    """The one handler that a covered logger gets; passes records on to the sinks they belong to."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self.logger = logger
        self.sinks: list[tuple[Sink, int]] = []
        self.level_before = logger.level

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass a record on; without a lock, the handlers behind have their own."""
        accepted = [sink for sink, _ in self.sinks if sink.accepts(record)]
        for sink in accepted:
            sink.send(record)
        if not accepted and self.logger.name == _WARNINGS_LOGGER and len(self.logger.handlers) == 1 and sys.stderr:
            sys.stderr.write(record.getMessage())  # the warning of a bystander: shown as if nothing were captured
        return True


class _Routers:
    """All routers in place, and what has to be put back when the last one goes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_name: dict[str, Router] = {}
        self._console: list[logging.Handler] = []
        self._showwarning: Any = None
        self.roots: list[Sink] = []

    def attach(self, sink: Sink, names: Iterable[str], level: int | None) -> None:
        """Cover loggers for a sink; ``level`` None leaves the levels of the loggers alone."""
        with self._lock:
            self.roots += [sink.root] if sink.root not in self.roots else []
            for name in dict.fromkeys("root" if name in ("", "root") else name for name in names):
                router = self._by_name.get(name) or self._install(name)
                router.sinks.append((sink, logging.CRITICAL + 1 if level is None else level))
            self._set_levels()

    def detach(self, sink: Sink) -> None:
        """Forget a sink; routers without sinks go."""
        with self._lock:
            for router in self._by_name.values():
                router.sinks = [pair for pair in router.sinks if pair[0] is not sink]
            self._set_levels()
            for name, router in list(self._by_name.items()):
                if not router.sinks:
                    self._remove(name, router)
            if sink.root is sink and sink in self.roots:
                self.roots.remove(sink)

    def _install(self, name: str) -> Router:
        logger = logging.getLogger(None if name == "root" else name)
        router = self._by_name[name] = Router(logger)
        if name == _CRDS_LOGGER and "crds.core.log" in sys.modules:
            console = sys.modules["crds.core.log"].THE_LOGGER.console
            self._console = [handler for handler in logger.handlers if handler is console]
            for handler in self._console:
                logger.removeHandler(handler)
        if name == _WARNINGS_LOGGER:
            self._capture_warnings()
        logger.addHandler(router)
        return router

    def _remove(self, name: str, router: Router) -> None:
        del self._by_name[name]
        router.logger.removeHandler(router)
        router.close()
        if name == _CRDS_LOGGER:
            for handler in self._console:
                router.logger.addHandler(handler)
            self._console = []
        if name == _WARNINGS_LOGGER and self._showwarning is not None:
            logging.captureWarnings(False)
            self._showwarning = None

    def _capture_warnings(self) -> None:
        import warnings

        before = warnings.showwarning
        logging.captureWarnings(True)
        self._showwarning = None if warnings.showwarning is before else before

    def _set_levels(self) -> None:
        """Let every covered logger pass what its most talkative sink wants, and what it passed before."""
        changed = None
        for router in self._by_name.values():
            wanted = min((level for _, level in router.sinks), default=logging.CRITICAL + 1)
            before = router.level_before or _inherited_level(router.logger)
            level = wanted if wanted < before else router.level_before
            if router.logger.level != level:
                router.logger.level = level
                changed = router.logger
        if changed is not None:
            changed.setLevel(changed.level)  # makes all loggers forget their cached levels, once


def _inherited_level(logger: logging.Logger) -> int:
    return logger.parent.getEffectiveLevel() if logger.parent is not None else logging.NOTSET


routers = _Routers()
