"""What a parameter accepts, in words: for messages and descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.parameters import Param

__all__ = ["allowed_values", "type_name"]

_KINDS = {
    "input_file": "an existing file",
    "output_file": "a file name",
    "datamodel": "a data model",
    "string_or_datamodel": "a file name or a data model",
}
_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    list: "a list",
    tuple: "a tuple",
}


def allowed_values(param: Param[Any]) -> str:
    """Tell what a parameter accepts.

    Parameters
    ----------
    param : Param
        Declaration.

    Returns
    -------
    str
        E.g. ``a number >= 0 [sigma] (default 4.0)``, ``'both' or 'high' (default 'both')``.
    """
    text = " or ".join(repr(choice) for choice in param.choices) if param.choices else _values(param)
    return text if param.required else f"{text} (default {param.default!r})"


def type_name(param: Param[Any]) -> str:
    """Name of the type as in a declaration: ``float``, ``list[int]``; the name of the check where there is none."""
    if param.type is not None and getattr(param.type, "__args__", None):
        return str(param.type)
    return getattr(param.type, "__name__", None) or param.check_name


def _values(param: Param[Any]) -> str:
    name = _KINDS.get(param.kind or "") or (None if param.type is None else _NAMES.get(param.type))
    limits = ((">=", param.ge), (">", param.gt), ("<=", param.le), ("<", param.lt))
    bounds = "".join(f" {sign} {limit:g}" for sign, limit in limits if limit is not None)
    return (name or type_name(param)) + bounds + _length(param) + (f" [{param.unit}]" if param.unit else "")


def _length(param: Param[Any]) -> str:
    least, most = param.min_length, param.max_length
    if least is None and most is None:
        return ""
    if least == most:
        return f" of length {least}"
    limits = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    return f" of length {' and '.join(limits)}"
