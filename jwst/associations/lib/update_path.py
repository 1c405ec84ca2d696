"""Change names of files throughout an association."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

__all__ = ["replace_path", "update_key_value", "update_path"]


def update_path(asn: MutableMapping[str, Any], file_path: str, target: str = "expname") -> None:
    """Put the files of all members into one folder, in place.

    Parameters
    ----------
    asn : mapping
        The association.
    file_path : str
        The folder; the one that a name has is dropped.
    target : str, optional
        Key that holds the names.
    """
    update_key_value(asn, target, (file_path,), replace_path)


def update_key_value(obj: Any, target: str, func_args: tuple[Any, ...], mod_func: Callable[..., Any]) -> None:
    """Replace every value of one key in nested dicts and lists, in place.

    Parameters
    ----------
    obj : dict or list
        Searched at all depths.
    target : str
        The key.
    func_args : tuple
        Further arguments of ``mod_func``.
    mod_func : callable
        Gives the new value, as ``mod_func(old, *func_args)``.
    """
    if isinstance(obj, Mapping):
        for key in list(obj):
            if key == target:
                obj[key] = mod_func(obj[key], *func_args)  # type: ignore[index]
            else:
                update_key_value(obj[key], target, func_args, mod_func)
    elif isinstance(obj, list | tuple):
        for item in obj:
            update_key_value(item, target, func_args, mod_func)


def replace_path(old_path: str, new_path: str) -> str:
    """Path of a file in another folder."""
    return os.path.join(new_path, os.path.basename(old_path))
