"""`Step`: one unit of work with declared parameters, references and products."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from stpipe.engine import checkpoint, execute
from stpipe.parameter_holder import ParameterHolder
from stpipe.parameters import Param, check_declarations, validate_mapping
from stpipe.step_files import InputDir, StepFiles, Suffix
from stpipe.step_views import StepViews

if TYPE_CHECKING:
    from stpipe.layers import Layer
    from stpipe.resolve import Resolved

__all__ = ["Step", "get_disable_crds_steppars", "preserve_step_pars"]

log = logging.getLogger("stpipe.step")

_NO_HOOKS: list[Any] = []
TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})


class _Call:
    """``call`` for a class; called on an instance it says which attributes are thereby ignored."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Step | None, owner: type[Step]) -> Callable[..., Any]:
        if instance is not None:
            _warn_of_ignored_attributes(instance)
        return self.function.__get__(owner, type(owner))


class Step(StepViews, StepFiles, ParameterHolder):
    """One unit of work: subclass it, declare parameters, write `process`.

    Parameters
    ----------
    name : str, optional
        Name in logs and, lower-cased, the default suffix; the class name by default.
    parent : Step, optional
        The pipeline that the step is part of.
    config_file : str, optional
        Parameter file that the step was made from; remembered only.
    **parameters
        Values of parameters.

    Raises
    ------
    ParameterError
        A name is unknown, a value has a wrong type or is not allowed, or a parameter without a default is missing.

    Notes
    -----
    `run` runs the instance as it is. `call` resolves the parameters from the reference service, a parameter file and
    keywords and runs a new instance. `configured` gives the instance that `call` would run.
    """

    reference_file_types: ClassVar[Any] = []
    prefetch_references = True
    correction_pars: Any = None
    use_correction_pars = False
    _log_records_formatter: ClassVar[logging.Formatter | None] = None

    pre_hooks = Param(_NO_HOOKS, "List of Step classes, functions or shell commands to run before the step", type=list)
    post_hooks = Param(_NO_HOOKS, "List of Step classes, functions or shell commands to run after the step", type=list)
    output_file = Param(None, "File to save output to", type=str, kind="output_file")
    output_dir = Param(None, "Directory path for output files", type=str)
    output_ext = Param(None, "Output file type", type=str, required=True)
    output_use_model = Param(False, "When saving, use `DataModel.meta.filename`")
    output_use_index = Param(True, "Append index to the names of several results")
    save_results = Param(False, "Save the result")
    skip = Param(False, "Skip this step")
    suffix = Suffix(None, "Suffix of output file names", type=str)
    search_output_file = Param(True, "Use output_file of the pipeline")
    input_dir = InputDir(None, "Folder of bare input names", type=str)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_declarations(cls)

    def __init__(
        self,
        name: str | None = None,
        parent: Step | None = None,
        config_file: str | None = None,
        _validate_kwds: bool = True,
        **parameters: Any,
    ) -> None:
        self.name = name or type(self).__name__
        self.parent = parent
        self.config_file = config_file
        self.output_components = {}
        self._keywords = parameters
        self._input_filename = None
        self._input_dir = None
        self._last_input = None
        self._reference_files_used = []
        self._log_records: list[str] = []
        self._pre_hooks: list[Step] = []
        self._post_hooks: list[Step] = []
        values = dict(self._validated(parameters) if _validate_kwds and parameters else parameters)
        steps = values.pop("steps", None) or {}
        self._set_up_parameters(values, dict.fromkeys(values, "keyword"))
        log.info("%s instance created.", type(self).__name__)
        self._set_up_steps(steps)
        if self.pre_hooks or self.post_hooks:
            from stpipe.hooks import set_up_hooks

            set_up_hooks(self)

    @classmethod
    def _validated(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Check and convert the keywords of a constructor."""
        return validate_mapping(parameters, cls.declared_parameters())

    def _set_up_steps(self, steps: Mapping[str, Any]) -> None:
        """Make the sub-steps; a plain step has none."""

    @property
    def qualified_name(self) -> str:
        """``stpipe.<name>``, or the name of the parent and that of the step."""
        return f"{self.parent.qualified_name if self.parent else 'stpipe'}.{self.name}"

    @property
    def log(self) -> logging.Logger:
        """Logger of the step; deprecated, modules have their own."""
        warnings.warn(
            "Step.log is deprecated; use a local logger: log = logging.getLogger(__name__)",
            DeprecationWarning,
            stacklevel=2,
        )
        return logging.getLogger(self.qualified_name)

    @property
    def log_records(self) -> list[str]:
        """Log lines of the latest run."""
        return self._log_records

    @staticmethod
    def get_stpipe_loggers() -> tuple[str, ...]:
        """Names of the loggers to configure."""
        return ("root",)

    def process(self, *args: Any) -> Any:
        """Do the work; to be written by every step.

        Raises
        ------
        NotImplementedError
            The class has none of its own.
        """
        raise NotImplementedError(f"Steps have to write their own process(); {type(self).__name__} has none.")

    def run(self, *args: Any) -> Any:
        """Run this instance as it is, without looking for parameters anywhere else.

        Parameters
        ----------
        *args
            Arguments of `process`.

        Returns
        -------
        object
            Its result.
        """
        return execute(self, args)

    @_Call
    def call(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """Resolve the parameters, make an instance, run it on ``args``, return the result.

        Parameters
        ----------
        *args
            Arguments of `process`; parameters from the reference service are chosen for the first.
        **kwargs
            Parameters, and ``config_file``, ``steps``, ``configure_log`` (default True), ``logcfg`` (deprecated).
        """
        configure_log, logcfg = kwargs.pop("configure_log", True), kwargs.pop("logcfg", None)
        from stpipe.references import reference_session

        with ExitStack() as stack:
            if configure_log:
                _configure_logging(cls, logcfg, stack)
            stack.enter_context(reference_session())
            return cls._configured(args, kwargs).run(*args)

    @classmethod
    def configured(cls, *args: Any, **kwargs: Any) -> Self:
        """Return the instance that ``call`` with these arguments would run; change it and `run` it."""
        return cls._configured(args, kwargs)

    @classmethod
    def _configured(
        cls, args: tuple, kwargs: dict[str, Any], data: Mapping[str, Any] | None = None, base: Layer | None = None
    ) -> Self:
        from stpipe.references import reference_session
        from stpipe.resolve import resolve_call

        with reference_session():
            resolved = resolve_call(cls, args, kwargs, data, base)
        return cls.from_resolved(resolved, config_file=kwargs.get("config_file"))

    @classmethod
    def from_resolved(
        cls, resolved: Resolved, *, name: str | None = None, parent: Step | None = None, config_file: Any = None
    ) -> Self:
        """Make an instance from resolved parameters, which keep their sources."""
        step = cls(
            name=name or resolved.name,
            parent=parent,
            config_file=None if config_file is None else os.fspath(config_file),
            _validate_kwds=False,
            **resolved.values,
        )
        step._set_sources(resolved.sources)
        return step

    def _set_sources(self, sources: Mapping[str, Any]) -> None:
        """Note where the values of this step and its sub-steps came from."""
        own = {name: source for name, source in sources.items() if name != "steps" and source != "default"}
        self.__dict__["_sources"] = own
        for key, sub_step in self.sub_steps().items():
            sub_step._set_sources(sources.get("steps", {}).get(key, {}))

    @classmethod
    def from_config_file(cls, config_file: Any, parent: Step | None = None, name: str | None = None) -> Step:
        """Make an instance from a parameter file; see `stpipe.step_makers.from_config_file`."""
        from stpipe.step_makers import from_config_file

        return from_config_file(cls, config_file, parent=parent, name=name)

    @classmethod
    def from_config_section(
        cls, config: Any, parent: Step | None = None, name: str | None = None, config_file: str | None = None
    ) -> Step:
        """Make an instance from a section of a parameter file."""
        from stpipe.step_makers import from_config_section

        return from_config_section(cls, config, parent=parent, name=name, config_file=config_file)

    @staticmethod
    def from_cmdline(args: list[str]) -> Step:
        """Build and run a step as ``strun`` would with these arguments; return the step."""
        from stpipe.step_makers import from_cmdline

        return from_cmdline(args)

    @classmethod
    def build_config(cls, input: Any, **kwargs: Any) -> tuple[Any, str | None]:
        """Return the configuration that ``call`` with these arguments would use, and its file if any."""
        from stpipe.step_makers import build_config

        return build_config(cls, input, kwargs)

    @classmethod
    def load_spec_file(cls, preserve_comments: Any = None) -> Any:
        """Return the merged spec as a ConfigObj of check texts, with the help as inline comments."""
        from stpipe.step_makers import load_spec_file

        return load_spec_file(cls, preserve_comments)

    @classmethod
    def print_configspec(cls) -> None:
        """Write the merged spec to standard output."""
        cls.load_spec_file().write(sys.stdout.buffer)

    @classmethod
    def get_config_reftype(cls) -> str:
        """Type of the parameter reference of this class."""
        return f"pars-{cls.__name__.lower()}"

    @classmethod
    def get_config_from_reference(
        cls, dataset: Any, disable: bool | None = None, crds_observatory: str | None = None
    ) -> Any:
        """Return the parameters that the reference service has for a dataset, as a ConfigObj (empty if it has none).

        Parameters
        ----------
        dataset : model, path or dict
            What the parameters are for; with a dict of CRDS parameters ``crds_observatory`` is needed.
        disable : bool, optional
            Do not ask; default from the environment variable STPIPE_DISABLE_CRDS_STEPPARS.

        Raises
        ------
        ValueError
            A dict without ``crds_observatory``.
        """
        from stpipe.step_makers import config_from_reference

        return config_from_reference(cls, dataset, disable=disable, crds_observatory=crds_observatory)

    @classmethod
    def _parameter_reference_paths(
        cls, dataset: Any, reftypes: Sequence[str], disable: bool | None = None
    ) -> dict[str, str]:
        """Return the paths of the parameter references of several classes, asked for in one go."""
        from stpipe.step_makers import parameter_reference_paths

        return parameter_reference_paths(cls, dataset, reftypes, disable=disable)

    @classmethod
    def merge_config(cls, config: Any, config_file: Any) -> Any:
        """Change a configuration before it is checked; to be overridden, e.g. for parameters with former names.

        Called, wherever a step is made from several sources, with the values of each as a ConfigObj, which may be
        changed in place, and the parameter file or None; returns what to use. The base reads the files that sections
        of sub-steps name; see `stpipe.step_makers.merge_step_files`.
        """
        from stpipe.step_makers import merge_step_files

        return merge_step_files(cls, config, config_file)

    def export_config(self, filename: Any, include_metadata: bool = False) -> str:
        """Write all parameters, those of sub-steps too, to an ASDF parameter file; return its path."""
        from stpipe.step_makers import export_config

        return export_config(self, filename, include_metadata=include_metadata)

    def progress(self, done: float, total: float, unit: str = "") -> None:
        """Report how far the work is; also a `checkpoint`."""
        from stpipe.events import active_stream
        from stpipe.run_state import current_state

        checkpoint()
        if (stream := active_stream()) is not None:
            state = current_state()
            data = {"done": done, "total": total, "unit": unit}
            parent = state.event_uuid if state else None
            stream.emit("step_target_progress", step=self.name, parent_uuid=parent, event_data=data)

    def checkpoint(self) -> None:
        """Stop here if the run has been cancelled or is out of time."""
        checkpoint()

    def store_fact(self, name: str, value: Any) -> None:
        """Store a fact, something that JSON knows, of what this step works on; the run gives it (`Runner.facts`)."""
        from stpipe.facts import store_fact, target_of

        store_fact(name, value, target=target_of(self))


def _configure_logging(cls: type[Step], logcfg: Any, stack: ExitStack) -> None:
    """Show the log as the command line does, unless a configuration is in force."""
    from stpipe.logs import LogConfig, load_configuration, loggers_of

    if logcfg is not None:
        warnings.warn("logcfg is deprecated; configure logging or use configure_log", DeprecationWarning, stacklevel=4)
    if LogConfig.applied is None:
        config = load_configuration(config_file=logcfg)
        config.recording_formatter = cls._log_records_formatter
        stack.enter_context(config.context(loggers_of(cls)))


def _warn_of_ignored_attributes(instance: Step) -> None:
    """Say which attributes set on an instance ``instance.call`` does not use."""
    ignored = list(_set_here(instance))
    if ignored:
        warnings.warn(
            f"call() makes a new {type(instance).__name__} and ignores what was set on this instance: "
            f"{', '.join(ignored)}. Use run(), or give them as keywords.",
            UserWarning,
            stacklevel=3,
        )


def _set_here(step: Step, prefix: str = "") -> Iterator[str]:
    """Yield the names of values that are no defaults and that `call` would not find in the reference service again."""
    sources = step.recorded_sources()
    for name, param in step.declared_parameters().items():
        if not sources.get(name, "crds:").startswith("crds:") and step._value(name) != param.default:
            yield prefix + name
    for key, sub_step in step.sub_steps().items():
        yield from _set_here(sub_step, f"{prefix}{key}.")


@contextmanager
def preserve_step_pars(step: Step) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a step; put them and those of its sub-steps back at the end, whatever happens."""
    from stpipe.run_state import parameters_restored

    with parameters_restored(step):
        yield step.get_pars()


def get_disable_crds_steppars(default: bool | str | None = None) -> bool:
    """Whether parameters from the reference service are switched off.

    Parameters
    ----------
    default : bool or str, optional
        True decides; a text is judged like the environment variable STPIPE_DISABLE_CRDS_STEPPARS, which is looked at
        otherwise (also for an empty text): 1, true, t, yes, y, on in any case mean yes.

    Raises
    ------
    ValueError
        ``default`` is neither bool, text nor None.
    """
    if default is not None and not isinstance(default, bool | str):
        raise ValueError(f"default must be a bool or a text, not {type(default).__name__}")
    if default is True:
        return True
    if isinstance(default, str) and default:
        return default.strip().lower() in TRUE_WORDS
    return os.environ.get("STPIPE_DISABLE_CRDS_STEPPARS", "").strip().lower() in TRUE_WORDS
