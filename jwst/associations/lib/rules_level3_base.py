"""What all rules of level 3 have in common: many exposures make one product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jwst.associations.association import ListOptions
from jwst.associations.exceptions import AssociationNotValidError
from jwst.associations.lib.member import Member
from jwst.associations.lib.products import ProductAssociation, listed_items
from jwst.associations.schemas import LEVEL3_SCHEMA

__all__ = ["DMS_Level3_Base"]


class DMS_Level3_Base(ProductAssociation):
    """Association of level 3; with no constraints of its own, for lists that a user gives."""

    schema = LEVEL3_SCHEMA

    def __init__(self, version_id: str | bool | None = None) -> None:
        super().__init__(version_id)
        self.data |= {"target": "none", "asn_pool": "none"}

    def fill(self, items: Sequence[Any], options: ListOptions) -> None:
        """Make one product of all items.

        Raises
        ------
        AssociationNotValidError
            It has no name.
        """
        if not options.product_name:
            raise AssociationNotValidError("Product name needs to be specified")
        self.new_product(options.product_name)
        for expname, exptype in listed_items(items, options):
            self.append_member(Member({"expname": expname, "exptype": exptype}, item=expname))
