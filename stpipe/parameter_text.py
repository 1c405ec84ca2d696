"""Parameters as the indented block that a run logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["parameter_text"]

# A text that YAML reads back as this very text, so that it needs no quotes.
_PLAIN = re.compile(r"[A-Za-z_./~$][\w./~$+\-]*(?: [\w./~$+\-]+)*\Z")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n", "~"})


def parameter_text(parameters: Mapping[str, object]) -> str:
    """Return the parameters as YAML, indented by two, with True, False and None as Python spells them.

    Parameters
    ----------
    parameters : mapping
        Name to value; mappings inside (the parameters of sub-steps) are indented further.

    Returns
    -------
    str
        One line per value, each with a line break in front.
    """
    return "".join(f"\n{line}" for line in _lines(parameters, "  "))


def _lines(parameters: Mapping[str, object], indent: str) -> Iterator[str]:
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list | tuple) and value:
            yield f"{indent}{name}:"
            for item in value:
                yield f"{indent}- {_scalar(item)}"
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, str):
        plain = _PLAIN.match(value) and value.lower() not in _WORDS
        return value if plain else "'" + value.replace("'", "''") + "'"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    return f"<{type(value).__name__}>"
