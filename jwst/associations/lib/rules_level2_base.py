"""What all rules of level 2 have in common: each exposure makes its own product."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jwst.associations.association import Candidate, ListOptions
from jwst.associations.equality import product_root
from jwst.associations.exceptions import AssociationNotValidError
from jwst.associations.lib.member import Member
from jwst.associations.lib.products import ProductAssociation, listed_items
from jwst.associations.schemas import LEVEL2_SCHEMA

__all__ = ["DMSLevel2bBase"]

log = logging.getLogger(__name__)

_KINDS = {"o": "observation", "c": "background"}


class DMSLevel2bBase(ProductAssociation):
    """Association of level 2; with no constraints of its own, for lists that a user gives."""

    schema = LEVEL2_SCHEMA

    def __init__(self, version_id: str | bool | None = None) -> None:
        super().__init__(version_id)
        self.data["asn_pool"] = "none"

    def checks(self) -> dict[str, Callable[[Mapping[str, Any]], bool]]:
        """Tests of the rule by name."""
        return {**super().checks(), "allowed_candidates": self._allows_candidate}

    def _allows_candidate(self, member: Mapping[str, Any]) -> bool:
        """Whether it was asked for as an observation, or as a background and has one."""
        if self.acid.type == "background":
            return str(member.get("exptype")).lower() == "background"
        return self.acid.type == "observation"

    def fill(self, items: Sequence[Any], options: ListOptions) -> None:
        """Make a product of each item.

        Raises
        ------
        AssociationNotValidError
            The candidate id has a form that is not known.
        """
        if options.product_name:
            log.warning(
                "The product name %s is not used: products of level 2 are named after their exposures",
                options.product_name,
            )
        self._candidate = _candidate(options.acid or "o999")
        self.data["products"] = []
        for number, (expname, exptype) in enumerate(listed_items(items, options), start=1):
            self.new_product(_product_name(expname, number, options.product_name_func))
            self.append_member(Member({"expname": expname, "exptype": exptype}, item=expname))
        self.update(options.meta or {})


def _candidate(acid: str) -> Candidate:
    if not re.fullmatch(r"[oc]\d+", acid):
        raise AssociationNotValidError(
            f'Invalid association id specified: "{acid}"\n\tMust be of form "oXXX" or "c1XXX"'
        )
    return Candidate(acid, _KINDS[acid[0]])


def _product_name(expname: Any, number: int, name_func: Callable[..., Any] | None) -> str:
    """Name that the function gives; without one, or where it fails, the one that the exposure has."""
    if name_func is not None:
        try:
            return str(name_func(expname, number))
        except Exception as error:
            log.debug("No product name from %s: %s", name_func, error)
    if isinstance(expname, str):
        return product_root(expname)
    return os.path.splitext(os.path.basename(expname.meta.filename or "undefined"))[0]
