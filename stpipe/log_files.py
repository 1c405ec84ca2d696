"""Deprecated logging files: ``stpipe-log.cfg`` with one section ``[*]``."""

from __future__ import annotations

import configparser
import os
import warnings
from typing import Any, TextIO

__all__ = ["find_log_file", "read_log_file"]

_PLACES = ("stpipe-log.cfg", "~/.stpipe-log.cfg", "/etc/stpipe-log.cfg")
_KEYS = ("handler", "level", "break_level", "format")


def find_log_file() -> str | None:
    """Path of the first deprecated logging file that exists, with a DeprecationWarning, or None."""
    for place in _PLACES:
        path = os.path.expanduser(place)
        if os.path.isfile(path):
            warnings.warn(
                f"Logging files are deprecated: {path} is still read, use --log-level, --log-file and --log-stream.",
                DeprecationWarning,
                stacklevel=4,
            )
            return path
    return None


def read_log_file(source: str | os.PathLike | TextIO) -> dict[str, Any]:
    """Keywords for `stpipe.logs.LogConfig` from a logging file.

    Parameters
    ----------
    source : path or text stream
        INI text; only the section ``[*]`` counts, others give a UserWarning.

    Raises
    ------
    RuntimeError
        The file cannot be read; the text names it.
    """
    parser = configparser.ConfigParser(interpolation=None)
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else getattr(source, "name", "logging options")
    try:
        if isinstance(source, str | os.PathLike):
            with open(source, encoding="utf-8") as stream:
                parser.read_file(stream)
        else:
            parser.read_file(source)
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise RuntimeError(f"Error parsing logging config {name}: {reason}") from error
    for section in parser.sections():
        if section != "*":
            warnings.warn(f"Section [{section}] of {name} has no effect: only [*] has.", UserWarning, stacklevel=3)
    values = dict(parser["*"]) if parser.has_section("*") else {}
    keywords = {key: values[key].strip("\"'") for key in _KEYS if key in values}
    return {"handler": "stderr", **keywords}
