"""Data models: ``open``, the containers, and everything public of `stdatamodels.jwst.datamodels`.

Nothing of `stdatamodels` is imported before a name is asked for. Its sub-modules can be imported under this name too,
e.g. ``from jwst.datamodels.dqflags import pixel``; they are the same module objects.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jwst.datamodels._aliases import AliasFinder

if TYPE_CHECKING:
    from stdatamodels.jwst.datamodels import open  # noqa: A004

    from jwst.datamodels.container import ModelContainer
    from jwst.datamodels.library import ModelLibrary
    from jwst.datamodels.source_container import SourceModelContainer

__all__ = ["ModelContainer", "ModelLibrary", "SourceModelContainer", "open"]

_HERE = {
    "ModelContainer": "jwst.datamodels.container",
    "ModelLibrary": "jwst.datamodels.library",
    "SourceModelContainer": "jwst.datamodels.source_container",
}
_SOURCE = "stdatamodels.jwst.datamodels"

if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
    sys.meta_path.append(AliasFinder(__name__, _SOURCE))


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for."""
    from importlib import import_module

    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HERE.get(name, _SOURCE))
    try:
        value = getattr(home, name)
    except AttributeError:
        value = _submodule(name)
    globals()[name] = value
    return value


def _submodule(name: str) -> Any:
    """Import a public sub-module of `stdatamodels.jwst.datamodels`."""
    from importlib import import_module
    from importlib.util import find_spec

    if name.startswith("_") or find_spec(f"{_SOURCE}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{_SOURCE}.{name}")


def __dir__() -> list[str]:
    from importlib import import_module

    return sorted({*__all__, *import_module(_SOURCE).__all__})
