"""The association: a document that lists products and the exposures they are made of (spec associations.md §4)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, ClassVar, NamedTuple

from jwst.associations.equality import same_association
from jwst.associations.exceptions import AssociationNotValidError
from jwst.associations.not_built import refusal
from jwst.associations.schemas import problems
from jwst.associations.serialization import read_document, write_document

__all__ = ["DISCOVERED", "Association", "Candidate", "ListOptions", "members_of", "warn_of_folders"]

_FOLDER_WARNING = (
    "The association names members with their folders, which makes it hard to move or share: use bare file names, and "
    "keep the association in the folder of its members."
)


class Candidate(NamedTuple):
    """What an association was asked for as.

    Attributes
    ----------
    id : str
        ``oNNN``, ``cNNNN`` or ``aNNNN``.
    type : str
        ``"observation"``, ``"background"`` …, or ``"DISCOVERED"`` where nothing asked for it.
    """

    id: str
    type: str


DISCOVERED = Candidate("a3001", "DISCOVERED")


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How `jwst.associations.asn_from_list.asn_from_list` makes products of items; see there."""

    product_name: str | None = None
    with_exptype: bool = False
    meta: Mapping[str, Any] | None = None
    product_name_func: Callable[..., Any] | None = None
    acid: str | None = None


class Association(MutableMapping[str, Any]):
    """A mapping over the document of an association.

    Parameters
    ----------
    version_id : str, bool or None, optional
        Text that is put into the name; True for the time, as ``YYYYMMDDThhmmss`` (UTC).

    Attributes
    ----------
    data : dict
        The document itself. Items of the association are items of this dict; nothing is checked on assignment.
    meta : dict
        Information that is not written to files.
    version_id : str or None
        Text in the name.
    validity : dict of str to dict
        Tests of the rule: ``validated`` (bool) and ``check`` (callable of a member). ``validated`` may be set by hand.
    filename : str
        File it was read from; only where it was read from one.
    from_items : list
        What the members were made from.
    """

    schema: ClassVar[Mapping[str, Any] | None] = None
    """JSON schema of the document; None for no check."""

    registry: ClassVar[Any] = None

    filename: str

    def __init__(self, version_id: str | bool | None = None) -> None:
        from jwst import __version__

        self.version_id = _time_stamp() if version_id is True else version_id or None
        self.meta: dict[str, Any] = {}
        self.validity: dict[str, dict[str, Any]] = {}
        self.from_items: list[Any] = []
        self._name: str | None = None
        self.data: dict[str, Any] = {
            "asn_type": "None",
            "asn_rule": self.asn_rule,
            "version_id": self.version_id,
            "code_version": __version__,
        }

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.data[key] = value

    def __delitem__(self, key: str) -> None:
        del self.data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        """Whether the other association has the same products of the same members; see `same_association`."""
        if not isinstance(other, Association):
            return NotImplemented
        return same_association(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        try:
            return write_document(self.data)
        except AssociationNotValidError:
            return f"<{type(self).__name__} {self.asn_name}: {self.data!r}>"

    def __str__(self) -> str:
        products = self.data.get("products") or []
        lines = [f"{self.asn_name} with {len(products)} products", f"Rule={self.asn_rule}"]
        lines += [str(self.data.get("constraints", "No constraints")), "Products:"]
        lines += [f"\t{one.get('name')} with {len(one.get('members', ()))} members" for one in products]
        return "\n".join(lines)

    @property
    def asn_rule(self) -> str:
        """Name of the rule, which is that of the class."""
        return type(self).__name__

    @classmethod
    def rule_name(cls) -> str:
        """Name of the rule, which is that of the class."""
        return cls.__name__

    @property
    def asn_name(self) -> str:
        """Name without extension; made of the content unless it has been set."""
        return self._name or self._made_name()

    @asn_name.setter
    def asn_name(self, name: str) -> None:
        self._name = name

    def _made_name(self) -> str:
        return "unnamed_association"

    @property
    def acid(self) -> Candidate:
        """What the association was asked for as."""
        return DISCOVERED

    @property
    def item_ids(self) -> list[Any]:
        """Names of the exposures in ``from_items``."""
        return [item.get("filename") if isinstance(item, Mapping) else item for item in self.from_items]

    @property
    def is_valid(self) -> bool:
        """Whether the document agrees with the schema and the tests of the rule are passed; never raises."""
        return not self.problems()

    def problems(self) -> list[str]:
        """Everything that keeps the association from being valid."""
        found = [] if self.schema is None else list(problems(self.data, self.schema))
        if not found:
            self.recheck()
        return found + [f"its test {name!r} is not passed" for name, test in self.validity.items() if not _passed(test)]

    def recheck(self) -> None:
        """Run those tests again that have not been passed, on all members as they are now."""
        members = [one for product in self.data.get("products", ()) for one in product.get("members", ())]
        for test in self.validity.values():
            test["validated"] = _passed(test) or any(test["check"](member) for member in members)

    @classmethod
    def validate(cls, asn: Mapping[str, Any], where: str = "The association") -> bool:
        """Check that a document agrees with the schema.

        Parameters
        ----------
        asn : mapping
            The document.
        where : str, optional
            How the message calls it.

        Returns
        -------
        bool
            True.

        Raises
        ------
        AssociationNotValidError
            It does not; the text names every place.
        """
        tree = asn.data if isinstance(asn, Association) else asn
        found = [] if cls.schema is None else list(problems(tree, cls.schema))
        if found:
            raise AssociationNotValidError(f"{where} is not valid: {'; '.join(found)}")
        warn_of_folders(tree, stacklevel=3)
        return True

    def dump(self, fmt: str | None = None, format: str = "json") -> tuple[str, str]:  # noqa: A002
        """Write the association as a text.

        Parameters
        ----------
        fmt, format : {"json", "yaml"}, optional
            Two spellings of the same thing; ``fmt`` wins. YAML is deprecated.

        Returns
        -------
        name : str
            Name that the file ought to have.
        text : str
            Its content.

        Raises
        ------
        AssociationNotValidError
            The association is not valid; the text says why.
        """
        found = self.problems()
        if found:
            hand = "; a test is passed by hand with asn.validity[NAME]['validated'] = True" if self.validity else ""
            raise AssociationNotValidError(f"Association {self.asn_name} is not valid: {'; '.join(found)}{hand}")
        warn_of_folders(self.data, stacklevel=3)
        chosen = fmt or format
        return f"{self.asn_name}.{chosen}", write_document(self.data, chosen)

    @classmethod
    def load(cls, serialized: str | os.PathLike[str] | IO[Any], fmt: str | None = None, validate: bool = True) -> dict:
        """Read a document; no other rule is consulted.

        Parameters
        ----------
        serialized : str, Path or file
            Text, open file, or path of a file.
        fmt : {"json", "yaml"}, optional
            What to try first.
        validate : bool, optional
            Check it against the schema of this class.

        Returns
        -------
        dict

        Raises
        ------
        AssociationNotValidError
            It cannot be read, or is not valid.
        """
        document = read_document(serialized, fmt)
        if not isinstance(document.tree, dict):
            raise AssociationNotValidError(f"{document.what} is not valid: it holds a {type(document.tree).__name__}")
        if validate:
            cls.validate(document.tree, document.what)
        return document.tree

    def fill(self, items: Sequence[Any], options: ListOptions) -> None:
        """Take items without asking any constraint; a bare association keeps them under ``members``."""
        self.data["members"] = list(items)

    def adopt(self, tree: Mapping[str, Any]) -> None:
        """Take over a document that was read from a file."""
        self.update(tree)
        self.recheck()

    def add(self, item: Any, check_constraints: bool = True) -> Any:
        """Offer an exposure of a pool; needs the generator, which is not part of this release."""
        raise refusal("Association.add")

    @classmethod
    def create(cls, item: Any, version_id: str | None = None) -> Any:
        """Start an association with an exposure of a pool; needs the generator, which is not part of this release."""
        raise refusal("Association.create")

    def finalize(self) -> Any:
        """End the generation of this association; needs the generator, which is not part of this release."""
        raise refusal("Association.finalize")


def _passed(test: Mapping[str, Any]) -> bool:
    return bool(test["validated"])


def members_of(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Members of all products of a document that agrees with the schema."""
    for product in tree.get("products", ()):
        yield from product.get("members", ())


def warn_of_folders(tree: Mapping[str, Any], stacklevel: int) -> None:
    """Warn where a document names members with their folders."""
    names = (member.get("expname") for member in members_of(tree))
    if any(os.path.dirname(name) for name in names if isinstance(name, str)):
        warnings.warn(_FOLDER_WARNING, UserWarning, stacklevel=stacklevel)


def _time_stamp() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y%m%dt%H%M%S")
