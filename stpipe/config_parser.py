"""Configurations as ``ConfigObj`` trees: the functions that downstream code imports (spec framework.md §2.6).

The framework itself works on `stpipe.parameters` and `stpipe.resolve`; nothing here is in the way of a run.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import ValidationError

if TYPE_CHECKING:
    from configobj import ConfigObj, Section

    from stpipe.config_file import StepConfig

__all__ = [
    "ConfigObj",
    "Section",
    "ValidationError",
    "config_from_dict",
    "get_merged_spec_file",
    "load_config_file",
    "load_spec_file",
    "merge_config",
    "string_to_python_type",
    "validate",
]


def __getattr__(name: str) -> object:
    """Give the classes of configobj, which is imported when they are first asked for."""
    if name in ("ConfigObj", "Section"):
        import configobj

        return getattr(configobj, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _warn_of_comments(preserve_comments: object) -> None:
    if preserve_comments is not None:
        warnings.warn("preserve_comments is deprecated", DeprecationWarning, stacklevel=3)


def load_config_file(config_file: str | os.PathLike[str]) -> ConfigObj:
    """Read a parameter file of any format.

    Parameters
    ----------
    config_file : str or Path
        ASDF, YAML or INI file.

    Returns
    -------
    ConfigObj
        Parameters, ``class``, ``name``, a section ``steps`` with one section per sub-step. An INI file comes as it
        is, with its comments, and with its path as ``filename``; ``filename`` is None otherwise, because writing back
        would put INI text into an ASDF file.

    Raises
    ------
    ValueError
        There is no such file.
    ValidationError
        It is no parameter file, or a sub-step has neither a name nor a known class.
    """
    from configobj import ConfigObj

    from stpipe.config_file import read_ini_file, read_parameter_file

    path = os.fspath(config_file)
    if not os.path.isfile(os.path.expanduser(path)):
        raise ValueError(f"Config file {path} not found.")
    config = read_ini_file(path)
    if config is None:
        config = ConfigObj(interpolation=False)
        _fill(config, read_parameter_file(path), path)
    return config


def _fill(section: Section, config: StepConfig, path: str) -> None:
    section.update(config.parameters)
    for key, value in (("class", config.class_name), ("name", config.name)):
        if value:
            section[key] = value
    if not config.steps:
        return
    section["steps"] = {}
    for step in _with_names(config, path).steps:
        section["steps"][step.name] = {}
        _fill(section["steps"][step.name], step, path)


def _with_names(config: StepConfig, path: str) -> StepConfig:
    """Name the sub-steps after the keys of the pipeline that the file is for, where they have no name."""
    if all(step.name for step in config.steps):
        return config
    from stpipe.step_names import named_steps
    from stpipe.utilities import import_class, resolve_step_class_alias

    if not config.class_name:
        raise ValidationError(f"Parameter file '{path}': steps without a name need the class of the pipeline")
    return named_steps(config, import_class(resolve_step_class_alias(config.class_name), config_file=path))


def load_spec_file(cls: type, preserve_comments: object = None) -> ConfigObj | None:
    """Return the spec that a class itself declares, as a ConfigObj of check texts; None if it declares nothing.

    Parameters
    ----------
    cls : type
        A Step class.
    preserve_comments : object, optional
        Deprecated; comments are always kept.
    """
    from configobj import ConfigObj

    from stpipe.declarations import class_parameters
    from stpipe.spec import fill_section

    _warn_of_comments(preserve_comments)
    params = class_parameters(cls)
    if not params and "spec" not in vars(cls):
        return None
    config = ConfigObj(interpolation=False)
    fill_section(config, params)
    return config


def get_merged_spec_file(cls: type, preserve_comments: object = None) -> ConfigObj:
    """Return the spec of a class with those of its bases, as a ConfigObj of check texts.

    Parameters
    ----------
    cls : type
        A Step class; neither the overrides of its references nor the sub-steps of a pipeline are part of the result
        (``cls.load_spec_file()`` has both).
    preserve_comments : object, optional
        Deprecated; comments are always kept.
    """
    from configobj import ConfigObj

    from stpipe.declarations import spec_parameters
    from stpipe.spec import fill_section

    _warn_of_comments(preserve_comments)
    config = ConfigObj(interpolation=False)
    fill_section(config, spec_parameters(cls))
    return config


def merge_config(into: Section, new: Mapping[str, Any]) -> None:
    """Merge a configuration into another one, in place and recursively.

    Parameters
    ----------
    into : Section
        Updated in place.
    new : mapping
        Its values and comments win, except values that are only defaults in it. Dicts become sections; other mappings
        are values.
    """
    defaults = getattr(new, "defaults", ())
    comments, inline_comments = getattr(new, "comments", None), getattr(new, "inline_comments", {})
    for key, value in new.items():
        if isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            merge_config(into[key], value)
        elif key in defaults:
            continue
        else:
            into[key] = value
        if comments is not None:
            into.comments[key] = comments.get(key) or []
            into.inline_comments[key] = inline_comments.get(key)


def config_from_dict(
    d: Mapping[str, Any],
    spec: ConfigObj | None = None,
    root_dir: str | None = None,
    allow_missing: bool = False,
) -> ConfigObj:
    """Make a configuration from a dict.

    Parameters
    ----------
    d : mapping
        Values; dicts in it become sections.
    spec : ConfigObj, optional
        Check texts to validate with. Without, the types of texts are guessed.
    root_dir : str, optional
        Folder that relative file names belong to.
    allow_missing : bool, optional
        Put the check text in for what has neither value nor default.

    Returns
    -------
    ConfigObj
        Converted values, with defaults if there is a spec.

    Raises
    ------
    ParameterError
        As `validate`.
    """
    from configobj import ConfigObj

    config = ConfigObj(interpolation=False)
    config.update(d)
    if spec is None:
        config.walk(string_to_python_type)
    else:
        validate(config, spec, root_dir=root_dir, allow_missing=allow_missing)
    return config


def validate(
    config: ConfigObj,
    spec: ConfigObj,
    section: Section | None = None,
    validator: Any = None,
    root_dir: str | None = None,
    allow_missing: bool = False,
) -> ConfigObj:
    """Check and convert a configuration in place, and add the defaults.

    Parameters
    ----------
    config : ConfigObj
        The configuration.
    spec : ConfigObj
        Check texts, with the same sections.
    section : Section, optional
        Without effect: the whole of ``config`` is checked, as in the released framework.
    validator : configobj.validate.Validator, optional
        One with checks of its own; it takes over the checking of single values.
    root_dir : str, optional
        Folder that relative file names belong to.
    allow_missing : bool, optional
        Put the check text in for what has neither value nor default.

    Returns
    -------
    ConfigObj
        ``config``.

    Raises
    ------
    ParameterError
        With one line per unknown name, missing value and value that is not allowed.
    """
    from stpipe.config_validation import Validation, validate_section
    from stpipe.parameters import raise_problems

    validation = Validation(validator=validator, root_dir=root_dir, allow_missing=allow_missing)
    validate_section(config, spec, validation)
    raise_problems([*validation.problems, *validation.extras])
    return config


def string_to_python_type(section: Section, key: str) -> None:
    """Replace a text in a section by what it looks like: bool, int, float, else text; also inside lists.

    Parameters
    ----------
    section : Section
        Updated in place; made for ``ConfigObj.walk``.
    key : str
        Name of the value.
    """
    value = section[key]
    if isinstance(value, list | tuple):
        section[key] = type(value)(_guessed(item) for item in value)
    else:
        section[key] = _guessed(value)


def _guessed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    word = value.lower()
    if word in ("true", "false"):
        return word == "true"
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            continue
    return value
