"""YAML as data only, quickly, and never deeper than makes sense.

The loader in C is ten times as fast as the one in Python, but a text that is nested tens of thousands of levels deep
overflows its stack and ends the process. So texts that could be nested deeply are refused before.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

__all__ = ["MOST_LEVELS", "check_depth", "load_yaml", "loader_base"]

MOST_LEVELS = 200

_BRACKETS = re.compile(r"[\[\]{}]")
_BLOCKS = re.compile(rf"(?:[-?:][ \t]+){{{MOST_LEVELS}}}|^ {{{4 * MOST_LEVELS}}}", re.MULTILINE)


def load_yaml(text: str | bytes, loader: Any = None) -> Any:
    """Parse a YAML document.

    Parameters
    ----------
    text : str or bytes
        The document; bytes are UTF-8.
    loader : type, optional
        A safe loader; that in C by default.

    Raises
    ------
    yaml.YAMLError
        It is not YAML, or nested more than 200 levels deep.
    """
    import yaml

    check_depth(text)
    return yaml.load(text, Loader=loader or loader_base())


def check_depth(text: str | bytes) -> None:
    """Raise ``yaml.YAMLError`` for a text that could be nested more than 200 levels deep."""
    if _may_be_deep(text.decode("utf-8", "replace") if isinstance(text, bytes) else text):
        import yaml

        raise yaml.YAMLError(f"it is nested more than {MOST_LEVELS} levels deep")


@lru_cache(maxsize=1)
def loader_base() -> Any:
    """Return the safe loader, in C where that is there."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _may_be_deep(text: str) -> bool:
    """Whether brackets, or the marks and blanks of blocks, could nest so deep; texts in quotes count, too."""
    if text.count("[") + text.count("{") > MOST_LEVELS:
        depth = 0
        for bracket in _BRACKETS.findall(text):
            depth += 1 if bracket in "[{" else -1
            if depth > MOST_LEVELS:
                return True
    return _BLOCKS.search(text) is not None
