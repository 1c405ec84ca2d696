"""Log level NOTIFY, at which ``echo`` and descriptions are logged, and `show_log` (running.md §4.5)."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

__all__ = ["NOTIFY", "log_error", "show_log"]

NOTIFY = 25
logging.addLevelName(NOTIFY, "NOTIFY")
_TRACEBACKS_BELOW = 10


def log_error(log: logging.Logger, message: str, *args: object, error: BaseException) -> None:
    """Log an error at ERROR; with its traceback where the logger shows levels below 10."""
    detailed = log.getEffectiveLevel() < _TRACEBACKS_BELOW
    log.error(message, *args, exc_info=error if detailed else None)


def show_log(level: int | str = NOTIFY, path: str | os.PathLike[str] | None = None) -> Callable[[], None]:
    """Show the log of runs on standard error as the command line does; to be called once, after ``settings.init()``.

    Parameters
    ----------
    level : int or str
        Records below are not shown. Below 10, errors come with their traceback.
    path : str or Path, optional
        Also append to this file.

    Returns
    -------
    callable
        Call it to have logging as it was before.

    Raises
    ------
    ValueError
        There is no such level.
    """
    from stpipe import settings
    from stpipe.logs import LogConfig

    handlers = ["stderr"]
    if path is not None:
        handlers.append(f"append:{os.fspath(path)}")
    config = LogConfig(handlers, level=level, format=settings.log_format)
    config.apply()
    return config.undo
