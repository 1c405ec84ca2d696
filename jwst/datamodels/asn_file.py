"""Read an association: which exposures belong together, and as what (spec associations.md §2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stpipe.library_members import member_path

__all__ = ["first_science_path", "is_association", "product_members", "read_association"]


def is_association(value: object) -> bool:
    """Whether a value is an association: a mapping with a list of products."""
    return isinstance(value, Mapping) and isinstance(value.get("products"), list)


def read_association(path: str | os.PathLike) -> dict[str, Any]:
    """Read an association file.

    Parameters
    ----------
    path : str or Path
        JSON file; ``~`` and ``$VAR`` are expanded. YAML is deprecated.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It is no association; the text names every place that is wrong.
    """
    from jwst.associations.exceptions import AssociationNotValidError
    from jwst.associations.schemas import LEVEL3_SCHEMA, problems
    from jwst.associations.serialization import read_document

    path = Path(os.path.expandvars(os.path.expanduser(path)))
    try:
        association = read_document(path).tree
    except AssociationNotValidError as error:
        raise OSError(f"Cannot read ASN file. {error}") from error
    found = list(problems(association, LEVEL3_SCHEMA))
    if found:
        raise OSError(f"Cannot read ASN file. {path} is not valid: {'; '.join(found)}")
    return association


def product_members(association: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Members of the first product.

    Raises
    ------
    OSError
        There is no product, or a member has no ``expname`` or ``exptype``.
    """
    products = association["products"]
    if not products:
        raise OSError("Cannot read ASN file. The association has no product.")
    members = list(products[0].get("members", ()))
    for member in members:
        if "expname" not in member or "exptype" not in member:
            raise OSError(f"Cannot read ASN file. A member needs expname and exptype: {member}")
    return members


def first_science_path(path: str | os.PathLike) -> str:
    """Path of the first science member of an association file.

    Raises
    ------
    ValueError
        It has no science member.
    """
    folder = os.path.dirname(os.path.expandvars(os.path.expanduser(path)))
    for member in product_members(read_association(path)):
        if str(member["exptype"]).lower() == "science":
            return member_path(str(member["expname"]), folder)
    raise ValueError(f"The association {os.fspath(path)} has no science member")
