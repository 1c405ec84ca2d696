"""Parameters that the reference service has for a dataset, for a step and its sub-steps (spec framework.md §5.1)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stpipe.exceptions import ValidationError

__all__ = ["ReferenceConfig", "reference_configs"]

log = logging.getLogger("stpipe.step")

_PIPELINE = "stpipe.pipeline"


@dataclass(frozen=True, slots=True)
class ReferenceConfig:
    """One parameter reference.

    Attributes
    ----------
    section : str
        What it is for: empty for the class itself, ``steps/jump`` for a sub-step.
    file : str
        Base name of the reference.
    name : str or None
        Name of the step in it.
    values : mapping
        Parameters, those of sub-steps under ``steps``.
    """

    section: str
    file: str
    name: str | None
    values: Mapping[str, Any]


def reference_configs(cls: Any, dataset: Any, *, disable: bool | None = None) -> list[ReferenceConfig]:
    """Ask for the parameters of a class and all its sub-steps, in one go where the class can.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    dataset : model, path or dict
        What the parameters are for.
    disable : bool, optional
        Do not ask; by default the environment decides.

    Returns
    -------
    list of ReferenceConfig
        From low to high: the sub-steps, then the class itself.

    Raises
    ------
    OSError, TypeError, ValueError
        The dataset cannot be used.
    """
    wanted = [("", cls)] if _speaks_for_all(cls) else [*_sub_steps(cls, ""), ("", cls)]
    read = _read_in_one_go if _asks_in_one_go(cls, wanted) else _read_one_by_one
    found = read(cls, [step_class for _, step_class in wanted], dataset, disable)
    configs = []
    for section, step_class in wanted:
        if step_class in found:
            file, config = found[step_class]
            configs.append(ReferenceConfig(section, file, config.name, config.as_mapping()))
    return configs


def _sub_steps(cls: Any, section: str) -> Iterator[tuple[str, Any]]:
    prefix = f"{section}/steps" if section else "steps"
    for key, step_class in (getattr(cls, "step_defs", None) or {}).items():
        yield from _sub_steps(step_class, f"{prefix}/{key}")
        yield f"{prefix}/{key}", step_class


def _asks_in_one_go(cls: Any, wanted: list[tuple[str, Any]]) -> bool:
    """Whether every class gets its parameters the way the batch lookup does."""
    return _batch(cls) is not None and all(_is_usual(step_class, _batch(cls)) for _, step_class in wanted)


def _speaks_for_all(cls: Any) -> bool:
    """Whether a class has its own way to get parameters, which for a pipeline are those of its sub-steps, too."""
    return _batch(cls) is not None and not _is_usual(cls, _batch(cls))


def _batch(cls: Any) -> str | None:
    return getattr(getattr(cls, "_parameter_reference_paths", None), "__module__", None)


def _is_usual(step_class: Any, batch: str | None) -> bool:
    return getattr(step_class.get_config_from_reference, "__module__", None) in (batch, _PIPELINE)


def _read_in_one_go(cls: Any, classes: list[Any], dataset: Any, disable: bool | None) -> dict[Any, tuple[str, Any]]:
    by_reftype = {step_class: step_class.get_config_reftype() for step_class in classes}
    paths = cls._parameter_reference_paths(dataset, sorted(set(by_reftype.values())), disable=disable)
    configs = {reftype: _read(path) for reftype, path in paths.items()}
    return {
        step_class: (os.path.basename(paths[reftype]), _with_known_steps(configs[reftype], step_class, paths[reftype]))
        for step_class, reftype in by_reftype.items()
        if reftype in configs
    }


def _read(path: str) -> Any:
    """Read a reference; a missing one must not look like an input that cannot be used."""
    from stpipe.config_file import read_parameter_file

    try:
        return read_parameter_file(path)
    except ValueError as error:
        raise ValidationError(
            f"Parameter reference: {error} Repair the CRDS cache, or switch the lookup off."
        ) from error


def _read_one_by_one(cls: Any, classes: list[Any], dataset: Any, disable: bool | None) -> dict[Any, tuple[str, Any]]:
    from stpipe.config_file import StepConfig

    found = {}
    for step_class in dict.fromkeys(classes):
        if getattr(step_class.get_config_from_reference, "__module__", None) == _PIPELINE:
            found.update(_read_in_one_go(step_class, [step_class], dataset, disable))
            continue
        config = step_class.get_config_from_reference(dataset, disable=disable)
        if config:
            file = os.path.basename(getattr(config, "filename", None) or step_class.get_config_reftype())
            found[step_class] = (file, _with_known_steps(StepConfig.from_mapping(config), step_class, file))
    return found


def _with_known_steps(config: Any, cls: Any, file: str) -> Any:
    """Name the sub-steps in a reference; those that this version does not have are left out with a WARNING."""
    from stpipe.step_names import named_steps

    try:
        return named_steps(config, cls)
    except ValidationError as error:
        log.warning("crds:%s: %s; steps without a usable name are ignored", os.path.basename(file), error)
        return config.with_steps([step for step in config.steps if step.name])
