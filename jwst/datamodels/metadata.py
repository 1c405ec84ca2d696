"""Metadata of files and models as plain dicts: texts and numbers, without arrays, WCS and log lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["flat_metadata", "plain_metadata", "read_exptype", "read_file_metadata", "read_group_facts"]

_LEFT_OUT = frozenset({"wcs", "cal_logs"})
_SIMPLE = (str, int, float, complex)


def read_file_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """Read the metadata of a file of a model.

    Parameters
    ----------
    path : str or Path
        FITS or ASDF file. Of a FITS file without an ASDF extension, or one that does not say which model it holds, the
        known keywords of the primary header are read.

    Returns
    -------
    dict
        Nested; see `plain_metadata`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It is no FITS file.
    ValueError
        The extension is neither that of a FITS nor of an ASDF file.
    """
    from stdatamodels.jwst.datamodels import read_metadata

    from jwst.stpipe.header_parameters import file_parameters

    try:
        return plain_metadata(read_metadata(os.fspath(path), flatten=False))
    except KeyError:
        return _nested(file_parameters(path))


def plain_metadata(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the simple values of a nested tree; dates become texts, and dicts that this leaves empty are left out.

    Parameters
    ----------
    tree : mapping
        ``model.instance``, or the tree of a file, in which arrays are described by dicts.
    """
    return {
        key: plain
        for key, value in tree.items()
        if key not in _LEFT_OUT and (plain := _plain(value)) is not None and plain != {}
    }


def flat_metadata(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten a nested tree: ``{"meta": {"a": [1]}}`` becomes ``{"meta.a.0": 1}``."""
    return dict(_items(tree, ""))


def read_exptype(path: str | os.PathLike) -> str | None:
    """Read from a file ``meta.asn.exptype``, what it was in the last association; None where it has none.

    Parameters
    ----------
    path : str or Path
        FITS or ASDF file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        It cannot be read.
    """
    if not os.fspath(path).lower().endswith((".fits", ".fits.gz")):
        return read_file_metadata(path).get("meta", {}).get("asn", {}).get("exptype")
    from jwst.datamodels.fast_fits import open_fits

    with open_fits(os.fspath(path), "exposure") as hdulist:
        return _stored_meta(hdulist, "exptype").get("asn", {}).get("exptype")


def read_group_facts(path: str | os.PathLike) -> tuple[str | None, dict[str, Any]]:
    """Read from a file what its group of exposures is told by, at the cost of a header.

    Parameters
    ----------
    path : str or Path
        FITS or ASDF file.

    Returns
    -------
    group_id : str or None
        ``meta.group_id``.
    observation : dict
        ``meta.observation``.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        It is no FITS file, or it is truncated.
    """
    if not os.fspath(path).lower().endswith((".fits", ".fits.gz")):
        meta = read_file_metadata(path).get("meta", {})
        return meta.get("group_id"), meta.get("observation", {})
    from jwst.datamodels.fast_fits import open_fits
    from jwst.stpipe.header_parameters import header_keywords

    with open_fits(os.fspath(path), "exposure") as hdulist:
        header, table = hdulist[0].header, header_keywords()
        flat = {table[keyword]: header[keyword] for keyword in header if keyword in table}
        group_id = _stored_meta(hdulist, "group_id").get("group_id")
    return group_id, _nested(flat).get("meta", {}).get("observation", {})


def _stored_meta(hdulist: Any, name: str) -> Mapping[str, Any]:
    """``meta`` in the ASDF extension, for a value without a keyword; parsed only where that name is in it."""
    if "ASDF" not in hdulist:
        return {}
    content = hdulist["ASDF"].data.tobytes()
    if f"{name}:".encode() not in content:
        return {}
    import io

    from asdf.util import load_yaml

    return load_yaml(io.BytesIO(content)).get("meta", {})


def _plain(value: Any) -> Any:
    """Simple values, lists and dicts of them; None for anything else."""
    if isinstance(value, Mapping):
        return None if _describes_array(value) else plain_metadata(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, _SIMPLE):
        return value
    return _date_text(value)


def _describes_array(node: Mapping[str, Any]) -> bool:
    return "datatype" in node and ("source" in node or "data" in node)


def _date_text(value: Any) -> str | None:
    """Text of a date or an astropy time, as `stdatamodels` writes it; None for anything else."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value) if type(value).__name__ == "Time" else None


def _items(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in pairs:
        name = f"{path}{key}"
        if isinstance(value, Mapping | list):
            yield from _items(value, f"{name}.")
        elif value is not None:
            yield name, value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return tree
