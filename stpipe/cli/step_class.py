"""The class of the step that a command line names (spec framework.md §14)."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = ["find_class"]


def find_class(text: str) -> tuple[type[Step], str | None]:
    """Class of a step, and the parameter file if the step was named by one.

    Raises
    ------
    StepNotFoundError
        Neither a file nor a known step; near names are in the text.

    Notes
    -----
    A module that is nowhere on the import path is looked for in the current folder, as ``python -m`` does.
    """
    from stpipe.exceptions import StepNotFoundError
    from stpipe.step import Step
    from stpipe.utilities import import_class, near_step_names, resolve_step_class_alias

    if os.path.isfile(text):
        return _class_of_file(text), os.path.abspath(text)
    path = resolve_step_class_alias(text)
    try:
        return import_class(path, Step, _here(path)), None
    except Exception as error:
        if path != text or not _is_missing(error, text):
            raise StepNotFoundError(f"The step {text!r} cannot be loaded: {type(error).__name__}: {error}") from error
        near = _near_classes(error) or near_step_names(text)
        suggestion = f" (did you mean {' or '.join(near)}?)" if near else ""
        message = f"{text!r} is not a path to a config file or a Python Step class{suggestion}"
        raise StepNotFoundError(message) from error


def _here(path: str) -> str | None:
    """A name in the current folder, if the module of a class is there and nowhere on the import path."""
    from importlib.util import find_spec

    top, dot, _ = path.partition(".")
    if not (dot and top.isidentifier()) or find_spec(top) is not None:
        return None
    there = os.path.isfile(f"{top}.py") or os.path.isdir(top)
    return os.path.join(os.getcwd(), top) if there else None


def _near_classes(error: Exception) -> list[str]:
    """Steps of a module with names like the one that it does not have."""
    from difflib import get_close_matches

    from stpipe.step import Step

    if not (isinstance(error, AttributeError) and isinstance(error.obj, ModuleType)):
        return []
    known = [key for key, item in vars(error.obj).items() if isinstance(item, type) and issubclass(item, Step)]
    return [f"{error.obj.__name__}.{key}" for key in get_close_matches(error.name or "", known)]


def _is_missing(error: Exception, text: str) -> bool:
    """Whether an import failed because there is no such thing, not because of an error inside it."""
    module, _, name = text.rpartition(".")
    if isinstance(error, ModuleNotFoundError):
        return error.name is not None and f"{module}.".startswith(f"{error.name}.")
    if isinstance(error, AttributeError):
        return error.name == name and getattr(error.obj, "__name__", None) == module
    return isinstance(error, TypeError) or not module


def _class_of_file(path: str) -> type[Step]:
    """Class that a parameter file names."""
    from stpipe.config_file import read_parameter_file
    from stpipe.exceptions import StepNotFoundError, ValidationError
    from stpipe.step import Step
    from stpipe.utilities import import_class, resolve_step_class_alias

    if path.lower().endswith((".fits", ".fits.gz")):
        raise StepNotFoundError(f"{path!r} is a data file, not a step: the STEP comes before its inputs")
    name = read_parameter_file(path).class_name
    if not name:
        raise ValidationError(f"The parameter file {path!r} does not name the class of its step.")
    return import_class(resolve_step_class_alias(name), Step, path)
