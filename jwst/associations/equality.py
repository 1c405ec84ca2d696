"""When two associations are the same (spec associations.md §13)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

__all__ = ["product_root", "same_association"]


def product_root(name: str) -> str:
    """File name without its extension and one known suffix; the folder stays.

    Parameters
    ----------
    name : str
        For example ``"in/x_rate.fits"``, which gives ``"in/x"``; of ``.fits.gz`` both parts go.
    """
    from jwst.lib.suffix import remove_suffix

    folder, base = os.path.split(name)
    stem = base[: -len(".fits.gz")] if base.lower().endswith(".fits.gz") else os.path.splitext(base)[0]
    return os.path.join(folder, remove_suffix(stem)[0])


def same_association(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents have the same type, kind of candidate, and products of the same members.

    Parameters
    ----------
    one, other : mapping
        The documents. Names of products are compared as sets of their parts between ``_`` and ``-``, names of members
        without folder, extension and known suffix, exposure types without case.
    """
    return _key(one) == _key(other)


def _key(tree: Mapping[str, Any]) -> tuple[Any, ...]:
    candidate = str(tree.get("asn_id", ""))[:1]
    products = Counter(_product_key(product) for product in tree.get("products", ()))
    return tree.get("asn_type"), candidate, products


def _product_key(product: Mapping[str, Any]) -> tuple[Any, ...]:
    parts = frozenset(re.split("[_-]", str(product.get("name", ""))))
    return parts, frozenset(Counter(_member_key(member) for member in product.get("members", ())).items())


def _member_key(member: Mapping[str, Any]) -> tuple[str, str]:
    name = member.get("expname")
    text = os.path.basename(product_root(os.fspath(name))) if isinstance(name, str | os.PathLike) else repr(name)
    return text, str(member.get("exptype")).lower()
