"""Associations as a model library sees them: members, their paths and groups (spec framework.md §17)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = [
    "expanded",
    "first_product",
    "free_name",
    "is_uri",
    "lies_outside",
    "member_path",
    "plain_copy",
    "portable",
    "read_only",
    "wanted_members",
]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def expanded(path: str) -> str:
    """Path with ``~`` and ``$VAR`` expanded."""
    return os.path.expandvars(os.path.expanduser(path))


def is_uri(name: str) -> bool:
    """Whether a name is a URI (``s3://…``) and no path."""
    return _URI.match(name) is not None


def member_path(name: str, folder: str) -> str:
    """Path of a member of an association.

    Parameters
    ----------
    name : str
        ``expname``: a URI, which is kept as it is, or a path, in which ``~`` and ``$VAR`` are expanded.
    folder : str
        Folder that a relative path starts from.
    """
    return name if is_uri(name) else os.path.join(folder, expanded(name))


def lies_outside(name: str, folder: str) -> bool:
    """Whether a member lies outside of a folder.

    Parameters
    ----------
    name : str
        ``expname``; a URI lies nowhere, which counts as inside.
    folder : str
        Folder of the association.
    """
    path = member_path(name, folder)
    top = os.path.abspath(folder)
    return not is_uri(path) and os.path.commonpath([top, os.path.abspath(path)]) != top


def plain_copy(value: Any) -> Any:
    """Copy nested mappings and sequences to dicts and lists."""
    if isinstance(value, Mapping):
        return {key: plain_copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_copy(item) for item in value]
    return value


def read_only(value: Any) -> Any:
    """View of nested dicts and lists as read-only mappings and tuples."""
    if isinstance(value, dict):
        return MappingProxyType({key: read_only(item) for key, item in value.items()})
    if isinstance(value, list):
        return tuple(read_only(item) for item in value)
    return value


def wanted_members(
    members: list[dict[str, Any]], exptypes: Iterable[str] | str | None, count: int | None
) -> list[dict[str, Any]]:
    """Members of the wanted exposure types, compared without case, and of these the first ``count``."""
    if exptypes is not None:
        kinds = {kind.lower() for kind in ([exptypes] if isinstance(exptypes, str) else exptypes)}
        members = [member for member in members if str(member["exptype"]).lower() in kinds]
    return members[:count]


def free_name(name: str, taken: Collection[str]) -> str:
    """Last part of a file name, with ``_1``, ``_2`` … before the extension where it is taken."""
    name = os.path.basename(name)
    stem, extension = os.path.splitext(name)
    number = 0
    while name in taken:
        number += 1
        name = f"{stem}_{number}{extension}"
    return name


def first_product(asn: Mapping[str, Any]) -> dict[str, Any]:
    """First product of an association, its members being complete.

    Raises
    ------
    ValueError
        There is no product, or a member has no ``expname`` or ``exptype``.
    """
    products = asn.get("products")
    if not products:
        raise ValueError("The association has no product: a library is made of the members of the first one.")
    product = products[0]
    product.setdefault("members", [])
    for member in product["members"]:
        if "expname" not in member or "exptype" not in member:
            raise ValueError(f"A member of an association needs expname and exptype: {member}")
    return product


def portable(asn: Mapping[str, Any], names: Iterable[str], folder: str) -> dict[str, Any]:
    """Copy of an association for another folder.

    Parameters
    ----------
    asn : mapping
        The association; the copy has its first product only.
    names : iterable of str
        Names of the members' files in that other folder.
    folder : str
        Folder of the association, from which relative paths of catalogs start.
    """
    copy = {key: plain_copy(value) for key, value in asn.items() if key != "table_name"}
    copy["products"] = copy["products"][:1]
    for member, name in zip(copy["products"][0]["members"], names):
        member["expname"] = name
        catalog = str(member.get("tweakreg_catalog") or "").strip()
        if catalog:
            member["tweakreg_catalog"] = member_path(catalog, folder)
    return copy
