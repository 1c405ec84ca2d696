"""The log lines that a product keeps, without what would tell where and by whom it was made (spec jwst_base.md §5)."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from contextlib import suppress
from functools import lru_cache

__all__ = ["LogLineFormatter", "scrub"]

_PLACES = re.compile(
    r"""(?P<url>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s'"]*)
      | (?P<quote>['"])(?P<quoted>/[^'"\n]*)(?P=quote)
      | (?<![\w.~/:$}])(?P<path>/[^\s'"<>|,;()\[\]{}]+)""",
    re.VERBOSE,
)
_IPV4 = re.compile(r"(?<![\w.=-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f](?![\w:])")
_VERSION_BEFORE = re.compile(
    r"\b(?:version|versions|ver|release|build|revision|python|numpy|scipy|astropy|asdf|gwcs|crds|jwst|stpipe|stcal"
    r"|stdatamodels|pipeline|package|drizzle|tweakwcs|photutils)[\s:=('\"]*$",
    re.IGNORECASE,
)


class LogLineFormatter(logging.Formatter):
    """Makes ``YYYY-MM-DDThh:mm:ss.mmm - <logger> - <LEVEL> - <message>`` in UTC, scrubbed; see `scrub`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the empty string where it would give a name or an address away."""
        message = scrub(super().format(record))
        if message is None:
            return ""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{stamp}.{int(record.msecs):03d} - {record.name} - {record.levelname} - {message}"


def scrub(message: str) -> str | None:
    """Take folders out of a log message.

    Parameters
    ----------
    message : str
        Any text.

    Returns
    -------
    str or None
        The message with absolute paths replaced by their last part; relative paths, paths without a folder and URLs
        stay. None if what is left has the name of the user or the host as a word, or an internet address.
    """
    if "/" in message:
        message = _PLACES.sub(_without_folders, message)
    names = _private_names()
    if names is not None and names.search(message):
        return None
    if message.count(".") >= 3 and any(_is_address(message, found) for found in _IPV4.finditer(message)):
        return None
    if message.count(":") >= 2 and any(_is_ipv6(found[0]) for found in _IPV6.finditer(message)):
        return None
    return message


def _without_folders(found: re.Match[str]) -> str:
    if found["url"]:
        url = found["url"]
        return url if not url.lower().startswith("file:") else _last_part(url.partition("://")[2])
    if found["quoted"]:
        return f"{found['quote']}{_last_part(found['quoted'])}{found['quote']}"
    return _last_part(found["path"])


def _last_part(path: str) -> str:
    """Last part of an absolute path that has at least one folder; any other path as it is."""
    parts = path.rstrip("/").split("/")
    return parts[-1] if len(parts) > 2 else path


def _is_address(message: str, found: re.Match[str]) -> bool:
    """Whether four numbers are an internet address and not the version of something."""
    if any(int(part) > 255 for part in found[0].split(".")):
        return False
    return not _VERSION_BEFORE.search(message, max(0, found.start() - 24), found.start())


def _is_ipv6(text: str) -> bool:
    """Whether a text is an address; ``0::2`` and times are not taken for one."""
    groups = [group for group in text.split(":") if group]
    if len(groups) < 3 and not any(len(group) > 2 for group in groups):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _private_names() -> re.Pattern[str] | None:
    """Pattern of the name of the user and the host as whole words."""
    import getpass
    import socket

    names = {socket.gethostname(), socket.gethostname().partition(".")[0]}
    with suppress(OSError, KeyError):  # a user without an entry in the password file
        names.add(getpass.getuser())
    words = "|".join(re.escape(name) for name in sorted(names) if name)
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE) if words else None
