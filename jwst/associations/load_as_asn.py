"""Make an association of anything that a step may be given (spec associations.md §3)."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from jwst.associations.asn_from_list import asn_from_list
from jwst.associations.association import Association, members_of
from jwst.associations.exceptions import AssociationNotValidError
from jwst.associations.lib.rules_level2_base import DMSLevel2bBase
from jwst.associations.load_asn import Registry, checked_document
from jwst.associations.registry import AssociationRegistry
from stpipe.library_members import is_uri

__all__ = ["LoadAsAssociation", "LoadAsLevel2Asn", "place_members"]

_SINGLETON = MappingProxyType({"program": "singleton", "target": "singleton", "asn_pool": "singleton"})
_ASSOCIATIONS = (".json", ".yaml", ".yml")
_EXPOSURES = (".fits", ".fits.gz", ".asdf")


class LoadAsAssociation(dict):
    """Namespace of `load`."""

    @classmethod
    def load(
        cls,
        obj: Any,
        meta: Mapping[str, Any] = _SINGLETON,
        registry: Registry = AssociationRegistry,
        rule: type[Association] = Association,
        product_name_func: Callable[[Any, int], str] | None = None,
        *,
        allow_outside: bool = False,
    ) -> Any:
        """Read the association in a file, or make one of exposures.

        Parameters
        ----------
        obj : str, Path, association, mapping, list, container or model
            A file with an association; an association; otherwise exposures for
            `jwst.associations.asn_from_list.asn_from_list`.
        meta : mapping, optional
            Put into the document of an association that is made here.
        registry : AssociationRegistry, class of it, or None
            Rules that a file is checked with.
        rule : type of Association, optional
            Class of the result. A bare `Association` keeps exposures under ``members``.
        product_name_func : callable, optional
            Gives names of products.
        allow_outside : bool, optional
            Accept members outside of the folder of the file.

        Returns
        -------
        Association
            Instance of ``rule``; ``filename`` is the path of the file, or ``"singleton"``.

        Raises
        ------
        AssociationNotValidError
            The file cannot be used; the text names the file and the place.
        FileNotFoundError
            There is no such file.
        """
        tree = _document_of(obj, registry, allow_outside=allow_outside)
        if tree is None:
            made = asn_from_list(_exposures(obj), rule=rule, meta=meta, product_name_func=product_name_func)
            made.filename = "singleton"
            return made
        asn = rule()
        asn.adopt(tree)
        asn.filename = os.fspath(obj) if isinstance(obj, str | os.PathLike) else getattr(obj, "filename", "singleton")
        return asn


class LoadAsLevel2Asn(dict):
    """Namespace of `load`."""

    @classmethod
    def load(cls, obj: Any, basename: str | None = None, *, allow_outside: bool = False) -> Any:
        """Read the association in a file, or make one of exposures, each of which is a product.

        Parameters
        ----------
        obj : str, Path, association, mapping, list, container or model
            See `LoadAsAssociation.load`.
        basename : str, optional
            Products of exposures are named by its stem, with ``_2``, ``_3`` … from the second on. By default the names
            are those of the exposures: of files without, of models with their suffix.
        allow_outside : bool, optional
            Accept members outside of the folder of the file.

        Returns
        -------
        DMSLevel2bBase
        """
        name_func = partial(_numbered_name, basename) if basename else None
        if isinstance(obj, str) and obj.endswith(".fits"):
            meta = {"asn_pool": "singleton"}
            return asn_from_list([obj], rule=DMSLevel2bBase, meta=meta, product_name_func=name_func)
        return LoadAsAssociation.load(
            obj, rule=DMSLevel2bBase, product_name_func=name_func, allow_outside=allow_outside
        )


def place_members(asn: Association, input_dir: str) -> None:
    """Give the members of an association names that can be opened, in place.

    Parameters
    ----------
    asn : Association
        Models stay, and full paths.
    input_dir : str
        Put in front of bare names; where it is empty, the folder of the association's file is. That folder is also put
        in front of names with a folder where the file is there and not below the current folder.
    """
    filename = getattr(asn, "filename", "singleton")
    own = "" if filename == "singleton" else os.path.dirname(filename)
    for member in members_of(asn.data):
        name = member["expname"]
        if not isinstance(name, str) or os.path.isabs(name) or is_uri(name):
            continue
        if not os.path.dirname(name):
            member["expname"] = os.path.join(input_dir or own, name)  # type: ignore[index]
        elif own and not os.path.exists(name) and os.path.exists(os.path.join(own, name)):
            member["expname"] = os.path.join(own, name)  # type: ignore[index]


def _numbered_name(basename: str, item: Any, number: int) -> str:
    stem = os.path.splitext(os.path.basename(basename))[0]
    return stem if number == 1 else f"{stem}_{number}"


def _document_of(obj: Any, registry: Registry, *, allow_outside: bool) -> dict[str, Any] | None:
    """Document that a thing is, or that the file of a name holds; None where it is an exposure or several."""
    if isinstance(obj, Association):
        return copy.deepcopy(obj.data)
    if isinstance(obj, Mapping):
        rules = registry() if isinstance(registry, type) else registry
        if rules is not None:
            rules.matching(obj)
        return copy.deepcopy(dict(obj))
    if not isinstance(obj, str | os.PathLike):
        return _document_of_container(obj)
    name = os.fspath(obj).lower()
    if name.endswith(_EXPOSURES):
        return None
    try:
        return checked_document(obj, registry, allow_outside=allow_outside)
    except (OSError, AssociationNotValidError):
        if name.endswith(_ASSOCIATIONS):
            raise
        return None


def _document_of_container(obj: Any) -> dict[str, Any] | None:
    """Document of a container that was read from an association, with its models as members; else None."""
    if getattr(obj, "asn_file_path", None) is None:
        return None
    kinds = [{"expname": model, "exptype": model.meta.asn.exptype or "science"} for model in obj]
    products = obj.asn_table["products"]
    return {**obj.asn_table, "products": [{"name": products[0].get("name", "undefined"), "members": kinds}]}


def _exposures(obj: Any) -> list[Any]:
    """List of what was given."""
    if isinstance(obj, str | os.PathLike) or hasattr(obj, "meta"):
        return [obj]
    if hasattr(obj, "map_function"):
        raise TypeError("A library cannot become an association of level 2: give the file it was made from")
    return list(obj)
