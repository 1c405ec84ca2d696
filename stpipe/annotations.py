"""Types of parameters from annotations and defaults."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any

__all__ = ["annotation_of", "plain_type", "type_of_default"]

_ELEMENTS = (bool, int, float, str)


def annotation_of(owner: type, name: str) -> Any:
    """Return the annotation that a class itself gives an attribute, evaluated; None if there is none.

    Raises
    ------
    TypeError
        The annotation cannot be evaluated.
    """
    annotation = owner.__dict__.get("__annotations__", {}).get(name)
    if isinstance(annotation, str):
        module = sys.modules.get(owner.__module__)
        namespace = {**vars(typing), **(vars(module) if module else {})}
        try:
            annotation = eval(annotation, namespace, dict(vars(owner)))
        except Exception as error:
            raise TypeError(f"Parameter '{name}' of {owner.__name__}: annotation {annotation!r}: {error}") from error
    if typing.get_origin(annotation) is typing.ClassVar:
        return None
    return annotation


def plain_type(declared: Any) -> tuple[Any, bool]:
    """Return a type without ``| None``, and whether that was there; ``List[int]`` becomes ``list[int]``."""
    optional = False
    if typing.get_origin(declared) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(declared) if member is not type(None)]
        optional = len(members) < len(typing.get_args(declared))
        if len(members) != 1:
            return declared, optional
        declared = members[0]
    if typing.get_origin(declared) is tuple:
        return tuple, optional
    if typing.get_origin(declared) is list:
        element = typing.get_args(declared)
        return list[element[0]] if element else list, optional  # type: ignore[valid-type]
    if declared in (typing.List, typing.Tuple):  # noqa: UP006
        return (list if declared is typing.List else tuple), optional  # noqa: UP006
    return declared, optional


def type_of_default(default: Any, name: str) -> Any:
    """Return the type that a default stands for; of a list with elements of one type, that type too.

    Raises
    ------
    TypeError
        The default is None.
    """
    if default is None:
        raise TypeError(f"Parameter '{name}': a default of None needs an annotation or type=, e.g. type=float")
    if isinstance(default, list) and default:
        kinds = {type(item) for item in default}
        for element in _ELEMENTS:
            if kinds == {element}:
                return list[element]  # type: ignore[valid-type]
        if kinds == {int, float}:
            return list[float]
    return type(default)
