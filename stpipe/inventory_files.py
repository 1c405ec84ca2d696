"""Inventories in files: YAML, associations, and lists of names (spec running.md I1)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from stpipe.exceptions import InputError
from stpipe.library_members import expanded, lies_outside, member_path

__all__ = ["association_items", "file_items"]

Groups = dict[str, Any]
_KEYS = ("exposures", "data", "groups")


def association_items(asn: Any, product: str | int | None, *, allow_outside: bool) -> tuple[list[str], Groups]:
    """Read the members of an association.

    Parameters
    ----------
    asn : str, Path or mapping
        The association.
    product : str, int or None
        Product wanted; None for all.
    allow_outside : bool
        Accept members outside of the folder of the file.

    Returns
    -------
    list of str, dict
        Paths, and those of each exposure type.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        It is no association, has no such product, or a member lies outside.
    """
    folder = None
    what = "the association"
    if not isinstance(asn, Mapping):
        path = expanded(os.fspath(asn))
        asn, folder, what = _parsed(path, _text_of(path)), os.path.dirname(path), path
    if not _is_association(asn):
        raise InputError(f"{what} is no association: it has no list of products")
    paths: list[str] = []
    groups: Groups = {}
    for one in _products(asn["products"], product, what):
        for member in _members(one, what):
            path = _member(str(member["expname"]), folder, what, allow_outside=allow_outside)
            paths.append(path)
            groups.setdefault(str(member["exptype"]).lower(), []).append(path)
    return paths, groups


def _is_association(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("products"), list)


def _products(products: list[Any], wanted: str | int | None, what: str) -> list[Any]:
    if wanted is None:
        return products
    names = [str(one.get("name")) if isinstance(one, Mapping) else "" for one in products]
    if isinstance(wanted, int) and -len(products) <= wanted < len(products):
        return [products[wanted]]
    if wanted in names:
        return [products[names.index(str(wanted))]]
    near = get_close_matches(str(wanted), names, n=3) or names
    raise InputError(f"{what} has no product {wanted!r}; there is {', '.join(near) or 'none'}")


def _members(product: Any, what: str) -> list[Mapping[str, Any]]:
    members = product.get("members", []) if isinstance(product, Mapping) else None
    if not isinstance(members, list):
        raise InputError(f"{what}: a product has no list of members: {product!r}")
    for member in members:
        if not isinstance(member, Mapping) or not member.get("expname") or not member.get("exptype"):
            raise InputError(f"{what}: a member needs expname and exptype: {member!r}")
    return members


def _member(name: str, folder: str | None, what: str, *, allow_outside: bool) -> str:
    """Path of a member; one of a file must lie in its folder."""
    if folder is not None and not allow_outside and lies_outside(name, folder):
        raise InputError(
            f"{what}: the member {name} lies outside of the folder of the association; "
            "give allow_outside=True if you trust it"
        )
    return member_path(name, folder or "")


def file_items(path: str | os.PathLike[str], *, allow_outside: bool = False) -> tuple[Any, Groups]:
    """Read an inventory from a file.

    Parameters
    ----------
    path : str or Path
        YAML (``exposures``, ``data``, ``groups``), an association, or a name or glob in each line, where ``#`` starts a
        comment. Without a known extension the content decides.
    allow_outside : bool, optional
        Of an association.

    Returns
    -------
    tuple of (list, dict), and dict
        What `stpipe.inventory.Inventory` takes.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        It cannot be used; the text says why.
    """
    path = expanded(os.fspath(path))
    text = _text_of(path)
    tree = _tree_or_lines(path, text)
    if _is_association(tree):
        items, groups = association_items(path, None, allow_outside=allow_outside)
        return (items, {}), groups
    if isinstance(tree, list):
        tree = {"exposures": tree}
    if not isinstance(tree, Mapping):
        raise InputError(f"{path} is no inventory: it has to be a list of exposures, or a mapping with 'exposures'")
    return _from_tree(tree, path)


def _tree_or_lines(path: str, text: str) -> Any:
    """Content of a file: that of YAML or JSON, else its lines."""
    extension = os.path.splitext(path)[1].lower()
    if extension in (".yaml", ".yml", ".json"):
        return _parsed(path, text)
    if extension not in (".txt", ".lst", ".list"):
        try:
            tree = _parsed(path, text)
        except InputError:
            tree = None
        if isinstance(tree, Mapping | list):
            return tree
    return [line for line in (raw.partition("#")[0].strip() for raw in text.splitlines()) if line]


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text: {error}") from error


def _parsed(path: str, text: str) -> Any:
    """Read JSON or YAML."""
    if path.lower().endswith(".json"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise InputError(f"{path} is not JSON: {error}") from error
    import yaml

    from stpipe.safe_yaml import load_yaml

    try:
        return load_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from error


def _from_tree(tree: Mapping[str, Any], path: str) -> tuple[Any, Groups]:
    _check_keys(tree, _KEYS, path)
    groups = tree.get("groups") or {}
    if not isinstance(groups, Mapping):
        raise InputError(f"{path}: 'groups' has to be a mapping of names to exposures, not {groups!r}")
    folder = os.path.dirname(path)
    everything = _part({key: tree.get(key) for key in ("exposures", "data")}, path, folder)
    known = {os.path.basename(item if isinstance(item, str) else item[0]) for item in everything[0]}
    found = {str(name): _part(given, f"{path}: group {name}", folder, known) for name, given in groups.items()}
    return everything, found


def _check_keys(tree: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in tree:
        if key not in keys:
            near = get_close_matches(str(key), keys, n=1) or keys
            raise InputError(f"{where}: unknown key {key!r}; there is {', '.join(near)}")


def _part(given: Any, where: str, folder: str, known: Iterable[str] = ()) -> tuple[list[Any], Mapping[str, Any]]:
    """Exposures and data of the inventory or a group; names that are ``known`` are no paths."""
    tree = given if isinstance(given, Mapping) else {"exposures": given}
    _check_keys(tree, _KEYS[:2], where)
    items, data = tree.get("exposures"), tree.get("data") or {}
    items = [] if items is None else [items] if isinstance(items, str) else items
    if not isinstance(items, list) or not isinstance(data, Mapping):
        raise InputError(f"{where}: 'exposures' has to be a list and 'data' a mapping: {given!r}")
    return [_item(item, where, folder, known) for item in items], data


def _item(item: Any, where: str, folder: str, known: Iterable[str]) -> Any:
    """An exposure: a text, ``[text, data]`` or ``{text: data}``."""
    data: Any = {}
    if isinstance(item, list) and len(item) == 2:
        item, data = item
    elif isinstance(item, Mapping) and len(item) == 1:
        ((item, data),) = item.items()
    if not isinstance(item, str) or not isinstance(data, Mapping):
        raise InputError(f"{where}: an exposure is a name, or {{name: {{key: value}}}}, not {item!r}: {data!r}")
    name = item if item in known else member_path(item, folder)
    return (name, data) if data else name
