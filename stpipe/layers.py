"""Values from several sources merged into one set of parameters; every value knows where it came from.

`merge_layers` converts and checks only the values that win. Which layers there are is up to `stpipe.resolve`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stpipe.allowed import allowed_values
from stpipe.declarations import declared_parameters
from stpipe.exceptions import ParameterError
from stpipe.parameters import Param, near_hint, raise_problems

__all__ = ["Layer", "Resolved", "merge_layers"]

log = logging.getLogger("stpipe.step")

# Keys that say what a section is for; no parameters unless a class declares them.
SECTION_KEYS = frozenset({"class", "config_file", "name"})


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one source.

    Attributes
    ----------
    source : str
        ``crds:<file>``, ``file:<path>``, ``keyword``, ``command line`` or ``attribute``.
    values : mapping
        Parameters by name; those of sub-steps in ``values["steps"][key]``.
    strict : bool
        Unknown names are errors; otherwise a WARNING, and they are ignored.
    section : str
        Where in the pipeline ``values`` belong: empty for the top, ``steps/jump`` for a sub-step.
    root_dir : str or None
        Folder that relative file names belong to; the current folder if None.
    """

    source: str
    values: Mapping[str, Any]
    strict: bool = True
    section: str = ""
    root_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The parameters of a step and its sub-steps, and where each came from.

    Attributes
    ----------
    values : dict
        Every parameter, converted; a pipeline has ``"steps"``: key to the same for each sub-step.
    sources : dict
        Same shape; ``default`` or the source of the layer.
    name : str or None
        Name of the step from a parameter file or, below it, a parameter reference.
    config_file : str or None
        The parameter file.
    """

    values: dict[str, Any]
    sources: dict[str, Any]
    name: str | None = None
    config_file: str | None = None


@dataclass(slots=True)
class _Node:
    """One step of the tree while layers are merged."""

    cls: Any
    section: str
    params: Mapping[str, Param[Any]]
    given: dict[str, tuple[Any, Layer]] = field(default_factory=dict)
    children: dict[str, _Node] = field(default_factory=dict)


def merge_layers(cls: Any, layers: Iterable[Layer], *, check_required: bool = True) -> Resolved:
    """Merge layers, the last one highest, over the declared defaults.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    layers : iterable of Layer
        From low to high.
    check_required : bool, optional
        A parameter without default and value is an error; otherwise it is None.

    Returns
    -------
    Resolved
        Lists in it are new ones.

    Raises
    ------
    ParameterError
        With one line for each unknown name and each value that wins and is not allowed.
    """
    root = _grow(cls, "")
    problems: dict[str, None] = {}
    for layer in layers:
        node, values = _place(root, layer)
        if node is not None:
            _apply(node, values, layer, problems)
    values, sources = _finish(root, problems, check_required)
    raise_problems(list(problems))
    return Resolved(values, sources)


def _grow(cls: Any, section: str) -> _Node:
    node = _Node(cls, section, declared_parameters(cls))
    prefix = f"{section}/steps" if section else "steps"
    for key, step_class in (getattr(cls, "step_defs", None) or {}).items():
        node.children[key] = _grow(step_class, f"{prefix}/{key}")
    return node


def _place(root: _Node, layer: Layer) -> tuple[_Node | None, Mapping[str, Any]]:
    """Return the node that a layer belongs to and its values there."""
    node = root
    for key in layer.section.split("/")[1::2]:
        if key not in node.children:
            return root, {"steps": {key: layer.values}}
        node = node.children[key]
    return node, layer.values


def _apply(node: _Node, values: Mapping[str, Any], layer: Layer, problems: dict[str, None]) -> None:
    for name, value in values.items():
        if name in node.params:
            node.given[name] = (value, layer)
        elif name == "steps" and (node.children or not value):
            _apply_steps(node, value, layer, problems)
        elif name in node.children and isinstance(value, Mapping):
            _apply(node.children[name], value, layer, problems)
        elif name not in SECTION_KEYS:
            where = node.section or "root"
            hint = near_hint(name, [*node.params, *(["steps"] if node.children else [])])
            _unknown(f"Extra value '{name}' in {where}{hint}", layer, problems)


def _apply_steps(node: _Node, steps: Any, layer: Layer, problems: dict[str, None]) -> None:
    prefix = f"{node.section}/steps" if node.section else "steps"
    if not isinstance(steps, Mapping):
        if steps:
            problems[f"Config parameter '{prefix}': Section 'steps' was provided as a single value"] = None
        return
    for key, values in steps.items():
        if key not in node.children:
            _unknown(f"Extra value '{key}' in {prefix}{near_hint(key, node.children)}", layer, problems)
        elif isinstance(values, Mapping):
            _apply(node.children[key], values, layer, problems)
        elif values is not None:
            problems[f"Config parameter '{prefix}/{key}': Section '{key}' was provided as a single value"] = None


def _unknown(message: str, layer: Layer, problems: dict[str, None]) -> None:
    if layer.strict:
        problems[f"{message}{_place_of(layer)}"] = None
    else:
        log.warning("%s: %s; this version does not know it and ignores it", layer.source, message)


def _finish(node: _Node, problems: dict[str, None], check_required: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Convert what was given, fill in the defaults."""
    prefix = f"{node.section}/" if node.section else ""
    values: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    for name, param in node.params.items():
        found = node.given.get(name)
        if found is None:
            if check_required and param.required:
                problems[f"Config parameter '{prefix}{name}': missing"] = None
            values[name], sources[name] = param.default_value(), "default"
        else:
            values[name], sources[name] = _converted(param, prefix + name, found, problems), found[1].source
    if node.children:
        pairs = {key: _finish(child, problems, check_required) for key, child in node.children.items()}
        values["steps"] = {key: pair[0] for key, pair in pairs.items()}
        sources["steps"] = {key: pair[1] for key, pair in pairs.items()}
    return values, sources


def _converted(param: Param[Any], path: str, found: tuple[Any, Layer], problems: dict[str, None]) -> Any:
    value, layer = found
    if value is False and param.name == "suffix":
        return value
    try:
        return param.convert(value, path=path, root_dir=layer.root_dir)
    except ParameterError as error:
        problems[f"{error}{_place_of(layer)}\n    allowed: {allowed_values(param)}"] = None
        return None


def _place_of(layer: Layer) -> str:
    """Tell where a value was given; of a keyword or a call of the constructor there is nothing to tell."""
    return "" if layer.source in ("keyword", "attribute") else f" ({layer.source})"
