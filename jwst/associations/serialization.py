"""Read and write associations as JSON and YAML (spec associations.md §2, §3).

JSON is the format of associations. YAML can be read and written, with a `DeprecationWarning`.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from jwst.associations.exceptions import AssociationError, AssociationNotValidError

__all__ = ["FORMATS", "Document", "read_document", "write_document"]

log = logging.getLogger(__name__)

FORMATS = ("json", "yaml")
_YAML_EXTENSIONS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Document:
    """What was read.

    Attributes
    ----------
    tree : object
        The content; a dict if it is an association.
    path : str or None
        File it comes from; None for a text.
    """

    tree: Any
    path: str | None

    @property
    def what(self) -> str:
        """How messages call it."""
        return self.path or "the association"

    @property
    def folder(self) -> str | None:
        """Folder that paths of members start from; None where there is no file."""
        return None if self.path is None else os.path.dirname(self.path)


def read_document(serialized: str | os.PathLike[str] | IO[Any], fmt: str | None = None) -> Document:
    """Read JSON, or YAML where it is no JSON.

    Parameters
    ----------
    serialized : str, Path or file
        The text itself, an open file, or the path of a file.
    fmt : {"json", "yaml"}, optional
        What to try first; by default what the name of the file says.

    Returns
    -------
    Document

    Raises
    ------
    AssociationNotValidError
        It is neither; the text says where reading failed.
    FileNotFoundError
        There is no such file.
    """
    text, path = _text_of(serialized)
    extension = os.path.splitext(path)[1].lower() if path else ""
    tree, reason = None, ""
    is_json = fmt not in ("yaml", "yml") and (fmt is not None or extension not in _YAML_EXTENSIONS)
    if is_json:
        try:
            tree = _json(text)
        except ValueError as error:
            is_json, reason = False, f"as JSON: {error}"
    if not is_json:
        tree = _yaml_or_refuse(text, path, reason)
        if isinstance(tree, Mapping):
            _deprecated(f"{path or 'An association'} is read as YAML, which is deprecated for associations; use JSON.")
    elif path and extension != ".json":
        _deprecated(f"{path} is read as JSON; give files of associations the extension .json.")
    return Document(tree, path)


def _yaml_or_refuse(text: str, path: str | None, reason: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)  # the loader in C crashes on a text that is nested too deeply
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = path or (text if len(text) < 60 else f"{text[:57]}...")
        reason = reason or f"as YAML: {'it is nested too deeply' if isinstance(error, RecursionError) else error}"
        raise AssociationNotValidError(f'Cannot translate "{where}" to an association: {reason}') from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _text_of(serialized: Any) -> tuple[str, str | None]:
    """Text, and the path of the file it is in."""
    path: str | None = None
    if hasattr(serialized, "read"):
        path = serialized.name if isinstance(getattr(serialized, "name", None), str) else None
        return _decoded(serialized.read, path), path
    if isinstance(serialized, os.PathLike) or (isinstance(serialized, str) and _names_a_file(serialized)):
        path = os.path.expandvars(os.path.expanduser(serialized))
        with open(path, encoding="utf-8") as file:
            return _decoded(file.read, str(path)), str(path)
    return _decoded(lambda: serialized, None), None


def _decoded(read: Callable[[], Any], path: str | None) -> str:
    try:
        content = read()
        return content.decode("utf-8") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise AssociationNotValidError(
            f'Cannot translate "{path or "bytes"}" to an association: it is no text: {error}'
        ) from error


def _names_a_file(text: str) -> bool:
    """Whether a text is the name of a file that is there, or could only be the name of one that is not."""
    if len(text) > 4096 or "\n" in text or "{" in text:
        return False
    name = os.path.expandvars(os.path.expanduser(text))
    return text.lower().endswith((".json", *_YAML_EXTENSIONS)) or os.path.isfile(name)


def _deprecated(message: str) -> None:
    log.warning(message)
    warnings.warn(message, DeprecationWarning, stacklevel=4)


def write_document(tree: Mapping[str, Any], fmt: str = "json") -> str:
    """Write an association as a text.

    Parameters
    ----------
    tree : mapping
        The association.
    fmt : {"json", "yaml"}, optional
        JSON is indented by 4; YAML has its keys sorted.

    Returns
    -------
    str

    Raises
    ------
    AssociationError
        There is no such format.
    AssociationNotValidError
        A value cannot be written; the text names its place.
    """
    if fmt not in FORMATS:
        raise AssociationError(f"Associations are written as {' or '.join(FORMATS)}, not as {fmt!r}")
    plain = _plain(tree, "")
    if fmt == "json":
        return json.dumps(plain, indent=4, separators=(",", ": "))
    import yaml

    _deprecated("An association is written as YAML, which is deprecated for associations; use JSON.")
    return yaml.safe_dump(plain, default_flow_style=False)


def _plain(value: Any, place: str) -> Any:
    """Copy to dicts, lists and simple values.

    Raises
    ------
    AssociationNotValidError
        A value is none of these, for example a data model.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{place}.{key}" if place else str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | os.PathLike):
        return str(os.fspath(value))
    raise AssociationNotValidError(
        f"The association is not valid: {place} is a {type(value).__name__}, which cannot be written to a file; "
        "save it and give its name"
    )
