"""Metadata of an exposure as one flat mapping, from a file's header or from a model, without any array."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from stpipe.exceptions import InputError, ValidationError

__all__ = ["Header", "asdf_header", "fits_header", "kind_of", "model_header"]

_SIMPLE = (str, int, float)
_LEFT_OUT = frozenset({"asdf_library", "history", "wcs", "cal_logs"})
_CHUNK = 65536


class Header(Mapping[str, Any]):
    """Metadata by dotted name, ``header["meta.exposure.type"]``; read-only.

    Parameters
    ----------
    values : mapping of str to (str, int, float or bool)
        The metadata.
    shape : tuple of int, optional
        Shape of the science array, in the order of numpy; None where there is none.
    keywords : mapping, optional
        Keywords of the FITS headers themselves, the primary one first.
    """

    __slots__ = ("_values", "keywords", "shape")

    def __init__(
        self,
        values: Mapping[str, Any],
        shape: tuple[int, ...] | None = None,
        keywords: Mapping[str, Any] | None = None,
    ) -> None:
        self._values = dict(values)
        self.shape = shape
        self.keywords = dict(keywords or {})

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Header: {len(self)} values, shape {self.shape}>"

    def section(self, name: str) -> dict[str, Any]:
        """Values below a dotted name, e.g. ``section("meta.cal_step")``, by the rest of their names."""
        start = f"{name}."
        return {key[len(start) :]: value for key, value in self._values.items() if key.startswith(start)}


def kind_of(path: str) -> str | None:
    """Kind of a file by its name: ``"fits"``, ``"asdf"``, ``"json"`` or None; ``a.fits.gz`` is a FITS file."""
    endings = os.path.basename(path).lower().split(".")[1:][-2:]
    return next((kind for kind in ("fits", "asdf", "json") if kind in endings), None)


def fits_header(path: str, table: Mapping[str, Mapping[str, str]]) -> Header:
    """Read the metadata of a FITS file from its primary header and that of its SCI extension.

    Parameters
    ----------
    path : str
        The file.
    table : mapping
        ``{"PRIMARY": {keyword: dotted name}, "SCI": {keyword: dotted name}}``.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It is no FITS file, or is truncated.
    """
    from stpipe.fits_header import read_fits_headers

    found = read_fits_headers(path)
    values: dict[str, Any] = {}
    for keywords, header in (("SCI", found.science), ("PRIMARY", found.primary)):
        names = table.get(keywords, {})
        values |= {names[key]: value for key, value in header.items() if key in names}
    return Header(values, found.shape, {**found.science, **found.primary})


def asdf_header(path: str) -> Header:
    """Read the metadata of an ASDF file: its tree, of which the binary blocks are not read.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It is no ASDF file, or has no complete tree.
    """
    from stpipe.yaml_text import is_asdf, read_tree

    content = _tree_bytes(path)
    if not is_asdf(content):
        raise OSError(f"{path} is no ASDF file: it does not start with #ASDF")
    try:
        tree = read_tree(path, content) or {}
    except ValidationError as error:
        raise OSError(f"{path} has no complete tree (from %YAML to a line '...'), or it is no YAML") from error
    return Header(_flat(tree), _shape_of(tree.get("data")))


def _tree_bytes(path: str) -> bytes:
    """Content of an ASDF file up to the end of its tree."""
    content = b""
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            content += chunk
            end = content.find(b"\n...", max(0, len(content) - len(chunk) - 4))
            if end >= 0:
                return content[:end] + b"\n...\n"
            if not content.startswith(b"#ASDF"):
                break
    return content


def model_header(model: Any) -> Header:
    """Metadata of an open model as it is now.

    Parameters
    ----------
    model : data model
        One of ``stdatamodels``, or any with ``get_crds_parameters``.

    Raises
    ------
    InputError
        It has neither.
    """
    tree = getattr(model, "_instance", None)
    if isinstance(tree, Mapping) and isinstance(tree.get("meta"), Mapping):
        return Header(_flat({"meta": tree["meta"]}), _shape_of(tree.get("data")))
    parameters = getattr(model, "get_crds_parameters", None)
    if parameters is None:
        raise InputError(f"a {type(model).__name__} is no data model: it has no metadata")
    return Header(parameters())


def _shape_of(array: Any) -> tuple[int, ...] | None:
    """Shape of an array, or of the description of one in a tree."""
    shape = array.get("shape") if isinstance(array, Mapping) else getattr(array, "shape", None)
    return tuple(int(size) for size in shape) if shape else None


def _flat(tree: Any, start: str = "") -> dict[str, Any]:
    """Simple values of a nested tree by dotted name; arrays are left out."""
    values: dict[str, Any] = {}
    pairs = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
    for key, value in pairs:
        name = f"{start}{key}"
        if key in _LEFT_OUT or (isinstance(value, Mapping) and "datatype" in value):
            continue
        if isinstance(value, _SIMPLE):
            values[name] = value
        elif isinstance(value, Mapping | list | tuple):
            values |= _flat(value, f"{name}.")
    return values
