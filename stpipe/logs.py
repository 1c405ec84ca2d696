"""Logging of runs: what is shown, where, and which lines are kept; bound to the running context (thread, task).

A configuration puts one router on each logger it covers. A router hands a record only to the sinks of the context that
the record comes from, so two runs in two threads keep their records and levels apart. When the last run is over, every
handler, level and the capture of warnings are as before.

Records of a thread that knows no run (a worker started by a step) belong to the run that is going on, if there is just
one and the thread is younger than it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from typing import TextIO

from stpipe.log_routing import Sink, routers, sinks

__all__ = [
    "STPIPE_ROOT_LOGGER",
    "BreakHandler",
    "LogConfig",
    "LoggedException",
    "RecordingHandler",
    "collecting",
    "load_configuration",
    "loggers_of",
    "recording",
]

STPIPE_ROOT_LOGGER = "stpipe"
DEFAULT_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


class LoggedException(Exception):
    """Raised by a record at or above the ``break_level``.

    Attributes
    ----------
    record : logging.LogRecord
        The record.
    """

    def __init__(self, record: logging.LogRecord) -> None:
        super().__init__(record.getMessage())
        self.record = record


class BreakHandler(logging.Handler):
    """Turns every record into a `LoggedException`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise the exception."""
        raise LoggedException(record)


class RecordingHandler(logging.Handler):
    """Keeps the formatted text of every record.

    Attributes
    ----------
    log_records : list of str
        The texts so far.
    """

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.log_records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        self.log_records.append(self.format(record))


_applied: ContextVar[LogConfig | None] = ContextVar("stpipe_log_config", default=None)


class _Applied(type):
    """Makes ``LogConfig.applied`` the configuration of the running context."""

    @property
    def applied(cls) -> LogConfig | None:
        return _applied.get()


class LogConfig(metaclass=_Applied):
    """Where the records of a run go.

    Parameters
    ----------
    handler : str or list of str
        Any of ``file:NAME`` (truncated), ``append:NAME``, ``stdout``, ``stderr``, ``null``; comma-separated in a text.
    level : int or str
        Records below are not shown.
    break_level : int or str
        Records at or above raise `LoggedException`; NOTSET never.
    recording_level : int or str, optional
        Records below are not kept; NOTSET means as ``level``.
    recording_formatter : logging.Formatter, optional
        Makes the kept texts; None keeps none.
    format : str, optional
        Format of the shown lines.

    Attributes
    ----------
    applied : LogConfig or None
        On the class: the configuration in force in this context.
    log_records : list of str
        Kept texts.

    Raises
    ------
    ValueError
        Unknown handler or level.
    """

    def __init__(
        self,
        handler: str | Iterable[str],
        level: int | str = logging.INFO,
        break_level: int | str = logging.NOTSET,
        recording_level: int | str = logging.NOTSET,
        recording_formatter: logging.Formatter | None = None,
        format: str | None = None,
    ) -> None:
        items = handler.split(",") if isinstance(handler, str) else handler
        self.handler_names = [item.strip() for item in items if item.strip()]
        for name in self.handler_names:
            _check_handler(name)
        self.level = _level(level)
        self.break_level = _level(break_level)
        self.recording_level = _level(recording_level) or self.level
        self.recording_formatter = recording_formatter
        self.format = format or DEFAULT_FORMAT
        self._recorder: RecordingHandler | None = None
        self._sink: Sink | None = None
        self._tokens: tuple[Token, Token] | None = None
        self._shown: list[logging.Handler] = []

    @property
    def log_records(self) -> list[str]:
        """Texts kept since the configuration was applied."""
        return self._recorder.log_records if self._recorder is not None else []

    def apply(self, names: Iterable[str] = ("root",)) -> None:
        """Put the configuration in force for loggers of these names, in this context, until `undo`."""
        if self._sink is not None:
            raise RuntimeError("This logging configuration is in force already; undo it first.")
        handlers = [_make_handler(name) for name in self.handler_names]
        for handler in handlers:
            handler.setFormatter(logging.Formatter(self.format))
            handler.setLevel(self.level)
        self._shown = list(handlers)
        self._recorder = None
        if self.recording_formatter is not None:
            self._recorder = RecordingHandler(self.recording_level)
            self._recorder.setFormatter(self.recording_formatter)
            handlers.append(self._recorder)
        if self.break_level > logging.NOTSET:
            handlers.append(BreakHandler(self.break_level))
        self._sink = Sink(handlers)
        self._tokens = (sinks.set((self._sink,)), _applied.set(self))
        levels = [handler.level for handler in handlers]
        routers.attach(self._sink, names, min(levels, default=self.level))

    def undo(self) -> None:
        """Put everything back as it was; nothing happens when the configuration is not in force."""
        if self._sink is None or self._tokens is None:
            return
        routers.detach(self._sink)
        with suppress(ValueError):  # undone in another context than it was applied in: nothing to restore there
            sinks.reset(self._tokens[0])
            _applied.reset(self._tokens[1])
        for handler in self._sink.handlers:
            handler.close()
        self._sink = self._tokens = None
        self._shown = []

    def set_formatter(self, formatter: logging.Formatter) -> None:
        """Have the shown lines, while the configuration is in force, made by another formatter."""
        for handler in self._shown:
            handler.setFormatter(formatter)

    def console_handlers(self) -> list[logging.StreamHandler]:
        """Handlers in force that write to standard output or standard error."""
        streams = (handler for handler in self._shown if isinstance(handler, logging.StreamHandler))
        return [handler for handler in streams if not isinstance(handler, logging.FileHandler)]

    def shows_on_console(self, level: int) -> bool:
        """Whether records of a level can be seen on standard output or standard error."""
        return any(handler.level <= level for handler in self.console_handlers())

    def show(self, record: logging.LogRecord) -> bool:
        """Write a record that comes from no logger where the log is shown, but do not keep it; whether it is seen."""
        for handler in self._shown:
            if record.levelno >= handler.level:
                handler.handle(record)
        return self.shows_on_console(record.levelno)

    @contextmanager
    def context(self, names: Iterable[str] = ("root",)) -> Iterator[LogConfig]:
        """Apply for a block. Inside another configuration of this context that one stays in force, and is given."""
        outer = _applied.get()
        if outer is not None:
            yield outer
            return
        self.apply(names)
        try:
            yield self
        finally:
            self.undo()


def _check_handler(name: str) -> None:
    kind, _, target = name.partition(":")
    if not (name in ("stdout", "stderr", "null") or (kind in ("file", "append") and target.strip())):
        raise ValueError(f"Can't parse handler {name!r}: it must be file:NAME, append:NAME, stdout, stderr or null")


def _make_handler(name: str) -> logging.Handler:
    kind, _, target = name.partition(":")
    if kind in ("file", "append"):
        path = os.path.expanduser(target.strip())
        return logging.FileHandler(path, "w" if kind == "file" else "a", encoding="utf-8", delay=False)
    if kind == "null":
        return logging.NullHandler()
    return logging.StreamHandler(sys.stdout if kind == "stdout" else sys.stderr)


def _level(level: int | str) -> int:
    """Number of a level given by name (any case) or number."""
    if isinstance(level, int):
        return level
    text = level.strip()
    number = int(text) if text.isdigit() else logging.getLevelNamesMapping().get(text.upper())
    if number is None:
        names = ", ".join(logging.getLevelNamesMapping())
        raise ValueError(f"Unknown log level {level!r}: it must be a number or one of {names}")
    return number


@contextmanager
def recording(names: Iterable[str], formatter: logging.Formatter | None) -> Iterator[list[str]]:
    """Keep the log lines of a block.

    Parameters
    ----------
    names : iterable of str
        Loggers to listen to; their levels are left alone.
    formatter : logging.Formatter or None
        Makes the texts; None keeps nothing and touches nothing.

    Yields
    ------
    list of str
        The lines, growing. Those of the configuration in force if it keeps lines, else only those of the block.
    """
    config = _applied.get()
    if formatter is None:
        yield []
    elif config is not None and config.recording_formatter is not None:
        yield config.log_records
    else:
        with collecting(names, formatter) as lines:
            yield lines


@contextmanager
def collecting(
    names: Iterable[str], formatter: logging.Formatter, *, level: int = logging.NOTSET
) -> Iterator[list[str]]:
    """Keep the log lines of a block that the loggers let pass, from ``level`` on, whatever configuration is in force.

    Yields
    ------
    list of str
        The lines, growing.
    """
    recorder = RecordingHandler(level)
    recorder.setFormatter(formatter)
    sink = Sink([recorder])
    token = sinks.set((*sinks.get(), sink))
    routers.attach(sink, names, None)
    try:
        yield recorder.log_records
    finally:
        routers.detach(sink)
        sinks.reset(token)


def load_configuration(
    config_file: str | os.PathLike | TextIO | None = None,
    log_level: int | str | None = None,
    log_file: str | os.PathLike | None = None,
    log_stream: str | None = None,
) -> LogConfig:
    """Logging configuration from the options of a run.

    Parameters
    ----------
    config_file : path or text stream, optional
        Deprecated INI file with a section ``[*]``; ignored when another option is given.
    log_level : int or str, optional
        INFO by default.
    log_file : path, optional
        Also write to this file, which is truncated.
    log_stream : str, optional
        ``stderr`` (default), ``stdout`` or ``null``.

    Raises
    ------
    RuntimeError
        The file cannot be read; the text names it.
    ValueError
        Unknown level or stream.
    """
    options = (log_level, log_file, log_stream)
    if all(option is None for option in options):
        from stpipe.log_files import find_log_file, read_log_file

        config_file = config_file or find_log_file()
        if config_file is not None:
            return LogConfig(**read_log_file(config_file))
    handlers = [log_stream or "stderr"]
    if log_file is not None:
        handlers.append(f"file:{os.fspath(log_file)}")
    return LogConfig(handlers, level=logging.INFO if log_level is None else log_level)


def loggers_of(cls: type) -> tuple[str, ...]:
    """Names of the loggers to configure for a step: those of its mission, and those of the packages of users' classes.

    Parameters
    ----------
    cls : type
        A Step class; sub-steps count too.

    Returns
    -------
    tuple of str
        ``cls.get_stpipe_loggers()``, then the top packages of the modules of the classes that are not covered by these
        and whose logger has no handlers of its own.
    """
    names: tuple[str, ...] = cls.get_stpipe_loggers()  # type: ignore[attr-defined]
    if "root" in names:
        return names
    tops = {klass.__module__.partition(".")[0] for klass in _step_classes(cls)} - set(names)
    return (*names, *sorted(top for top in tops if not logging.getLogger(top).handlers))


def _step_classes(cls: type) -> Iterator[type]:
    """Yield a class, its bases that are steps, and those of its sub-steps."""
    yield from (base for base in cls.__mro__ if hasattr(base, "get_stpipe_loggers"))
    for sub_step in (getattr(cls, "step_defs", None) or {}).values():
        yield from _step_classes(sub_step)
