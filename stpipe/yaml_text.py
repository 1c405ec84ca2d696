"""The tree of a parameter file: YAML, alone or in an ASDF file, read and written without importing asdf.

Parameter files hold nothing but a YAML tree, so a safe loader reads them in a millisecond; what has binary blocks goes
through ``asdf``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stpipe.exceptions import ValidationError
from stpipe.safe_yaml import load_yaml, loader_base

__all__ = ["ASDF_MAGIC", "dump_asdf", "is_asdf", "plain_tree", "read_tree"]

ASDF_MAGIC = b"#ASDF"
_BLOCK_MAGIC = b"\xd3BLK"
_HEADER = "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"


def is_asdf(content: bytes) -> bool:
    """Whether the content of a file starts like an ASDF file."""
    return content.startswith(ASDF_MAGIC)


def read_tree(path: str, content: bytes) -> Any:
    """Return the tree of an ASDF or YAML file.

    Parameters
    ----------
    path : str
        Its path, for messages and for ``asdf`` where there are binary blocks.
    content : bytes
        Its content.

    Returns
    -------
    object
        Plain dicts, lists and scalars; unknown tags are dropped, dates stay texts.

    Raises
    ------
    ValidationError
        The text is no YAML, or an ASDF file that is truncated.
    """
    if is_asdf(content) and _BLOCK_MAGIC in content:
        return _read_with_asdf(path)
    import yaml

    try:
        text = content.decode("utf-8")
        return load_yaml(_tree_text(path, text) if is_asdf(content) else text, _loader())
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValidationError(f"Parameter file '{path}' cannot be read: {error}") from error


def _tree_text(path: str, text: str) -> str:
    """Cut the YAML document out of an ASDF file.

    Raises
    ------
    ValidationError
        It has no beginning or no end; what there is may parse and lack parameters.
    """
    start = text.find("%YAML")
    end = text.find("\n...", start)
    if start < 0 or end < 0:
        raise ValidationError(
            f"Parameter file '{path}' is an ASDF file without a complete tree (from %YAML to a line '...'): it is "
            "truncated. Copy or write it again."
        )
    return text[start : end + 1]


@lru_cache(maxsize=1)
def _loader() -> Any:
    """Make a safe loader that maps tags it does not know to plain objects and leaves dates alone."""
    base: Any = loader_base()

    class Loader(base):  # type: ignore[misc]
        """Safe loader of parameter files."""

    resolvers = {key: [item for item in items if not item[0].endswith(":timestamp")]
                 for key, items in base.yaml_implicit_resolvers.items()}  # fmt: skip
    Loader.yaml_implicit_resolvers = resolvers
    Loader.add_multi_constructor("", _construct_plain)
    return Loader


def _construct_plain(loader: Any, suffix: str, node: Any) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def _read_with_asdf(path: str) -> Any:
    import asdf

    with asdf.open(path, lazy_load=False, memmap=False) as file:
        return plain_tree(file.tree)


def plain_tree(value: Any) -> Any:
    """Turn what a tree may hold into what YAML has: dicts, lists, texts, numbers, None.

    Tuples become lists, paths texts, numpy scalars and arrays Python objects, classes and functions their dotted names.

    Raises
    ------
    ValueError
        An object has no such form.
    """
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_tree(item) for item in value]
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if hasattr(value, "tolist"):
        return plain_tree(value.tolist())
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "data") and isinstance(value.data, Mapping | list):
        return plain_tree(value.data)
    raise ValueError(f"a {type(value).__name__} cannot be written to a parameter file")


def dump_asdf(tree: Mapping[str, Any]) -> bytes:
    """Write a plain tree as an ASDF file.

    Parameters
    ----------
    tree : mapping
        Plain objects only, see `plain_tree`.

    Returns
    -------
    bytes
        The content of the file.
    """
    import yaml

    body = yaml.dump(dict(tree), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100)
    return f"{_HEADER}{body}...\n".encode()


@lru_cache(maxsize=1)
def _dumper() -> Any:
    """Make a safe dumper without anchors."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Safe dumper of parameter files."""

        def ignore_aliases(self, data: object) -> bool:
            """Write equal objects out each time."""
            return True

    return Dumper
