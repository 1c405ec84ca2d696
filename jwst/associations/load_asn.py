"""Read an association from a file or a text, and check it (spec associations.md §3)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from jwst.associations.exceptions import AssociationNotValidError
from jwst.associations.registry import AssociationRegistry
from jwst.associations.serialization import Document, read_document
from stpipe.library_members import expanded, lies_outside

__all__ = ["checked_document", "load_asn", "outside_members"]

log = logging.getLogger(__name__)

Registry = type[AssociationRegistry] | AssociationRegistry | None


def load_asn(
    serialized: str | os.PathLike[str] | IO[Any],
    fmt: str | None = None,
    first: bool = True,
    validate: bool = True,
    registry: Registry = AssociationRegistry,
    *,
    allow_outside: bool = False,
    **kwargs: Any,
) -> Any:
    """Read an association.

    Parameters
    ----------
    serialized : str, Path or file
        An open file, the path of a file, or the text itself. JSON; YAML is deprecated.
    fmt : {"json", "yaml"}, optional
        What to try first; by default what the name of the file says.
    first : bool, optional
        False gives a list with the document for each rule whose schema it agrees with.
    validate : bool, optional
        Check it; False takes any mapping.
    registry : AssociationRegistry or None, optional
        The rules, or a class to make them with; None consults none, and checks nothing.
    allow_outside : bool, optional
        Accept relative names (``../x.fits``) that lead out of the folder of the file. A full path is accepted always,
        and nothing is asked of a text, which has no folder.
    **kwargs
        For the registry where it is a class.

    Returns
    -------
    dict, or list of dict

    Raises
    ------
    AssociationNotValidError
        It cannot be read or used; the text names the file and every place in it.
    FileNotFoundError
        There is no such file.
    """
    document = _document(serialized, fmt)
    if registry is None:
        log.warning("%s is not checked, because no rules are given (registry=None)", document.what)
        return document.tree
    if not validate:
        return document.tree if first else [document.tree]
    rules = registry(**kwargs) if isinstance(registry, type) else registry
    loaded = rules.load(document, first=first)
    _refuse_unusable(document, allow_outside=allow_outside)
    return loaded


def checked_document(path: str | os.PathLike[str], registry: Registry, *, allow_outside: bool) -> dict[str, Any]:
    """Read and check the association in a file; see `load_asn` for the errors."""
    return load_asn(Path(path), registry=registry, allow_outside=allow_outside)


def _document(serialized: Any, fmt: str | None) -> Document:
    """Read a document that is a mapping."""
    document = read_document(serialized, fmt)
    if not isinstance(document.tree, Mapping):
        held = "nothing" if document.tree is None else f"a {type(document.tree).__name__}"
        raise AssociationNotValidError(f"{document.what} is not valid: it has to be a mapping, and holds {held}")
    return document


def _refuse_unusable(document: Document, *, allow_outside: bool) -> None:
    """Refuse what agrees with the schema and cannot be processed.

    Raises
    ------
    AssociationNotValidError
        There is no product or member, or the name of a member leads out of the folder of the file.
    """
    tree, found = document.tree, []
    if not tree["products"]:
        found.append("its list of products is empty")
    for index, product in enumerate(tree["products"]):
        if not product["members"]:
            found.append(f"products[{index}] ({product.get('name', 'without name')}) has no members")
    if document.folder is not None and not allow_outside:
        found += [
            f"{one}, or give allow_outside=True if you trust it" for one in outside_members(tree, document.folder)
        ]
    if found:
        raise AssociationNotValidError(f"{document.what} is not valid: {'; '.join(found)}")


def outside_members(tree: Mapping[str, Any], folder: str) -> Iterator[str]:
    """Find members whose relative name leads out of a folder; a full path says plainly where it leads.

    Parameters
    ----------
    tree : mapping
        An association that agrees with the schema.
    folder : str
        Folder of its file.

    Yields
    ------
    str
        The place, and what to do about it.
    """
    for index, product in enumerate(tree["products"]):
        for number, member in enumerate(product["members"]):
            name = member["expname"]
            if not os.path.isabs(expanded(name)) and lies_outside(name, folder):
                yield (
                    f"products[{index}].members[{number}] is {name}, which leads out of the folder of the association; "
                    "write its full path"
                )
