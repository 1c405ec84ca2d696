"""Calling an overridden ``merge_config`` of a class on each source of its parameters (spec framework.md §3.5)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.resolve import Layer

__all__ = ["through_hook"]

_BASE = "stpipe.step"


def through_hook(cls: Any, layers: Iterable[Layer], config_file: Any) -> list[Layer]:
    """Pass the values of each layer of a class through its ``merge_config``, if it has one of its own.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    layers : iterable of Layer
        Those of sub-steps, and those without values, are left alone; where none has values the last one counts.
    config_file : str, Path or None
        The parameter file.

    Returns
    -------
    list of Layer
        The layers, in the same order; the very same ones where the class does not override ``merge_config``.
    """
    layers = list(layers)
    hook = getattr(cls, "merge_config", None)
    if hook is None or hook.__module__ == _BASE:
        return layers
    path = None if config_file is None else os.fspath(config_file)
    own = [index for index, layer in enumerate(layers) if layer.values and not layer.section] or [len(layers) - 1]
    for index in own:
        layers[index] = replace(layers[index], values=_changed(hook, layers[index].values, path))
    return layers


def _changed(hook: Any, values: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    from configobj import ConfigObj

    config = ConfigObj(interpolation=False)
    config.update(_plain(values))
    changed = hook(config, path)
    return changed.dict() if hasattr(changed, "dict") else dict(changed)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make dicts of what holds the parameters of steps; dicts become sections, anything else stays a value."""
    plain = dict(values)
    steps = plain.get("steps")
    if isinstance(steps, Mapping):
        plain["steps"] = {key: _plain(step) if isinstance(step, Mapping) else step for key, step in steps.items()}
    return plain
