"""Parameters from all their sources, merged once; every value knows where it came from (spec framework.md §5).

`resolve_call` and `resolve_cmdline` make the list of layers of the two ways in; `stpipe.layers.merge_layers` merges it
and gives a `Resolved`: nested ``values`` (sub-steps under ``"steps"``) and ``sources`` of the same shape.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stpipe.declarations import declared_parameters
from stpipe.layers import Layer, Resolved, merge_layers
from stpipe.merge_hook import through_hook

if TYPE_CHECKING:
    from stpipe.config_file import StepConfig

__all__ = ["Layer", "Resolved", "merge_layers", "resolve_call", "resolve_cmdline", "resolve_file", "resolve_values"]

log = logging.getLogger("stpipe.step")


def resolve_call(
    cls: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
    base: Layer | None = None,
) -> Resolved:
    """Resolve the parameters of ``cls.call(*args, **kwargs)``.

    Parameters
    ----------
    cls : type
        Step or Pipeline class.
    args : sequence
        Arguments of the call; the first is what parameter references are chosen for.
    kwargs : mapping
        Parameters, and ``config_file``, ``steps``, ``name``. ``configure_log`` and ``logcfg`` are passed over.
    data : mapping, optional
        Parameters that an inventory has for this input; above files, below keywords.
    base : Layer, optional
        Parameters of the project; above those of the reference service, below files.

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
    return sources.resolve(keywords, "keyword", data, base)


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


def resolve_values(cls: Any, values: Mapping[str, Any], config_file: Any) -> Resolved:
    """Resolve values that were read from a parameter file; relative file names belong to the folder of the file.

    Raises
    ------
    ParameterError, ValueError
        As `resolve_call`.
    """
    folder = os.path.dirname(os.path.abspath(os.path.expanduser(config_file))) if config_file else None
    own = Layer(f"file:{config_file}" if config_file else "keyword", values, root_dir=folder)
    layers = [*_step_file_layers(cls, _steps_in(values, cls), folder), own]
    return merge_layers(cls, through_hook(cls, layers, config_file))


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

    def resolve(
        self,
        given: Mapping[str, Any],
        source: str,
        data: Mapping[str, Any] | None = None,
        base: Layer | None = None,
    ) -> Resolved:
        """Build the layers, low to high, and merge them."""
        crds_name, crds_layers = self._reference_layers()
        file_name, file_layers = self._file_layers()
        step_files = _step_file_layers(self.cls, _steps_in(given, self.cls), self._folder(), named=True)
        own = [Layer("inventory", data)] if data else []
        lowest = [base] if base is not None and base.values else []
        layers = [*crds_layers, *lowest, *file_layers, *own, *step_files, Layer(source, given)]
        merged = merge_layers(self.cls, through_hook(self.cls, layers, self.config_file))
        own_name = given.get("name") if "name" not in declared_parameters(self.cls) else None
        path = None if self.config_file is None else os.fspath(self.config_file)
        if path is not None and source == "command line":  # the file stands for the step there
            file_name = file_name or os.path.splitext(os.path.basename(path))[0]
        return Resolved(merged.values, merged.sources, own_name or file_name or crds_name, path)

    def _folder(self) -> str | None:
        """Folder of the parameter file."""
        return None if self.config_file is None else os.path.dirname(_absolute(self.config_file))

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

        path = _absolute(self.config_file)
        config = config_for_class(path, self.cls)
        folder, values = os.path.dirname(path), config.as_mapping()
        own = Layer(f"file:{path}", values, root_dir=folder)
        return config.name, [*_step_file_layers(self.cls, values.get("steps"), folder), own]


def _absolute(path: str | os.PathLike[str], folder: str | None = None) -> str:
    return os.path.abspath(os.path.join(folder or "", os.path.expanduser(os.fspath(path))))


def _steps_in(given: Mapping[str, Any], cls: Any) -> dict[str, Any]:
    """Sections of sub-steps in what the user gave, under ``steps`` or as keywords of their own."""
    steps = given.get("steps")
    loose = {key: given[key] for key in getattr(cls, "step_defs", None) or () if key in given}
    return {**(steps if isinstance(steps, Mapping) else {}), **loose}


def _step_file_layers(
    cls: Any, steps: Any, folder: str | None, prefix: str = "steps", *, named: bool = False
) -> Iterator[Layer]:
    """Yield the layers of the files that ``config_file`` in sections of sub-steps name, relative to ``folder``.

    With ``named``, as for files given to ``call``, a file has to be for the step of that name, and one that is not in
    ``folder`` is looked for in the current folder.
    """
    step_defs = getattr(cls, "step_defs", None) or {}
    for key, values in (steps or {}).items():
        if key not in step_defs or not isinstance(values, Mapping):
            continue
        step_class, section = step_defs[key], f"{prefix}/{key}"
        if values.get("config_file") and "config_file" not in declared_parameters(step_class):
            path = _absolute(values["config_file"], folder)
            if named and not os.path.exists(path):
                path = _absolute(values["config_file"])
            config = _config_of_step(path, step_class, section)
            if named and config.name and config.name != key:
                raise ValueError(
                    f"Step name from configuration file '{path}' does not match step name in the 'steps' argument: "
                    f"it is '{config.name}', not '{key}'."
                )
            yield Layer(f"file:{path}", config.as_mapping(), True, section, os.path.dirname(path))
        yield from _step_file_layers(step_class, values.get("steps"), folder, f"{section}/steps", named=named)


def _config_of_step(path: str, cls: Any, section: str) -> StepConfig:
    """Read the file that is named for a sub-step; ValueError says for which one where it is missing."""
    from stpipe.config_file import config_for_class

    if not os.path.exists(path):
        raise ValueError(f"Config file {path} not found. It is named as config_file of {section}.")
    return config_for_class(path, cls)
