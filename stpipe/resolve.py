"""Parameters from all their sources, merged once; every value knows where it came from (spec framework.md §5).

`resolve_call` and `resolve_cmdline` make the `Layer` list of the two ways in, `merge_layers` merges it, converts and
checks only the values that win, and gives a `Resolved`: nested ``values`` (sub-steps under ``"steps"``) and ``sources``
of the same shape.

What a step class offers to this module
---------------------------------------
``cls.step_defs``
    Sub-step key to class; missing or empty for a plain step.
``cls.get_config_reftype() -> str``
    ``pars-<class>``.
``cls.get_config_from_reference(dataset, disable=None)``
    The parameters of one class from the reference service: a ConfigObj or mapping with flat parameters and perhaps
    ``class``, ``name``, ``steps``; empty if there are none. Its ``filename``, if any, becomes the source.
``cls._parameter_reference_paths(dataset, reftypes, disable=None) -> dict[str, str]`` (optional)
    Asks for all types at once: returns reftype to path for those found (none if lookups are disabled) and logs
    ``PARS-X parameters found``. Used only when it is defined in the same module as ``get_config_from_reference``, so a
    class that overrides or patches the latter is asked one by one.

Both raise OSError, TypeError or ValueError for a dataset that cannot be used: one WARNING, and on without.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stpipe.declarations import declared_parameters
from stpipe.exceptions import ParameterError
from stpipe.parameters import Param, near_hint, raise_problems

__all__ = ["Layer", "Resolved", "merge_layers", "resolve_call", "resolve_cmdline", "resolve_file"]

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
        problems[message] = None
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
        place = f" ({layer.source})" if layer.source.startswith(("file:", "crds:")) else ""
        problems[f"{error}{place}\n    allowed: {param.check}"] = None
        return None


def resolve_call(cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Resolved:
    """Resolve the parameters of ``cls.call(*args, **kwargs)``.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    args : sequence
        Arguments of the call; the first is what parameter references are chosen for.
    kwargs : mapping
        Parameters, and ``config_file``, ``steps``, ``name``. ``configure_log`` and ``logcfg`` are passed over.

    Returns
    -------
    Resolved
        The parameters.

    Raises
    ------
    ParameterError
        Unknown names or values that are not allowed.
    ValueError
        A parameter file is missing, or one for a sub-step has the name of another step.
    """
    keywords = {name: value for name, value in kwargs.items() if name not in ("configure_log", "logcfg", "config_file")}
    config_file = kwargs.get("config_file")
    sources = _Sources(cls, config_file, args[0] if args else None)
    return sources.resolve(keywords, "keyword")


def resolve_cmdline(
    cls: Any,
    options: Mapping[str, Any],
    *,
    dataset: Any = None,
    config_file: str | os.PathLike[str] | None = None,
    disable_crds: bool | None = None,
) -> Resolved:
    """Resolve the parameters of a command line.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    options : mapping
        Option name without dashes, e.g. ``rejection_threshold`` or ``steps.jump.skip``, to its text as typed
        (`stpipe.command_values.parse_value` is applied here).
    dataset : str, optional
        First input; looked for in ``input_dir`` if that option is given.
    config_file : str, optional
        Parameter file.
    disable_crds : bool, optional
        Do not ask the reference service for parameters.

    Returns
    -------
    Resolved
        The parameters.

    Raises
    ------
    ParameterError, ValueError
        As `resolve_call`.
    """
    if options.get("input_dir") and isinstance(dataset, str):
        dataset = os.path.join(os.path.expanduser(options["input_dir"]), dataset)
    sources = _Sources(cls, config_file, dataset, disable_crds)
    return sources.resolve(_nested(cls, options), "command line")


def resolve_file(cls: Any, config_file: str | os.PathLike[str]) -> Resolved:
    """Resolve the parameters of a parameter file alone, without asking the reference service.

    Raises
    ------
    ParameterError, ValueError
        As `resolve_call`.
    """
    return _Sources(cls, config_file, None, ask=False).resolve({}, "keyword")


def _nested(cls: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted option names into nested mappings and their texts into values."""
    from stpipe.command_values import parse_value

    nested: dict[str, Any] = {}
    for option, text in options.items():
        *path, name = option.split(".")
        owner, place = cls, nested
        for key in path:
            place = place.setdefault(key, {})
            if key != "steps":
                owner = (getattr(owner, "step_defs", None) or {}).get(key)
        param = declared_parameters(owner).get(name) if owner is not None else None
        place[name] = parse_value(text, param) if isinstance(text, str) else text
    return nested


@dataclass(slots=True)
class _Sources:
    """Where the parameters of one run come from, besides what the user gives directly."""

    cls: Any
    config_file: str | os.PathLike[str] | None
    dataset: Any
    disable: bool | None = None
    ask: bool = True

    def resolve(self, given: Mapping[str, Any], source: str) -> Resolved:
        """Build the layers, low to high, and merge them."""
        crds_name, crds_layers = self._reference_layers()
        file_name, file_layers = self._file_layers()
        step_files = _step_file_layers(self.cls, _steps_in(given, self.cls), None)
        layers = [*crds_layers, *file_layers, *step_files, Layer(source, given)]
        merged = merge_layers(self.cls, layers)
        own_name = given.get("name") if "name" not in declared_parameters(self.cls) else None
        path = None if self.config_file is None else os.fspath(self.config_file)
        return Resolved(merged.values, merged.sources, own_name or file_name or crds_name, path)

    def _reference_layers(self) -> tuple[str | None, list[Layer]]:
        if not self.ask:
            return None, []
        if self.dataset is None:
            log.info("No filename given, cannot retrieve config from CRDS")
            return None, []
        from stpipe.parameter_references import reference_configs

        try:
            configs = reference_configs(self.cls, self.dataset, disable=self.disable)
        except NotImplementedError as error:  # a step of no mission: there is nothing to look parameters up by
            log.debug("No parameter references: %s", error)
            return None, []
        except (OSError, TypeError, ValueError) as error:
            log.warning("Input dataset is not an instance of AbstractDataModel.")
            log.debug("No parameter references: %s", error)
            return None, []
        layers = [Layer(f"crds:{config.file}", config.values, False, config.section) for config in configs]
        return next((config.name for config in configs if not config.section), None), layers

    def _file_layers(self) -> tuple[str | None, list[Layer]]:
        """Return the name in the parameter file and its layers: files named for sub-steps, then the file itself."""
        if self.config_file is None:
            return None, []
        from stpipe.config_file import config_for_class

        path = os.path.abspath(os.path.expanduser(os.fspath(self.config_file)))
        config = config_for_class(path, self.cls)
        folder, values = os.path.dirname(path), config.as_mapping()
        own = Layer(f"file:{path}", values, root_dir=folder)
        return config.name, [*_step_file_layers(self.cls, values.get("steps"), folder), own]


def _steps_in(given: Mapping[str, Any], cls: Any) -> dict[str, Any]:
    """Sections of sub-steps in what the user gave, under ``steps`` or as keywords of their own."""
    steps = given.get("steps")
    loose = {key: given[key] for key in getattr(cls, "step_defs", None) or () if key in given}
    return {**(steps if isinstance(steps, Mapping) else {}), **loose}


def _step_file_layers(cls: Any, steps: Any, folder: str | None, prefix: str = "steps") -> Iterator[Layer]:
    """Yield the layers of the files that ``config_file`` in sections of sub-steps name."""
    from stpipe.config_file import config_for_class

    step_defs = getattr(cls, "step_defs", None) or {}
    for key, values in (steps or {}).items():
        if key not in step_defs or not isinstance(values, Mapping):
            continue
        step_class, section = step_defs[key], f"{prefix}/{key}"
        if values.get("config_file") and "config_file" not in declared_parameters(step_class):
            path = os.path.abspath(os.path.join(folder or "", os.path.expanduser(os.fspath(values["config_file"]))))
            config = config_for_class(path, step_class)
            if config.name and config.name != key:
                raise ValueError(
                    f"Step name from configuration file '{path}' does not match step name in the 'steps' argument: "
                    f"it is '{config.name}', not '{key}'."
                )
            yield Layer(f"file:{path}", config.as_mapping(), True, section, os.path.dirname(path))
        yield from _step_file_layers(step_class, values.get("steps"), folder, f"{section}/steps")
