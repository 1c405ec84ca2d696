"""Finding classes, functions and specification files by name."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from types import FunctionType
from typing import Any

from stpipe.entry_points import StepInfo, get_steps

__all__ = [
    "find_spec_file",
    "get_fully_qualified_class_name",
    "get_spec_file_path",
    "import_class",
    "import_func",
    "near_step_names",
    "resolve_step_class_alias",
]


def resolve_step_class_alias(name: str) -> str:
    """Class path of a step alias; a name that is no alias comes back unchanged.

    Parameters
    ----------
    name : str
        ``jump`` or, to choose the package, ``jwst::jump``.

    Raises
    ------
    ValueError
        Two packages have that alias; the text lists ``package::alias``.
    """
    package, _, alias = name.rpartition("::")
    found = [
        info for info in get_steps() if info.class_alias == alias and package in ("", info.package_name, _top(info))
    ]
    if len({info.class_name for info in found}) > 1:
        choices = ", ".join(f"{info.package_name}::{info.class_alias}" for info in found)
        raise ValueError(f"Ambiguous alias {name!r}, it is used by several packages. Choose one of: {choices}")
    return found[0].class_name if found else name


def _top(info: StepInfo) -> str:
    return info.class_name.partition(".")[0]


def near_step_names(name: str, count: int = 3) -> list[str]:
    """Aliases and class names of installed steps that look like a name, best first."""
    alias = name.rpartition("::")[2].lower()
    names: dict[str, str] = {}
    for info in get_steps():
        names[info.class_name.rpartition(".")[2].lower()] = info.class_name
        if info.class_alias:
            names[info.class_alias.lower()] = info.class_alias
    return [names[near] for near in difflib.get_close_matches(alias, names, n=count, cutoff=0.6)]


def import_class(full_name: str, subclassof: type | tuple[type, ...] = object, config_file: str | None = None) -> type:
    """Import a class by its dotted path.

    Parameters
    ----------
    full_name : str
        ``package.module.Class``.
    subclassof : type or tuple of type
        Base that the class must have.
    config_file : str, optional
        A parameter file, whose folder is searched too.

    Raises
    ------
    ImportError
        No dot in the name, or no such module.
    AttributeError
        The module has no such name.
    TypeError
        Not a class, or not derived from ``subclassof``.
    """
    found = _import_name(full_name, "class", config_file)
    if not inspect.isclass(found):
        raise TypeError(f"Object {found!r} from {full_name!r} is not a class")
    if not issubclass(found, subclassof):
        raise TypeError(f"Class {full_name!r} is not a subclass of {_names(subclassof)}")
    return found


def import_func(full_name: str) -> FunctionType:
    """Import a function by its dotted path.

    Raises
    ------
    ImportError
        No dot in the name, or no such module.
    TypeError
        Not a function.
    """
    found = _import_name(full_name, "function", None)
    if not inspect.isfunction(found):
        raise TypeError(f"Object {found!r} from {full_name!r} is not a function")
    return found


def _import_name(full_name: str, kind: str, config_file: str | None) -> Any:
    module_name, _, name = full_name.strip().rpartition(".")
    if not module_name:
        raise ImportError(f"{full_name!r} is not a fully qualified path to a {kind}: package.module.{kind} is expected")
    folder = os.path.dirname(os.path.abspath(config_file)) if config_file else None
    if folder is not None:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    finally:
        if folder is not None and folder in sys.path:
            sys.path.remove(folder)
    return getattr(module, name)


def _names(classes: type | tuple[type, ...]) -> str:
    return " or ".join(cls.__name__ for cls in (classes if isinstance(classes, tuple) else (classes,)))


def get_spec_file_path(step_class: type) -> str:
    """Where the ``<ClassName>.spec`` file of a class would be: beside its source.

    Raises
    ------
    TypeError
        The class has no source file (defined in a notebook).
    """
    source = os.path.abspath(inspect.getfile(step_class))
    return os.path.join(os.path.dirname(source), f"{step_class.__name__}.spec")


def find_spec_file(step_class: type) -> str | None:
    """Path of the ``<ClassName>.spec`` file of a class, or None when there is none."""
    try:
        path = get_spec_file_path(step_class)
    except (TypeError, OSError):
        return None
    return path if os.path.exists(path) else None


def get_fully_qualified_class_name(cls_or_obj: Any) -> str:
    """``package.module.Class`` of a class or of an object's class; builtins without the module."""
    cls = cls_or_obj if inspect.isclass(cls_or_obj) else type(cls_or_obj)
    module = cls.__module__
    return cls.__name__ if module is None or module == "builtins" else f"{module}.{cls.__name__}"
