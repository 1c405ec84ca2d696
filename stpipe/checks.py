"""Checks of parameter values: the coercion table of spec framework.md §2.2.

Every check is a function ``(value, rules) -> value`` that raises `BadValue` with the offending value and the reason.
`CHECKS` lists them under the names of the spec language. None never gets here: it always means "not set".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["CHECKS", "LIST_CHECKS", "BadValue", "Rules", "plain"]

_TRUE = frozenset({"true", "on", "1", "yes"})
_FALSE = frozenset({"false", "off", "0", "no"})


class BadValue(Exception):
    """A value that a check rejects.

    Parameters
    ----------
    value : object
        The offending value or element.
    reason : str
        A key of `BadValue.REASONS`, or ``"path"``.
    """

    REASONS = {
        "type": "of the wrong type",
        "value": "unacceptable",
        "small": "too small",
        "big": "too big",
        "short": "too short",
        "long": "too long",
    }

    def __init__(self, value: object, reason: str) -> None:
        super().__init__(value, reason)
        self.value = value
        self.reason = reason

    def message(self, name: str) -> str:
        """Return the text of spec framework.md §2.3 for a parameter name."""
        if self.reason == "path":
            return f"Config parameter '{name}': Path '{self.value}' does not exist"
        return f"Config parameter '{name}': the value \"{self.value}\" is {self.REASONS[self.reason]}."


@dataclass(frozen=True, slots=True)
class Rules:
    """What a value has to obey besides its type.

    Attributes
    ----------
    choices : tuple or None
        The values allowed.
    ge, gt, le, lt : float or None
        Bounds of a number.
    min_length, max_length : int or None
        Bounds of the length of a text or list.
    parts : tuple of str
        Checks of a ``mixed_list``, position by position.
    root_dir : str or None
        Folder that relative paths belong to; the current folder if None.
    """

    choices: tuple[Any, ...] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    parts: tuple[str, ...] = ()
    root_dir: str | None = None


_FREE = Rules()


def plain(value: Any) -> Any:
    """Turn numpy scalars and one-dimensional arrays into Python objects; anything else comes back unchanged."""
    if hasattr(value, "ndim") and hasattr(value, "tolist") and hasattr(value, "dtype"):
        return value.tolist() if value.ndim <= 1 else value
    return value


def _bounded(value: Any, rules: Rules) -> Any:
    if (rules.ge is not None and not value >= rules.ge) or (rules.gt is not None and not value > rules.gt):
        raise BadValue(value, "small")
    if (rules.le is not None and not value <= rules.le) or (rules.lt is not None and not value < rules.lt):
        raise BadValue(value, "big")
    return _chosen(value, rules)


def _chosen(value: Any, rules: Rules) -> Any:
    if rules.choices is not None and value not in rules.choices:
        raise BadValue(value, "value")
    return value


def _sized(value: Any, rules: Rules) -> Any:
    if rules.min_length is not None and len(value) < rules.min_length:
        raise BadValue(value, "short")
    if rules.max_length is not None and len(value) > rules.max_length:
        raise BadValue(value, "long")
    return value


def _integer(value: Any, rules: Rules) -> int:
    value = plain(value)
    if not isinstance(value, int | str):
        raise BadValue(value, "type")
    try:
        number = int(value)
    except ValueError:
        raise BadValue(value, "type") from None
    return _bounded(number, rules)


def _float(value: Any, rules: Rules) -> float:
    value = plain(value)
    if not isinstance(value, int | float | str):
        raise BadValue(value, "type")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise BadValue(value, "type") from None
    return _bounded(number, rules)


def _boolean(value: Any, rules: Rules) -> bool:
    value = plain(value)
    if isinstance(value, str):
        word = value.lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    elif isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    raise BadValue(value, "type")


def _text(value: Any) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise BadValue(value, "type")
    return str(value)


def _string(value: Any, rules: Rules) -> str:
    return _chosen(_sized(_text(value), rules), rules)


def _option(value: Any, rules: Rules) -> str:
    if not isinstance(value, str):
        raise BadValue(value, "type")
    return _chosen(str(value), rules)


def _items(value: Any, rules: Rules) -> list[Any]:
    value = plain(value)
    if not isinstance(value, list | tuple):
        raise BadValue(value, "type")
    return list(_sized(value, rules))


def _list(value: Any, rules: Rules) -> list[Any]:
    return _items(value, rules)


def _tuple(value: Any, rules: Rules) -> tuple[Any, ...]:
    return tuple(_items(value, rules))


def _list_of(element: Callable[[Any, Rules], Any]) -> Callable[[Any, Rules], list[Any]]:
    def check(value: Any, rules: Rules) -> list[Any]:
        return [element(item, _FREE) for item in _items(value, rules)]

    return check


def _force_list(value: Any, rules: Rules) -> list[Any]:
    value = plain(value)
    return _items(value if isinstance(value, list | tuple) else [value], rules)


def _mixed_list(value: Any, rules: Rules) -> list[Any]:
    count = len(rules.parts)
    items = _items(value, Rules(min_length=count, max_length=count))
    return [CHECKS[part](item, _FREE) for part, item in zip(rules.parts, items, strict=True)]


def _ip_addr(value: Any, rules: Rules) -> str:
    if not isinstance(value, str):
        raise BadValue(value, "type")
    parts = value.strip().split(".")
    if not 1 <= len(parts) <= 4 or not all(part.isdecimal() and int(part) <= 255 for part in parts):
        raise BadValue(value, "value")
    return value.strip()


def _pass(value: Any, rules: Rules) -> Any:
    return value


def _path(value: Any, rules: Rules) -> str:
    return os.path.abspath(os.path.join(rules.root_dir or "", _text(value)))


def _input_file(value: Any, rules: Rules) -> str:
    path = _path(value, rules)
    if not os.path.exists(path):
        raise BadValue(path, "path")
    return path


def _datamodel(value: Any, rules: Rules) -> Any:
    from stpipe.datamodel import AbstractDataModel

    if not isinstance(value, AbstractDataModel):
        raise BadValue(value, "type")
    return value


def _string_or_datamodel(value: Any, rules: Rules) -> Any:
    return _text(value) if isinstance(value, str | os.PathLike) else _datamodel(value, rules)


CHECKS: dict[str, Callable[[Any, Rules], Any]] = {
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "string": _string,
    "option": _option,
    "list": _list,
    "tuple": _tuple,
    "int_list": _list_of(_integer),
    "float_list": _list_of(_float),
    "bool_list": _list_of(_boolean),
    "string_list": _list_of(_string),
    "ip_addr": _ip_addr,
    "ip_addr_list": _list_of(_ip_addr),
    "mixed_list": _mixed_list,
    "force_list": _force_list,
    "pass": _pass,
    "input_file": _input_file,
    "output_file": _path,
    "is_datamodel": _datamodel,
    "is_string_or_datamodel": _string_or_datamodel,
}
"""Check name of the spec language to function."""

LIST_CHECKS = frozenset(name for name in CHECKS if name.endswith("list") or name == "tuple")
"""Checks whose result is a list or tuple."""
