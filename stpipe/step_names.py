"""Which sub-step a section of a parameter file is for, and which class a text names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stpipe.config_file import StepConfig
from stpipe.exceptions import ValidationError

__all__ = ["class_matches", "named_steps"]


def class_matches(text: str | None, cls: Any) -> bool:
    """Whether a text from a file, an alias, ``package::alias`` or dotted path, names this class.

    Dotted paths are compared by their last part, because a class can be imported from several places.
    """
    if not text:
        return False
    return text.rpartition("::")[2] == getattr(cls, "class_alias", None) or text.rpartition(".")[2] == cls.__name__


def named_steps(config: StepConfig, cls: Any) -> StepConfig:
    """Give the sub-steps in a configuration the keys of ``step_defs`` where they have no name.

    Parameters
    ----------
    config : StepConfig
        Configuration of ``cls``.
    cls : type
        Step or Pipeline class.

    Returns
    -------
    StepConfig
        With a name on every sub-step.

    Raises
    ------
    ValidationError
        The class of a sub-step fits none or several of the keys; the candidates are named.
    """
    if not config.steps:
        return config
    step_defs = getattr(cls, "step_defs", None) or {}
    return config.with_steps([_named(step, cls, step_defs) for step in config.steps])


def _named(step: StepConfig, cls: Any, step_defs: Any) -> StepConfig:
    key = step.name or _key_of_class(step.class_name, cls, step_defs)
    step = step.with_name(key)
    return named_steps(step, step_defs[key]) if key in step_defs else step


def _key_of_class(class_name: str | None, cls: Any, step_defs: Any) -> str:
    keys = [key for key, step_class in step_defs.items() if class_matches(class_name, step_class)]
    if len(keys) == 1:
        return keys[0]
    problem = f"fits several sub-steps of {cls.__name__}" if keys else f"fits no sub-step of {cls.__name__}"
    raise ValidationError(
        f"A step of class '{class_name}' without a name {problem}; give it the name of one of: "
        f"{_listed(keys or step_defs)}"
    )


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(keys) or "none, it has no sub-steps"
