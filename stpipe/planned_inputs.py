"""The members of an input that is several: a list, an association, a container or a library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stpipe.run_state import file_name_of

__all__ = ["member_names"]


def member_names(init: Any) -> tuple[str | None, ...] | None:
    """File names of the members of an input; nothing but an association file is read.

    Parameters
    ----------
    init : object
        List or tuple of paths and models, path of an association or its mapping, container, library; or a single input.

    Returns
    -------
    tuple of (str or None), or None
        A name is None where a member has none. None for a single input, and for an association that cannot be read.
    """
    from stpipe.outputs import is_library

    if isinstance(init, str | os.PathLike):
        return _of_association(_loaded(init)) if os.fspath(init).endswith(".json") else None
    if isinstance(init, Mapping):
        return _of_association(init)
    if is_library(init):
        return _of_members(init.asn["products"][0]["members"])
    if isinstance(init, Sequence):
        return tuple(file_name_of(item) for item in init)
    return None


def _loaded(path: str | os.PathLike[str]) -> Any:
    import json

    try:
        with open(os.path.expandvars(os.path.expanduser(path)), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def _of_association(association: Any) -> tuple[str | None, ...] | None:
    """Names in the first product, the one that is used."""
    try:
        return _of_members(association["products"][0]["members"])
    except (KeyError, IndexError, TypeError):
        return None


def _of_members(members: Iterable[Mapping[str, Any]]) -> tuple[str | None, ...]:
    return tuple(member.get("expname") for member in members)
