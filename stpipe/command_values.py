"""Values typed on a command line: texts, lists, None (spec framework.md §14)."""

from __future__ import annotations

import re
from typing import Any

from stpipe.parameters import Param

__all__ = ["parse_value"]

_COMMENT = re.compile(r"""^((?>(?:"[^"]*"|'[^']*'|(?!\s+#).)*))\s+#.*$""", re.DOTALL)
_TEXT_CHECKS = frozenset({"string", "option", "input_file", "output_file", "is_string_or_datamodel"})


def parse_value(text: str, param: Param[Any] | None = None) -> Any:
    """Turn the text after ``--par=`` into a value for `Param.convert`.

    Parameters
    ----------
    text : str
        As typed: ``1,2`` and ``[1,2]`` are lists, ``a,`` a list of one, ``,`` and ``[]`` empty lists, ``"a,b"`` with
        inner quotes a text. White space and ``#`` outside of quotes start a comment. ``None`` is None where the default
        is None, or the declared type allows it and is no text.
    param : Param, optional
        What the value is for.

    Returns
    -------
    str, list of str, or None
        The value, its elements still texts.
    """
    text = _COMMENT.sub(r"\1", text)
    check = param.check_name if param is not None else ""
    if text == "None" and param is not None and param.optional and (check != "string" or param.default is None):
        return None
    if _is_quoted(text):
        return text[1:-1]
    if check in _TEXT_CHECKS:
        return text
    if text.startswith("[") and text.endswith("]"):
        return _elements(text[1:-1])
    return _elements(text) if _has_comma(text) else text


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]


def _pieces(text: str) -> list[str]:
    """Split at commas outside quotes."""
    return re.findall(r"""((?:"[^"]*"|'[^']*'|[^,])*)(?:,|$)""", text)


def _has_comma(text: str) -> bool:
    return len(_pieces(text)) > 2 or text.endswith(",")


def _elements(text: str) -> list[str]:
    pieces = [piece.strip() for piece in _pieces(text)]
    while pieces and not pieces[-1]:
        pieces.pop()
    return [piece[1:-1] if _is_quoted(piece) else piece for piece in pieces]
