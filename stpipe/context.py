"""`Context`: the names and values of a recipe's run, and how texts in braces become values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stpipe.templates import Template, compile_value

__all__ = ["Context", "copied", "merged_into"]


class Context(dict[str, Any]):
    """The values of a run by name: a dict, with formatting and deep merging.

    Examples
    --------
    >>> context = Context(name="a", file="{name}_rate.fits")
    >>> context.get_formatted("file")
    'a_rate.fits'

    Attributes
    ----------
    python_names : dict or None
        Built-in names and imported modules for ``!py`` and ``py``, in a run that allows code.
    """

    python_names: dict[str, Any] | None = None

    def get_formatted(self, key: str) -> Any:
        """Return the value of a key with what stands in braces replaced.

        Raises
        ------
        ContextKeyError
            The key, or a name in braces, is not here.
        ValueError
            The braces do not match, or hold something that is no name.
        """
        return self.formatted(Template(key).value_in(self))

    def formatted(self, value: Any) -> Any:
        """Return any value with the texts in it, also those in lists and dicts, formatted; errors as `get_formatted`.

        Parameters
        ----------
        value : object
            A text that is one expression gives the value of that expression with its type.
        """
        constant, plan = compile_value(value)
        return plan if constant else plan(self)

    def merge(self, other: Mapping[str, Any]) -> None:
        """Take over the values of another mapping: dicts are merged, all else is replaced.

        Parameters
        ----------
        other : mapping
            Not changed, and shares no container with this one afterwards.
        """
        merged_into(self, other)


def merged_into(target: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a mapping into a dict, deeply; containers are copied. Return the dict."""
    for key, value in other.items():
        present = target.get(key)
        if isinstance(present, dict) and isinstance(value, Mapping):
            merged_into(present, value)
        else:
            target[key] = copied(value)
    return target


def copied(value: Any, _seen: dict[int, Any] | None = None) -> Any:
    """Copy dicts, lists, sets and tuples deeply; anything else (models, arrays) is passed as it is.

    Parameters
    ----------
    value : object
        What to copy; it may contain itself.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return value
    seen = {} if _seen is None else _seen
    if id(value) in seen:
        return seen[id(value)]
    if kind is tuple or kind is frozenset:
        return kind(copied(item, seen) for item in value)
    made: Any = Context() if kind is Context else {} if kind is dict else kind()
    seen[id(value)] = made
    if isinstance(made, dict):
        made.update((key, copied(item, seen)) for key, item in value.items())
    elif kind is list:
        made.extend(copied(item, seen) for item in value)
    else:
        made.update(value)
    return made


_CONTAINERS = frozenset({dict, list, set, tuple, frozenset, Context})
