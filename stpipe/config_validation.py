"""Validating a section of a ``ConfigObj`` against a section of check texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stpipe.exceptions import ParameterError
from stpipe.parameters import near_hint

__all__ = ["Validation", "validate_section"]


@dataclass(slots=True)
class Validation:
    """How to validate, and what was found.

    Attributes
    ----------
    validator : object or None
        A configobj validator in place of the checks of this package.
    root_dir : str or None
        Folder that relative file names belong to.
    allow_missing : bool
        Put the check text in for what has neither value nor default.
    problems, extras : list of str
        Values that are not allowed or missing; unknown names.
    """

    validator: Any = None
    root_dir: str | None = None
    allow_missing: bool = False
    problems: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)


def validate_section(section: Any, spec: Any, how: Validation, path: tuple[str, ...] = ()) -> None:
    """Check and convert a section in place, add defaults, and collect problems.

    Parameters
    ----------
    section : Section
        Updated in place; names that got their default are listed in ``section.defaults``.
    spec : Section
        Check texts.
    how : Validation
        Collects the problems.
    path : tuple of str, optional
        Names of the sections from the top.
    """
    for key in section:
        if key not in spec:
            where = "/".join(path) or "root"
            how.extras.append(f"Extra value '{key}' in {where}{near_hint(key, spec)}")
    for key, check in spec.items():
        if isinstance(check, dict):
            _validate_sub_section(section, key, check, how, path)
        else:
            _validate_value(section, key, check, how, "/".join((*path, key)))


def _validate_sub_section(section: Any, key: str, spec: Any, how: Validation, path: tuple[str, ...]) -> None:
    if key not in section:
        section[key] = {}
    if not isinstance(section[key], dict):
        name = "/".join((*path, key))
        how.problems.append(f"Config parameter '{name}': Section '{key}' was provided as a single value")
        return
    validate_section(section[key], spec, how, (*path, key))


def _validate_value(section: Any, key: str, check: str, how: Validation, name: str) -> None:
    missing = key not in section
    try:
        value = _checked(None if missing else section[key], check, how, name, missing=missing)
    except ParameterError as error:
        how.problems.append(str(error))
        return
    section[key] = value
    if missing:
        section.defaults.append(key)


def _checked(value: Any, check: str, how: Validation, name: str, *, missing: bool) -> Any:
    from stpipe.spec import param_of_check

    if how.validator is not None:
        return _checked_by(how.validator, value, check, name, missing=missing)
    param = param_of_check(check)
    if not missing:
        return param.convert(value, path=name, root_dir=how.root_dir)
    if param.required:
        if not how.allow_missing:
            raise ParameterError(f"Config parameter '{name}': missing")
        return check
    return param.convert(param.default_value(), path=name, root_dir=how.root_dir)


def _checked_by(validator: Any, value: Any, check: str, name: str, *, missing: bool) -> Any:
    from configobj.validate import ValidateError, VdtMissingValue

    try:
        return validator.check(check, value, missing=missing)
    except VdtMissingValue:
        raise ParameterError(f"Config parameter '{name}': missing") from None
    except ValidateError as error:
        raise ParameterError(f"Config parameter '{name}': {error}") from error
