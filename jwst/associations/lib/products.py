"""Associations that list products: what the rules of levels 2 and 3 have in common (spec associations.md §4, §5.1)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from jwst.associations.association import DISCOVERED, Association, Candidate, ListOptions
from jwst.associations.lib.member import Member

__all__ = ["ProductAssociation", "expname_of", "listed_items", "passed_with"]

_NO_ERRORS = "No known degraded exposures in association."
_numbers = itertools.count(2)


class ProductAssociation(Association):
    """An association whose document lists products; see `Association` for the rest."""

    def __init__(self, version_id: str | bool | None = None) -> None:
        super().__init__(version_id)
        self._number = next(_numbers)
        self._candidate = DISCOVERED
        self.data |= {
            "degraded_status": _NO_ERRORS,
            "program": "noprogram",
            "constraints": "No constraints",
            "asn_id": DISCOVERED.id,
        }
        for name, check in self.checks().items():
            self.validity[name] = {"validated": False, "check": check}

    def checks(self) -> dict[str, Callable[[Mapping[str, Any]], bool]]:
        """Tests of the rule by name; each is asked for every member, and passed when it once says True."""
        return {"has_science": passed_with("science")}

    @property
    def acid(self) -> Candidate:
        """What the association was asked for as; its id is part of the name."""
        return self._candidate

    def _made_name(self) -> str:
        parts = [self.acid.id, self.version_id, self.data.get("asn_type"), f"{self._number:05d}", "asn"]
        program = f"{self.data.get('program')!s:0>5}"
        return f"jw{program}-{'_'.join(str(part) for part in parts if part)}".lower()

    @property
    def current_product(self) -> dict[str, Any]:
        """The last product."""
        return self.data["products"][-1]

    def new_product(self, product_name: str = "undefined") -> None:
        """Append a product without members."""
        self.data.setdefault("products", []).append({"name": product_name, "members": []})

    def members_by_type(self, member_type: str) -> list[Mapping[str, Any]]:
        """Members of the current product that have an exposure type, compared without case."""
        kind = member_type.lower()
        members = self.current_product["members"] if self.data.get("products") else []
        return [member for member in members if str(member["exptype"]).lower() == kind]

    def has_science(self) -> bool:
        """Whether the current product has a science member."""
        return bool(self.members_by_type("science"))

    def append_member(self, member: Member) -> None:
        """Append a member to the current product, and run the tests of the rule on it."""
        self.current_product["members"].append(member)
        self.from_items.append(member.item)
        for test in self.validity.values():
            test["validated"] = test["validated"] or test["check"](member)

    def adopt(self, tree: Mapping[str, Any]) -> None:
        """Take over a document that was read from a file.

        Tests that ask what the association was asked for as count as passed: the document was made with them.
        """
        super().adopt(tree)
        asn_id = str(self.data.get("asn_id", ""))
        kind = {"o": "observation", "c": "candidate"}.get(asn_id[:1])
        self._candidate = Candidate(asn_id, kind) if kind else self._candidate
        for name in self.validity.keys() - {"has_science", "has_psf", "has_pair"}:
            self.validity[name]["validated"] = True


def passed_with(exptype: str) -> Callable[[Mapping[str, Any]], bool]:
    """Test that a member of an exposure type passes."""
    return partial(_is_of_type, exptype)


def _is_of_type(exptype: str, member: Mapping[str, Any]) -> bool:
    return str(member.get("exptype")).lower() == exptype


def listed_items(items: Any, options: ListOptions) -> Iterator[tuple[Any, str]]:
    """Name or model, and exposure type, of each item.

    Parameters
    ----------
    items : list, or one item
        Names, paths and models; pairs of these and exposure types where the options say so.
    options : ListOptions
        ``with_exptype`` is used.

    Yields
    ------
    expname : str or model
    exptype : str
        ``"science"`` where it is not given, or empty.

    Raises
    ------
    TypeError
        An item is something else.
    """
    alone = isinstance(items, str | os.PathLike) or hasattr(items, "meta")
    for index, item in enumerate([items] if alone else items):
        exptype: Any = None
        if options.with_exptype:
            if isinstance(item, str) or not isinstance(item, Sequence) or len(item) != 2:
                raise TypeError(f"with_exptype=True takes pairs (name, exptype), and item {index} is {item!r}")
            item, exptype = item
        yield expname_of(item, index), str(exptype or "science")


def expname_of(item: Any, index: int) -> Any:
    """Item as it is written as ``expname``: a text, or a data model itself.

    Raises
    ------
    TypeError
        It is neither a name nor a model.
    """
    if isinstance(item, str | os.PathLike):
        return str(os.fspath(item))
    if hasattr(item, "meta"):
        return item
    hint = "; pairs (name, exptype) need with_exptype=True" if isinstance(item, tuple | list) else ""
    raise TypeError(f"An association is made of names, paths or models, and item {index} is {item!r}{hint}")
