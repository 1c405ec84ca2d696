"""Read references that hold transforms (ASDF)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from stpipe.exceptions import InputError

__all__ = ["entry_of", "is_absent", "read_all", "read_tree"]


def is_absent(source: Any) -> bool:
    """Whether a reference is none: None, empty or N/A."""
    return source is None or (isinstance(source, str) and source.strip() in ("", "N/A"))


def read_tree(source: Any, reftype: str) -> dict[str, Any]:
    """Read a reference.

    Parameters
    ----------
    source : str, Path, data model, dict or None
        ASDF file, a reference model in memory, or what this function gave before.
    reftype : str
        Type, for messages.

    Returns
    -------
    dict
        Top level of the tree. Arrays are read when they are used.

    Raises
    ------
    InputError
        There is no such reference, or it cannot be read.
    """
    import asdf

    if is_absent(source):
        raise InputError(f"assign_wcs needs a {reftype.upper()} reference for this exposure, and there is none")
    if isinstance(source, dict):
        return source
    if not isinstance(source, str | os.PathLike):
        return dict(source._instance)
    try:
        with asdf.config_context() as config:
            config.validate_on_read = False  # half of the time of reading; what is used is checked where it is used
            with asdf.open(os.fspath(source), lazy_load=False, memmap=False) as file:
                tree = dict(file.tree)
    except FileNotFoundError:
        raise InputError(f"The {reftype.upper()} reference {source} does not exist") from None
    except (OSError, ValueError) as error:
        raise InputError(f"The {reftype.upper()} reference {source} cannot be read: {error}") from error
    kind = str(tree.get("meta", {}).get("reftype", reftype)).lower()
    if kind != reftype:
        raise InputError(f"{source} is a {kind.upper()} reference, and given as a {reftype.upper()} reference")
    return tree


def read_all(references: Mapping[str, Any], reftypes: Iterable[str]) -> dict[str, Any]:
    """Read references once for everything that is made of them.

    Parameters
    ----------
    references : mapping of str to (str, Path or data model)
        By type.
    reftypes : iterable of str
        Types to read; those that are absent stay so.

    Returns
    -------
    dict of str to dict
        Trees by type, which can be used in place of the references.
    """
    return {kind: read_tree(references[kind], kind) for kind in reftypes if not is_absent(references.get(kind))}


def entry_of(tree: Mapping[str, Any], key: str, reftype: str) -> Any:
    """Take one entry out of a reference.

    Parameters
    ----------
    tree : mapping
        From `read_tree`.
    key : str
        Its name.
    reftype : str
        Type, for the message.

    Raises
    ------
    InputError
        There is no such entry.
    """
    if tree.get(key) is None:
        raise InputError(f"The {reftype.upper()} reference has no {key!r}: it is none of this type. Give another one")
    return tree[key]
