"""The less frequent ways to make, describe and write a step, kept apart so that `stpipe.step` imports quickly."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = [
    "build_config",
    "class_of_config",
    "config_from_reference",
    "export_config",
    "from_cmdline",
    "from_config_file",
    "from_config_section",
    "load_spec_file",
    "merge_step_files",
    "parameter_reference_paths",
    "pipeline_config_from_reference",
    "without_defaults",
]

log = logging.getLogger("stpipe.step")


def from_config_file(cls: type[Step], path: Any, *, parent: Step | None, name: str | None) -> Step:
    """Make a step from a parameter file.

    Parameters
    ----------
    cls : type
        Class that the class in the file has to be, or derive from; the class itself where the file names none.
    path : str or Path
        ASDF, YAML or INI file.
    parent : Step or None
        Pipeline of the step.
    name : str or None
        Name of the step; else that in the file, else the base name of the file.

    Raises
    ------
    TypeError
        The file is for a class that is not a subclass of ``cls``.
    ParameterError
        A parameter in the file has an unknown name or a value that is not allowed.
    """
    from stpipe.config_file import read_parameter_file
    from stpipe.resolve import resolve_file

    path = os.fspath(path)
    read = read_parameter_file(path)
    step_class = class_of_config(cls, {"class": read.class_name}, path)
    resolved = resolve_file(step_class, path)
    name = name or read.name or os.path.splitext(os.path.basename(path))[0]
    return step_class.from_resolved(resolved, name=name, parent=parent, config_file=path)


def class_of_config(cls: type[Step], config: Mapping[str, Any], path: str) -> type[Step]:
    """Class that a parameter file names, by alias or dotted path, or ``cls`` where it names none.

    Raises
    ------
    TypeError
        It is no subclass of ``cls``.
    """
    if not config.get("class"):
        return cls
    from stpipe.step import Step
    from stpipe.utilities import import_class, resolve_step_class_alias

    step_class = import_class(resolve_step_class_alias(config["class"]), Step, path)
    if not issubclass(step_class, cls):
        raise TypeError(
            f"Configuration file does not match the expected step class. Expected {cls}, got {step_class} in '{path}'"
        )
    return step_class


def from_config_section(
    cls: type[Step], config: Mapping[str, Any], *, parent: Step | None, name: str | None, config_file: str | None
) -> Step:
    """Make a step from a section of a parameter file.

    Parameters
    ----------
    cls : type
        Class of the step.
    config : ConfigObj, Section or dict
        Values by name, those of sub-steps in ``steps``. ``name``, ``class`` and ``config_file`` are taken out of it,
        and it is filled with the checked values and the defaults.
    parent : Step or None
        Pipeline of the step.
    name : str or None
        Name of the step; else that in the section.
    config_file : str or None
        The file that the section is from; relative file names in it belong to its folder.

    Raises
    ------
    ParameterError
        A parameter has an unknown name or a value that is not allowed.
    ValueError
        A file that a section of a sub-step names is missing.
    """
    from stpipe.resolve import resolve_values

    found = {key: config.pop(key, None) for key in ("name", "class", "config_file")}  # type: ignore[attr-defined]
    values = config.dict() if hasattr(config, "dict") else dict(config)
    resolved = resolve_values(cls, values, config_file)
    if hasattr(config, "merge"):
        config.merge(resolved.values)
    return cls.from_resolved(resolved, name=name or found["name"], parent=parent, config_file=config_file)


def merge_step_files(cls: Any, config: Any, config_file: Any) -> Any:
    """Put the values of files that sections of sub-steps name under those of the sections.

    Parameters
    ----------
    cls : type
        Step or Pipeline class; a step has no sub-steps, and nothing is done.
    config : ConfigObj
        Updated in place; ``config_file`` is taken out of the sections.
    config_file : str, Path or None
        The file that ``config`` is from; relative names belong to its folder, else to the current one.

    Returns
    -------
    ConfigObj
        ``config``.

    Raises
    ------
    ValueError
        There is no such file.
    """
    from stpipe.config_parser import load_config_file, merge_config

    folder = os.path.dirname(config_file) if isinstance(config_file, str | os.PathLike) else ""
    sections = config.get("steps") or {}
    for key in getattr(cls, "step_defs", None) or ():
        section = sections.get(key)
        if not isinstance(section, dict) or not (path := section.pop("config_file", None)):
            continue
        merged = load_config_file(os.path.join(folder, os.path.expanduser(path)))
        merge_config(merged, section)
        sections[key] = merged.dict()
    return config


def from_cmdline(args: list[str]) -> Step:
    """Build and run a step as ``strun`` would; return the step."""
    from stpipe.cli.strun import step_from_cmdline

    return step_from_cmdline(args)


def build_config(cls: type[Step], init: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str | None]:
    """Return what ``call`` would use: a ConfigObj of all values but defaults, and the parameter file if any.

    ``name`` and ``class`` are those in the parameter file, if any.
    """
    from configobj import ConfigObj

    from stpipe.config_file import read_parameter_file
    from stpipe.resolve import resolve_call

    resolved = resolve_call(cls, () if init is None else (init,), dict(kwargs))
    config = ConfigObj(interpolation=False)
    config_file = kwargs.get("config_file")
    if config_file is not None:
        read = read_parameter_file(config_file)
        config.update({key: value for key, value in (("name", read.name), ("class", read.class_name)) if value})
    config.merge(without_defaults(resolved.values, resolved.sources))
    return config, None if config_file is None else os.fspath(config_file)


def without_defaults(values: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the values whose source is ``default``, in sub-steps too."""
    given: dict[str, Any] = {}
    for name, value in values.items():
        source = sources.get(name)
        if name == "steps":
            steps = {key: without_defaults(section, (source or {}).get(key, {})) for key, section in value.items()}
            given["steps"] = {key: section for key, section in steps.items() if section}
        elif source != "default":
            given[name] = value
    return {name: value for name, value in given.items() if name != "steps" or value}


def load_spec_file(cls: type[Step], preserve_comments: Any) -> Any:
    """Return the merged spec as a ConfigObj of check texts."""
    from stpipe.spec import load_spec

    if preserve_comments is not None:
        warnings.warn("preserve_comments is deprecated: comments are always kept", DeprecationWarning, stacklevel=3)
    return load_spec(cls)


def config_from_reference(cls: type[Step], dataset: Any, *, disable: bool | None, crds_observatory: str | None) -> Any:
    """Return the parameters that the reference service has for a dataset, as a ConfigObj (empty if it has none)."""
    from configobj import ConfigObj

    reftype = cls.get_config_reftype()
    try:
        paths = parameter_reference_paths(cls, dataset, [reftype], disable=disable, crds_observatory=crds_observatory)
    except (OSError, TypeError, ValueError) as error:
        if isinstance(dataset, dict):
            raise
        log.warning("Input dataset is not an instance of AbstractDataModel.")
        log.debug("No parameter reference: %s", error)
        paths = {}
    if reftype not in paths:
        return ConfigObj()
    from stpipe.config_parser import load_config_file

    config = load_config_file(paths[reftype])
    config.filename = paths[reftype]
    return config


def pipeline_config_from_reference(
    cls: Any, own: Callable[..., Any], dataset: Any, *, disable: bool | None, crds_observatory: str | None
) -> Any:
    """Return the parameters of a pipeline and its sub-steps that the reference service has for a dataset.

    Parameters
    ----------
    cls : type
        Pipeline class.
    own : callable
        ``get_config_from_reference`` of the pipeline alone.
    dataset : model, path or dict
        What the parameters are for.
    disable : bool or None
        Do not ask; None leaves it to the environment.
    crds_observatory : str or None
        Needed with a dict.

    Returns
    -------
    ConfigObj
        With a section in ``steps`` for each sub-step; empty if lookups are switched off or the dataset is of no use.
    """
    from stpipe.config_parser import merge_config
    from stpipe.references import reference_session
    from stpipe.step import get_disable_crds_steppars

    with reference_session():
        config = own(dataset, disable=disable, crds_observatory=crds_observatory)
        if get_disable_crds_steppars() if disable is None else disable:
            return config
        try:
            parameters, observatory = _crds_parameters(cls, dataset, crds_observatory)
        except (OSError, TypeError, ValueError):
            return config
        steps = config.setdefault("steps", {})
        for key, step_class in cls.step_defs.items():
            section = step_class.get_config_from_reference(
                dict(parameters), disable=disable, crds_observatory=observatory
            )
            merge_config(section, steps.get(key, {}))
            steps[key] = section
    return config


def parameter_reference_paths(
    cls: type[Step],
    dataset: Any,
    reftypes: Sequence[str],
    *,
    disable: bool | None = None,
    crds_observatory: str | None = None,
) -> dict[str, str]:
    """Ask the reference service for parameter files of several types at once; return type to path for those found.

    Raises
    ------
    ValueError
        The dataset is a dict of CRDS parameters and ``crds_observatory`` is missing.
    """
    from stpipe.step import get_disable_crds_steppars

    if get_disable_crds_steppars() if disable is None else disable:
        log.debug("Parameters of %s from the reference service are switched off", cls.__name__)
        return {}
    from stpipe.references import lookup_parameter_files

    parameters, observatory = _crds_parameters(cls, dataset, crds_observatory)
    found = lookup_parameter_files(parameters, reftypes, observatory)
    for reftype, path in found.items():
        log.info("%s parameters found: %s", reftype.upper(), path)
    return found


def _crds_parameters(cls: type[Step], dataset: Any, crds_observatory: str | None) -> tuple[Mapping[str, Any], str]:
    if not isinstance(dataset, dict):
        return cls._get_crds_parameters(dataset)
    if crds_observatory is None:
        raise ValueError("Need a value for crds_observatory when the dataset is a dict of parameters")
    return dataset, crds_observatory


def export_config(step: Step, path: Any, *, include_metadata: bool) -> str:
    """Write all parameters of a step, those of sub-steps too, to an ASDF parameter file."""
    from stpipe._config import export_config as make
    from stpipe.atomic import write_atomically

    with make(step).to_asdf(include_metadata=include_metadata) as file:
        return write_atomically(os.fspath(path), file.write_to)
