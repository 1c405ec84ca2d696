"""Parameter files: ASDF, YAML and INI read into a `StepConfig`, and written as ASDF (spec framework.md §7)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from stpipe.exceptions import ValidationError

__all__ = ["StepConfig", "config_for_class", "read_ini_file", "read_parameter_file", "write_parameter_file"]

_INI_SUFFIXES = (".cfg", ".ini")
_KEYS = ("class", "name", "parameters", "steps")


@dataclass(frozen=True)
class StepConfig:
    """Parameters of a step, and of its sub-steps, as a file holds them.

    Attributes
    ----------
    class_name : str or None
        Alias or dotted path of the class.
    name : str or None
        Name of the step.
    parameters : dict
        Name to value, as written.
    steps : list of StepConfig
        Sub-steps.
    """

    class_name: str | None
    name: str | None
    parameters: dict[str, Any] = field(default_factory=dict)
    steps: list[StepConfig] = field(default_factory=list)

    def with_name(self, name: str) -> StepConfig:
        """Return this configuration under another name."""
        return self if name == self.name else replace(self, name=name)

    def with_steps(self, steps: list[StepConfig]) -> StepConfig:
        """Return this configuration with other sub-steps."""
        return replace(self, steps=steps)

    def as_mapping(self) -> dict[str, Any]:
        """Return the parameters with those of the sub-steps under ``steps``, by name."""
        values = dict(self.parameters)
        if self.steps:
            values["steps"] = {step.name: step.as_mapping() for step in self.steps}
        return values

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], name: str | None = None) -> StepConfig:
        """Build from the flat form: parameters beside ``class``, ``name`` and a mapping ``steps``."""
        steps = values.get("steps") or {}
        if not isinstance(steps, Mapping):
            steps = dict(enumerate(steps))
        parameters = {key: value for key, value in values.items() if key not in ("class", "name", "steps")}
        members = [_keyed(cls.from_entry(step), key) for key, step in steps.items()]
        return cls(values.get("class") or None, values.get("name") or name, parameters, members)

    @classmethod
    def from_entry(cls, entry: Any, name: str | None = None, where: str = "steps") -> StepConfig:
        """Build from an item of ``steps``, in either form.

        Raises
        ------
        ValidationError
            It is no mapping.
        """
        if entry is None:
            return cls(None, name)
        if not isinstance(entry, Mapping):
            raise ValidationError(f"{where}: '{entry}' is not a mapping of parameters")
        if isinstance(entry.get("parameters", _MISSING), Mapping | None):
            return _structured(entry, name, where)
        return cls.from_mapping(entry, name)

    def to_tree(self, include_metadata: bool = False) -> dict[str, Any]:
        """Return the tree of a file of schema ``step_config-1.0.0``, as plain objects."""
        from stpipe.yaml_text import plain_tree

        tree: dict[str, Any] = {"class": self.class_name, "name": self.name}
        if include_metadata:
            tree["meta"] = metadata_template(self.class_name)
        tree["parameters"] = plain_tree(self.parameters)
        if self.steps:
            tree["steps"] = [step.to_tree() for step in self.steps]
        return tree

    def to_asdf(self, include_metadata: bool = False) -> Any:
        """Return an ``asdf.AsdfFile`` of schema ``step_config-1.0.0``; with metadata, a template to fill in."""
        import asdf

        return asdf.AsdfFile(self.to_tree(include_metadata))

    @classmethod
    def from_asdf(cls, asdf_file: Any) -> StepConfig:
        """Build from an open ``asdf.AsdfFile`` of any of the schemas.

        Raises
        ------
        ValidationError
            The tree is no parameter file, or ``class`` or ``parameters`` is missing; the error is an
            ``asdf.exceptions.ValidationError`` too.
        """
        from stpipe.yaml_text import plain_tree

        try:
            tree = plain_tree(_without_asdf_keys(asdf_file.tree))
            config = _from_tree(tree, "ASDF file")
            for key, found in (("class", config.class_name), ("parameters", "parameters" in tree)):
                if not found:
                    raise ValidationError(f"ASDF file: '{key}' is a required property")
            return config
        except ValidationError as error:
            raise _asdf_error_class()(str(error)) from None


_MISSING: Any = object()


@lru_cache(maxsize=1)
def _asdf_error_class() -> type[ValidationError]:
    """Make an error that callers of asdf recognise; asdf is imported by then."""
    from asdf.exceptions import ValidationError as AsdfValidationError

    return type("ParameterFileError", (ValidationError, AsdfValidationError), {})


def metadata_template(class_name: str | None) -> dict[str, Any]:
    """Return the metadata that a reference file needs, with ``<SPECIFY>`` where a person has to fill in."""
    from datetime import UTC, datetime

    blank = "<SPECIFY>"
    return {
        "author": blank,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "description": f"Parameters for calibration step {class_name}",
        "instrument": {"name": blank},
        "origin": blank,
        "pedigree": blank,
        "reftype": blank,
        "telescope": blank,
        "useafter": blank,
    }


def _without_asdf_keys(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if key not in ("asdf_library", "history")}


def read_parameter_file(path: str | os.PathLike[str]) -> StepConfig:
    """Read a parameter file: ASDF (1.0.0, with metadata, legacy 0.1.0), YAML, or INI.

    Parameters
    ----------
    path : str or Path
        The file. Its content decides the format; ``.cfg`` and ``.ini`` without an ASDF header are INI.

    Returns
    -------
    StepConfig
        What it says; reading the same unchanged file again costs a ``stat``.

    Raises
    ------
    ValueError
        There is no such file.
    ValidationError
        It is no parameter file; the text says why.
    """
    path = os.path.abspath(os.path.expanduser(os.fspath(path)))
    return _from_tree(_read(path), f"Parameter file '{path}'")


def _read(path: str) -> Any:
    try:
        status = os.stat(path)
    except OSError:
        raise ValueError(f"Config file {path} not found.") from None
    return deepcopy(_read_cached(path, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=128)
def _read_cached(path: str, mtime: int, size: int) -> Any:
    """Read the tree of a file; its modification time and size are part of the key, so changes are seen."""
    from stpipe.yaml_text import is_asdf, read_tree

    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise ValidationError(f"Parameter file '{path}' cannot be read: {error.strerror}") from error
    if is_asdf(content):
        return _without_asdf_keys(read_tree(path, content) or {})
    if path.lower().endswith(_INI_SUFFIXES):
        return _read_ini(path)
    try:
        tree = read_tree(path, content)
    except ValidationError:
        return _read_ini(path)
    return tree if isinstance(tree, Mapping) else _read_ini(path)


def _read_ini(path: str) -> _IniTree:
    """Read an INI file into the legacy form, everything under ``parameters``."""
    return _IniTree(parameters=_config_obj(path).dict())


class _IniTree(dict[str, Any]):
    """Tree that came from an INI file."""


def _config_obj(path: str) -> Any:
    from configobj import ConfigObj, ConfigObjError

    try:
        return ConfigObj(path, interpolation=False, encoding="utf-8", file_error=True)
    except (ConfigObjError, UnicodeDecodeError, OSError) as error:
        raise ValidationError(f"Parameter file '{path}' cannot be read: {error}") from error


def read_ini_file(path: str) -> Any:
    """Return the ``ConfigObj`` of a parameter file if it is an INI file, comments included; else None.

    Parameters
    ----------
    path : str
        The file; it becomes the ``filename`` of the ConfigObj.

    Raises
    ------
    ValueError, ValidationError
        As `read_parameter_file`.
    """
    full = os.path.abspath(os.path.expanduser(path))
    if not isinstance(_read(full), _IniTree):
        return None
    config = _config_obj(full)
    config.filename = path
    return config


def _from_tree(tree: Any, where: str) -> StepConfig:
    """Build from the tree of a file, in the form of schema 1.0.0 or the legacy one."""
    if not isinstance(tree, Mapping):
        raise ValidationError(f"{where}: there is no mapping with class, name, parameters, steps")
    parameters = tree.get("parameters")
    if isinstance(parameters, Mapping) and "class" not in tree and "steps" not in tree:
        problems = list(_misspelt(tree, where))
        if problems:
            raise ValidationError("\n".join(problems))
        return StepConfig.from_mapping(parameters, tree.get("name"))
    return _structured(tree, None, where)


def _structured(entry: Mapping[str, Any], name: str | None, where: str) -> StepConfig:
    """Build from ``class``, ``name``, ``parameters``, ``steps``."""
    problems = [
        f"{where}: '{key}' has to be a text, not {entry[key]!r}"
        for key in ("class", "name")
        if entry.get(key) is not None and not isinstance(entry[key], str)
    ]
    parameters, steps = entry.get("parameters"), entry.get("steps")
    if not isinstance(parameters, Mapping | None):
        problems.append(f"{where}: 'parameters' has to be a mapping, not {parameters!r}")
    if not isinstance(steps, Mapping | list | tuple | None):
        problems.append(f"{where}: 'steps' has to be a list, not {steps!r}")
    problems += _misspelt(entry, where)
    if problems:
        raise ValidationError("\n".join(problems))
    values = dict(parameters or {})
    if entry.get("config_file"):
        values.setdefault("config_file", entry["config_file"])
    members = _members(steps, f"{where}: steps")
    return StepConfig(entry.get("class") or None, entry.get("name") or name, values, members)


def _members(steps: Any, where: str) -> list[StepConfig]:
    if isinstance(steps, Mapping):
        return [_keyed(StepConfig.from_entry(step, None, f"{where}/{key}"), str(key)) for key, step in steps.items()]
    return [StepConfig.from_entry(step, None, f"{where}[{index}]") for index, step in enumerate(steps or ())]


def _keyed(step: StepConfig, key: Any) -> StepConfig:
    """Name a sub-step after its key in a mapping, whatever name is inside; a position in a list is no key."""
    return step.with_name(key) if isinstance(key, str) else step


def _misspelt(entry: Mapping[str, Any], where: str) -> Iterable[str]:
    """Name keys that are almost one of those known; others (metadata, descriptions) are nobody's business here."""
    import difflib

    for key in entry:
        near = difflib.get_close_matches(str(key), _KEYS, n=1, cutoff=0.75)
        if near and near[0] != key and near[0] not in entry:
            yield f"{where}: unknown key '{key}' (did you mean '{near[0]}'?)"


def config_for_class(path: str | os.PathLike[str], cls: Any) -> StepConfig:
    """Read a parameter file for a known class.

    ``class`` and ``parameters`` may be missing, sub-steps without a name get the key of their class, and a recipe gives
    the parameters of its first entry of this class.

    Parameters
    ----------
    path : str or Path
        The file.
    cls : type
        Step or Pipeline class.

    Returns
    -------
    StepConfig
        Every sub-step has a name.

    Raises
    ------
    ValueError, ValidationError
        As `read_parameter_file`, and if a sub-step fits none or several keys of the pipeline.
    """
    from stpipe.step_names import named_steps

    path = os.path.abspath(os.path.expanduser(os.fspath(path)))
    entry = _recipe_entry(_read(path), cls)
    config = _from_tree(entry, f"Parameter file '{path}'") if entry is not None else read_parameter_file(path)
    return named_steps(config, cls)


def _recipe_entry(tree: Any, cls: Any) -> dict[str, Any] | None:
    """Return the first entry of a recipe that names this class, in the form of a parameter file; None if no recipe."""
    from stpipe.step_names import class_matches

    if not isinstance(tree, Mapping) or "class" in tree or "parameters" in tree:
        return None
    entries = [entry for group in tree.values() if isinstance(group, list) for entry in group]
    for entry in entries:
        text = entry if isinstance(entry, str) else _class_of(entry)
        if class_matches(text, cls):
            entry = entry if isinstance(entry, Mapping) else {}
            parameters = dict(entry.get("in") or entry.get("parameters") or {})
            nested = {"steps": parameters.pop("steps", None) or entry.get("steps")}
            return {"class": text, "name": entry.get("name"), "parameters": parameters, **nested}
    return None


def _class_of(entry: Any) -> str | None:
    text = (entry.get("step") or entry.get("class")) if isinstance(entry, Mapping) else None
    return text if isinstance(text, str) else None


def write_parameter_file(path: str | os.PathLike[str], config: StepConfig, *, include_metadata: bool = False) -> str:
    """Write a parameter file of schema ``step_config-1.0.0``, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Where; an existing file is replaced.
    config : StepConfig
        What.
    include_metadata : bool, optional
        Add the metadata of a reference file as a template.

    Returns
    -------
    str
        The path.

    Raises
    ------
    OutputError
        The folder cannot be written.
    ValueError
        A value has no form in YAML.
    """
    from stpipe.atomic import write_atomically
    from stpipe.yaml_text import dump_asdf

    content = dump_asdf(config.to_tree(include_metadata))

    def write(temporary: str) -> None:
        with open(temporary, "wb") as stream:
            stream.write(content)

    return write_atomically(os.fspath(path), write)
