"""The text of one check of the spec language, ``name(arg, key=value)``, taken apart and put together.

Besides the arguments of configobj's validator, texts made from native parameters may have ``above=`` and ``below=``
(exclusive bounds), ``choices=list(...)`` of values that are not texts, ``none=True`` (None may be given as text too)
and ``literal=True`` (elements of a default list are Python literals).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["CheckCall", "Token", "format_literal", "parse_check_text", "split_comment"]

_NAME = re.compile(r"\s*(\w+)\s*")
_KEY = re.compile(r"\s*(\w+)\s*=\s*")
_QUOTED = re.compile(r"""\s*(?:\"\"\"(.*?)\"\"\"|'''(.*?)'''|"(.*?)"|'(.*?)')\s*""", re.DOTALL)
_BARE = re.compile(r"[^,()]*")
_LIST = re.compile(r"\s*list\s*\(")
# A value up to a comment; '#' inside quotes does not start one.
_VALUE = re.compile(r"""((?:\"\"\".*?\"\"\"|'''.*?'''|"[^"]*"|'[^']*'|[^#])*?)\s*(#.*)?$""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One text in a check; ``quoted`` tells ``'None'`` from ``None``."""

    text: str
    quoted: bool = False

    @property
    def value(self) -> str | None:
        """The text, or None for a bare ``None``."""
        return None if self.text == "None" and not self.quoted else self.text


@dataclass(frozen=True, slots=True)
class CheckCall:
    """A check text taken apart."""

    name: str
    args: tuple[Token | list[Token], ...] = ()
    kwargs: tuple[tuple[str, Token | list[Token]], ...] = ()


def split_comment(text: str) -> tuple[str, str]:
    """Split ``check(...)  # help`` into the check and the comment, which keeps its ``#`` (empty if there is none)."""
    match = _VALUE.match(text)
    if match is None:
        return text.strip(), ""
    return match[1].strip(), match[2] or ""


def parse_check_text(text: str) -> CheckCall:
    """Take ``name(arg, key=value)`` apart.

    Raises
    ------
    ValueError
        The text is not of that form.
    """
    match = _NAME.match(text)
    if match is None:
        raise ValueError(f"no check name in '{text}'")
    rest = text[match.end() :].strip()
    if not rest:
        return CheckCall(match[1])
    if not (rest.startswith("(") and rest.endswith(")")):
        raise ValueError(f"'{text}' is not of the form check(argument, name=value)")
    args: list[Token | list[Token]] = []
    kwargs: list[tuple[str, Token | list[Token]]] = []
    body, position = rest[1:-1], 0
    while position < len(body.rstrip()):
        key = _KEY.match(body, position)
        item, position = _item(body, key.end() if key else position)
        if key:
            kwargs.append((key[1], item))
        else:
            args.append(item)
        position = _after_comma(body, position)
    return CheckCall(match[1], tuple(args), tuple(kwargs))


def _item(body: str, position: int) -> tuple[Token | list[Token], int]:
    opening = _LIST.match(body, position)
    if opening is None:
        return _scalar(body, position)
    items: list[Token] = []
    position = opening.end()
    while body[position : position + 1] != ")":
        item, position = _scalar(body, position)
        if item.text or item.quoted:
            items.append(item)
        position = _after_comma(body, position, closing=True)
    return items, position + 1


def _scalar(body: str, position: int) -> tuple[Token, int]:
    quoted = _QUOTED.match(body, position)
    if quoted:
        text = next(group for group in quoted.groups() if group is not None)
        return Token(text, quoted=True), quoted.end()
    bare = _BARE.match(body, position)
    assert bare is not None
    return Token(bare[0].strip()), bare.end()


def _after_comma(body: str, position: int, closing: bool = False) -> int:
    """Skip white space and a comma; anything else there is an error."""
    while position < len(body) and body[position].isspace():
        position += 1
    if closing and body[position : position + 1] == ")":
        return position
    if position < len(body) and body[position] == ",":
        return position + 1
    if position < len(body) or closing:
        raise ValueError(f"'{body}': unexpected text at '{body[position:]}'")
    return position


def format_literal(value: Any) -> str:
    """Write a default or argument as the spec language does: ``None``, numbers, quoted texts, ``list(...)``."""
    if isinstance(value, list | tuple):
        return f"list({', '.join(format_literal(item) for item in value)})"
    if not isinstance(value, str):
        return repr(value)
    for quote in ("'", '"', "'''", '"""'):
        if quote not in value and not (len(quote) == 3 and value.endswith(quote[0])):
            return f"{quote}{value}{quote}"
    raise ValueError(f"a text with every kind of quotes cannot be written in a spec: {value!r}")
