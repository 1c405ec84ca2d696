"""Texts with expressions in braces, compiled once: ``"{key}"``, ``"{key[sub]}"``, ``"{key.attr}"`` (running.md Y10).

`compile_value` scans a value once. One without braces is used as it is; otherwise it becomes a small function of the
context. Data that is put in is never scanned again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

from stpipe.exceptions import ContextKeyError
from stpipe.expressions import check_name, compile_expression

__all__ = ["Expression", "Literal", "PythonText", "Template", "compile_value", "contains_code"]

Plan = Callable[[Mapping[str, Any]], Any]
_FORMATTER = Formatter()
_SEQUENCE_TYPES = (list, tuple, set, frozenset)


class _Tagged:
    """A text of a recipe with a tag, and where it stands."""

    __slots__ = ("col", "line", "text")

    def __init__(self, text: str, line: int | None = None, col: int | None = None) -> None:
        self.text, self.line, self.col = text, line, col

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.text == other.text  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.text))


class Expression(_Tagged):
    """``!expr``: the small safe language of `stpipe.expressions`."""

    __slots__ = ()


class Literal(_Tagged):
    """``!lit``: not formatted."""

    __slots__ = ()


class PythonText(_Tagged):
    """``!py``: Python, where the run allows code."""

    __slots__ = ()


class Template:
    """One expression in braces: a key, then items and attributes.

    Parameters
    ----------
    key : str
        Name in the context.
    path : tuple of (bool, str or int)
        Whether it is an attribute, and its name or index.
    """

    __slots__ = ("key", "path")

    def __init__(self, key: str, path: tuple[tuple[bool, str | int], ...] = ()) -> None:
        self.key, self.path = key, path

    def value_in(self, context: Mapping[str, Any]) -> Any:
        """Return the value.

        Raises
        ------
        ContextKeyError
            The key, an item or an attribute is not there.
        """
        try:
            value = context[self.key]
        except KeyError:
            raise ContextKeyError(f"the context has no {self.key!r}{_there_is(self.key, context)}") from None
        for is_attribute, name in self.path:
            value = _attribute(value, name, self) if is_attribute else _item(value, name, self)
        return value

    def __str__(self) -> str:
        return self.key + "".join(f".{name}" if attribute else f"[{name}]" for attribute, name in self.path)


def _there_is(key: str, context: Mapping[str, Any]) -> str:
    """Say what comes near."""
    from difflib import get_close_matches

    near = get_close_matches(key, [name for name in context if isinstance(name, str)], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _attribute(value: Any, name: Any, template: Template) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        raise ContextKeyError(f"{{{template}}}: a {type(value).__name__} has no {name!r}") from None


def _item(value: Any, name: Any, template: Template) -> Any:
    try:
        return value[name]
    except (KeyError, IndexError, TypeError):
        if isinstance(name, int) and isinstance(value, Mapping) and str(name) in value:
            return value[str(name)]
        raise ContextKeyError(f"{{{template}}}: a {type(value).__name__} has no {name!r}") from None


def compile_value(value: Any) -> tuple[bool, Any]:
    """Scan a value for texts with braces and for tags.

    Parameters
    ----------
    value : object
        Text, number, model, or list or dict of such.

    Returns
    -------
    (bool, object)
        True and the value itself, where it is the same in every run and cannot be changed; else False and a function
        of the context, which gives new containers in every call.

    Raises
    ------
    ValueError
        The braces do not match, or an expression is not allowed.
    """
    kind = type(value)
    if kind is str:
        return _compile_text(value) if "{" in value or "}" in value else (True, value)
    if kind is dict or (isinstance(value, dict) and kind.__name__ == "Context"):
        return False, _compile_dict(value)
    if kind in _SEQUENCE_TYPES:
        return _compile_sequence(value)
    if kind is Literal:
        return True, value.text
    if kind is Expression:
        return False, compile_expression(value.text)
    if kind is PythonText:
        from stpipe.python_text import compile_python

        return False, compile_python(value.text)
    return True, value


def _compile_dict(value: dict[Any, Any]) -> Plan:
    parts = [(compile_value(key), compile_value(item)) for key, item in value.items()]
    if all(key[0] and item[0] for key, item in parts):
        constant = {key[1]: item[1] for key, item in parts}
        return lambda context: constant.copy()
    if all(key[0] for key, _ in parts):
        steady = {key[1]: item[1] if item[0] else None for key, item in parts}
        changing = [(key[1], item[1]) for key, item in parts if not item[0]]

        def fill(context: Mapping[str, Any]) -> dict[Any, Any]:
            made = steady.copy()
            for key, plan in changing:
                made[key] = plan(context)
            return made

        return fill
    return lambda context: {
        (key if fixed else key(context)): (item if steady else item(context)) for (fixed, key), (steady, item) in parts
    }


def _compile_sequence(value: Any) -> tuple[bool, Any]:
    kind = type(value)
    parts = [compile_value(item) for item in value]
    if all(fixed for fixed, _ in parts):
        constant = kind(item for _, item in parts)
        if kind is tuple or kind is frozenset:
            return True, constant
        return False, lambda context: constant.copy()
    return False, lambda context: kind(item if fixed else item(context) for fixed, item in parts)


def _compile_text(text: str) -> tuple[bool, Any]:
    pieces = list(_FORMATTER.parse(text))
    if all(field is None for _, field, _, _ in pieces):
        return True, "".join(literal for literal, _, _, _ in pieces)
    if len(pieces) == 1 and not pieces[0][0] and not pieces[0][2] and not pieces[0][3]:
        return False, _compile_field(pieces[0][1] or "", text)
    parts = [part for piece in pieces for part in _compile_piece(piece, text)]

    def join(context: Mapping[str, Any]) -> str:
        return "".join([part if type(part) is str else part(context) for part in parts])

    return False, join


def _compile_piece(piece: tuple[str, str | None, str | None, str | None], text: str) -> list[Any]:
    """Compile a literal and the expression after it into texts and functions that give texts."""
    literal, field, spec, conversion = piece
    parts: list[Any] = [literal] if literal else []
    if field is None:
        return parts
    if conversion not in (None, "r", "s", "a"):
        raise ValueError(f"{text!r}: unknown conversion !{conversion}; there are !r, !s and !a")
    value, convert = _compile_field(field, text), conversion
    fixed, form = compile_value(spec or "")

    def show(context: Mapping[str, Any]) -> str:
        found = value(context)
        if convert is not None:
            found = _FORMATTER.convert_field(found, convert)
        return format(found, form if fixed else form(context))

    return [*parts, show]


def _compile_field(field: str, text: str) -> Plan:
    """Compile what stands between two braces."""
    from _string import formatter_field_name_split  # what `string.Formatter` itself uses

    first, rest = formatter_field_name_split(field)
    if not isinstance(first, str) or not first.strip():
        raise ValueError(f"{text!r}: {{{field}}} names no key; write {{{{ and }}}} for braces")
    path = tuple(rest)
    check_name(first, text)
    for is_attribute, name in path:
        if is_attribute:
            check_name(name, text)
    template = Template(first, path)
    if path:
        return template.value_in
    return _key_getter(first, template)


def _key_getter(key: str, template: Template) -> Plan:
    """Give the value of a key: the quick way where it is there."""

    def get(context: Mapping[str, Any]) -> Any:
        try:
            return context[key]
        except KeyError:
            return template.value_in(context)

    return get


def contains_code(value: Any) -> PythonText | None:
    """Return the first ``!py`` text in a value, keys included, or None."""
    if isinstance(value, PythonText):
        return value
    if isinstance(value, dict):
        items: Any = (*value, *value.values())
    elif isinstance(value, _SEQUENCE_TYPES):
        items = value
    else:
        return None
    for item in items:
        if type(item) is not str and (found := contains_code(item)) is not None:
            return found
    return None
