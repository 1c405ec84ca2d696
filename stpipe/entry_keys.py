"""What identifies an entry for one input: a hash of the step, its resolved parameters, references and input (L12)."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import uuid
import weakref
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

from stpipe.events import plain_data

if TYPE_CHECKING:
    from stpipe.planning import PlannedStep

__all__ = ["Identity", "file_identity", "function_key", "input_identity", "step_key"]

# Parameters of the entry itself that say where its product goes and whether there is one, not what is in it.
_NAMING = frozenset(
    {
        "input_dir",
        "output_dir",
        "output_ext",
        "output_file",
        "output_use_index",
        "output_use_model",
        "save_results",
        "search_output_file",
        "skip",
        "suffix",
    }
)
_LENGTH = 32

Identity = tuple[str, int | None]
"""What an input is, and the time of its file in ns; None for the time of one that only this process knows."""

_tokens: dict[int, str] = {}
_digests: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def input_identity(source: Any, path: str | None) -> Identity:
    """Return what tells an input from others: real path, size and time of a file; a name of its own for an open model.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    if path is None:
        return _token(source), None
    return file_identity(path, os.stat(path))


def file_identity(path: str, status: os.stat_result) -> Identity:
    """Return what tells a file, as it was found by ``os.stat``, from others."""
    return f"{os.path.realpath(path)}|{status.st_size}|{status.st_mtime_ns}", status.st_mtime_ns


def _token(thing: Any) -> str:
    """Return a name that this object has as long as it lives, and no other object ever."""
    known = _tokens.get(id(thing))
    if known is not None:
        return known
    token = f"{type(thing).__name__}-{uuid.uuid4()}"
    try:
        weakref.finalize(thing, _tokens.pop, id(thing), None)
    except TypeError:
        return token
    _tokens[id(thing)] = token
    return token


def step_key(step: Any, input_key: str, planned: PlannedStep | None) -> str:
    """Return the key of a step for an input.

    Parameters
    ----------
    step : Step
        With its parameters resolved.
    input_key : str
        Identity of the input, or the key of the entry that makes it.
    planned : PlannedStep or None
        Names the references that would be used.
    """
    references = [] if planned is None else list(_references(planned))
    return _hashed([_class_digest(type(step)), _changed(step, _NAMING), references, input_key])


def function_key(function: Any, keywords: Mapping[str, Any], input_key: str) -> str:
    """Return the key of a function with keywords for an input."""
    return _hashed([_identity(function), {name: _identity(value) for name, value in keywords.items()}, input_key])


def _hashed(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_LENGTH]


def _changed(step: Any, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Parameters that are no defaults, those of sub-steps below ``steps``."""
    params = step.declared_parameters()
    values: dict[str, Any] = {}
    for name in step.recorded_sources():
        if name not in left_out and name in params:
            value = step._value(name)
            if value is not params[name].default and not _equal(value, params[name].default):
                values[name] = _identity(value)
    sub_steps = step.sub_steps()
    if sub_steps:
        below = {key: changed for key, one in sub_steps.items() if (changed := _changed(one))}
        if below:
            values["steps"] = below
    return values


def _equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and isinstance(left, str | int | float | bool | list | None) and left == right


def _class_digest(cls: Any) -> str:
    """Hash of the path, version and defaults of a class, and of those of its sub-steps; worked out once."""
    known = _digests.get(cls)
    if known is None:
        known = _digests[cls] = _digest_of(cls)
    return known


def _digest_of(cls: Any) -> str:
    defaults = {name: plain_data(param.default) for name, param in cls.declared_parameters().items()}
    steps = getattr(cls, "step_defs", None) or {}
    below = {key: _class_digest(one) for key, one in steps.items()}
    return _hashed([_path_of(cls), _version(cls.__module__), defaults, below])


def _path_of(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _version(module: str) -> str:
    return str(getattr(sys.modules.get(module.partition(".")[0]), "__version__", ""))


def _references(planned: PlannedStep) -> Iterable[tuple[str, ...]]:
    for member in planned.walk():
        for one in member.references:
            if one.origin == "override" and os.path.isfile(one.file):
                yield (member.key, one.reftype, input_identity(None, one.file)[0])
            else:
                yield (member.key, one.reftype, os.path.basename(one.file))


def _identity(value: Any) -> Any:
    """Return what stands for a value in a key: itself where JSON knows it; else its content, or a name of its own."""
    if value is None or isinstance(value, bool | int | float | str):
        return _of_text(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(key): _identity(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_identity(item) for item in value]
    if isinstance(value, os.PathLike):
        return _of_text(os.fspath(value))
    if isinstance(value, type):
        return _path_of(value)
    if callable(value) and hasattr(value, "__qualname__"):
        code = getattr(value, "__code__", None)
        return [_path_of(value), _code_digest(code) if code is not None else ""]
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    return _token(value)


def _of_text(value: Any) -> Any:
    """Return a text; with size and time where it is the absolute path of a file."""
    if isinstance(value, str) and os.path.isabs(value) and os.path.isfile(value):
        return input_identity(None, value)[0]
    return value


@lru_cache(maxsize=512)
def _code_digest(code: CodeType) -> str:
    """Hash of what a function does, as far as its own code tells."""
    constants = [_code_digest(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return _hashed([code.co_code.hex(), constants, list(code.co_names)])
