"""Settings of runs, as attributes of this module; files and environment are read by `init` only (running.md §4.3).

``shortcuts``
    Name to ``{recipe, parser_args, args, skip_parse, groups, success, failure, loader, py_dir}``.
``allow_code``
    Let recipes contain Python.
``no_cache``
    Neither read nor write the caches of `stpipe.caches`.
``workers``, ``executor``, ``timeout``, ``artifacts_dir``
    Where ``stpipe.run`` is not told otherwise.
``overwrite``
    ``allow``, ``warn`` or ``forbid``: products that are there already.
``state``
    Remember the keys of written products.
``default_loader``
    Module that loads recipes.
``log_level``, ``log_format``
    What the log shows, and how.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

__all__ = ["DEFAULTS", "converted", "init", "reset"]

log = logging.getLogger(__name__)

shortcuts: dict[str, dict[str, Any]] = {}
allow_code: bool = False
no_cache: bool = False
workers: int = 1
executor: str = "inline"
timeout: float | None = None
artifacts_dir: str | None = None
overwrite: str | None = None
state: bool = True
default_loader: str | None = None
log_level: int | str | None = None
log_format: str | None = None

DEFAULTS: Mapping[str, Any] = {
    "shortcuts": {},
    "allow_code": False,
    "no_cache": False,
    "workers": 1,
    "executor": "inline",
    "timeout": None,
    "artifacts_dir": None,
    "overwrite": None,
    "state": True,
    "default_loader": None,
    "log_level": None,
    "log_format": None,
}
_FALSE = frozenset({"false", "0", "no", "off", "none", ""})
_TRUE = frozenset({"true", "1", "yes", "on"})


def reset() -> None:
    """Put all settings back to their defaults."""
    globals().update(deepcopy(dict(DEFAULTS)))


def init() -> None:
    """Read the settings again: files from low to high, then the environment.

    The user's ``stpipe/config.yaml`` in the configuration folder, ``./stpipe.yaml``, ``[tool.stpipe]`` of
    ``./pyproject.toml``, the file that STPIPE_CONFIG names, then STPIPE_NO_CACHE and its kind. With STPIPE_SKIP_INIT
    true nothing is done.

    Raises
    ------
    ValidationError
        A file cannot be read, or a value is not of the kind that the setting takes; the text names the file.
    """
    if os.environ.get("STPIPE_SKIP_INIT", "").strip().lower() not in _FALSE:
        return
    merged: dict[str, Any] = deepcopy(dict(DEFAULTS))
    for source, values in _sources():
        _take(merged, values, source)
    globals().update(merged)


def _sources() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the sources that are there, low to high, as their name and their values."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    for path in (Path(folder, "stpipe", "config.yaml"), Path("stpipe.yaml")):
        if path.is_file():
            yield str(path), _read_yaml(path)
    project = Path("pyproject.toml")
    if project.is_file():
        yield f"{project} [tool.stpipe]", _read_toml(project)
    named = os.environ.get("STPIPE_CONFIG")
    if named:
        yield named, _read_yaml(Path(named).expanduser())
    found = {key: os.environ.get(f"STPIPE_{key.upper()}") for key in DEFAULTS if key != "shortcuts"}
    yield "the environment", {key: text for key, text in found.items() if text is not None}


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    from stpipe.exceptions import ValidationError
    from stpipe.safe_yaml import load_yaml

    try:
        values = load_yaml(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise ValidationError(f"Settings file {path} cannot be read: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ValidationError(f"Settings file {path} holds no mapping of settings")
    return values


def _read_toml(path: Path) -> Mapping[str, Any]:
    import tomllib

    from stpipe.exceptions import ValidationError

    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValidationError(f"Settings file {path} cannot be read: {error}") from None
    found = tree.get("tool", {}).get("stpipe", {})
    if not isinstance(found, Mapping):
        raise ValidationError(f"[tool.stpipe] of {path} is no table")
    return found


def _take(merged: dict[str, Any], values: Mapping[str, Any], source: str) -> None:
    """Put the values of one source over those below; shortcuts are added by name."""
    from stpipe.exceptions import ValidationError

    for key, value in values.items():
        if key not in DEFAULTS:
            log.warning("%s: unknown setting %r; there are %s", source, key, ", ".join(DEFAULTS))
            continue
        try:
            made = converted(key, value)
        except (TypeError, ValueError) as error:
            raise ValidationError(f"{source}: setting {key!r}: {error}") from None
        merged[key] = {**merged[key], **made} if key == "shortcuts" else made


def converted(name: str, value: Any) -> Any:
    """Return the value of a setting as its kind.

    Raises
    ------
    TypeError, ValueError
        It is of another kind.
    """
    return _CONVERTERS[name](value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool | int):
        return bool(value)
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{value!r} is neither true nor false")
    return text in _TRUE


def _text(value: Any) -> str | None:
    return None if value is None or (isinstance(value, str) and not value.strip()) else str(value)


def _number(value: Any) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "none")):
        return None
    if isinstance(value, bool) or float(value) <= 0:
        raise ValueError(f"{value!r} is no number above 0")
    return float(value)


def _count(value: Any) -> int:
    number = _number(value)
    if number is None or number != int(number):
        raise ValueError(f"{value!r} is no whole number above 0")
    return int(number)


def _level(value: Any) -> int | str | None:
    return value if isinstance(value, int) else _text(value)


def _shortcuts(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(item, Mapping) for item in value.values()):
        raise ValueError("it has to be a mapping of names to mappings")
    return {str(name): dict(item) for name, item in value.items()}


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "shortcuts": _shortcuts,
    "allow_code": _flag,
    "no_cache": _flag,
    "workers": _count,
    "executor": lambda value: _text(value) or "inline",
    "timeout": _number,
    "artifacts_dir": _text,
    "overwrite": _text,
    "state": _flag,
    "default_loader": _text,
    "log_level": _level,
    "log_format": _text,
}
