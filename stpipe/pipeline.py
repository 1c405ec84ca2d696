"""`Pipeline`: a step made of steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from stpipe.step import Step

__all__ = ["Pipeline"]

# Keys of a section of ``steps`` that are no parameters of the step.
SECTION_KEYS = ("name", "class", "config_file")


class Pipeline(Step):
    """A step whose `process` runs sub-steps in the order it likes, by ``self.<key>.run(…)``.

    Declare them as ``step_defs = {key: StepClass}``. The constructor makes each from ``steps[key]``, or a keyword of
    that name, and sets it as the attribute ``key``.

    Raises
    ------
    TypeError
        An entry of ``step_defs`` is not a Step class.
    ParameterError
        A parameter, also of a sub-step, has an unknown name or a value that is not allowed.
    """

    step_defs: ClassVar[Mapping[str, type[Step]]] = {}

    def __init__(
        self,
        name: str | None = None,
        parent: Step | None = None,
        config_file: str | None = None,
        _validate_kwds: bool = True,
        **parameters: Any,
    ) -> None:
        check_step_defs(type(self))
        super().__init__(name, parent, config_file, _validate_kwds, **self._with_steps_gathered(parameters))

    @classmethod
    def _with_steps_gathered(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Move keywords that are called like a sub-step into ``steps``."""
        loose = {key: value for key, value in parameters.items() if key in cls.step_defs}
        rest = {key: value for key, value in parameters.items() if key not in loose}
        if loose:
            rest["steps"] = {**(rest.get("steps") or {}), **loose}
        return rest

    @classmethod
    def _validated(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Check and convert the keywords of a constructor, those for sub-steps too."""
        from stpipe.resolve import Layer, merge_layers
        from stpipe.step_makers import without_defaults

        checked = merge_layers(cls, [Layer("keyword", parameters)])
        return without_defaults(checked.values, checked.sources)

    def _set_up_steps(self, steps: Mapping[str, Any]) -> None:
        for key, step_class in self.step_defs.items():
            values = {name: value for name, value in (steps.get(key) or {}).items() if name not in SECTION_KEYS}
            sub_step = step_class(name=key, parent=self, config_file=self.config_file, _validate_kwds=False, **values)
            object.__setattr__(self, key, sub_step)

    def sub_steps(self) -> dict[str, Step]:
        """Return the sub-steps by key, in the order of ``step_defs``."""
        members = ((key, self.__dict__.get(key)) for key in self.step_defs)
        return {key: member for key, member in members if isinstance(member, Step)}

    def _active_steps(self) -> Iterator[Step]:
        """Yield the sub-steps that are not skipped and want their references looked up in advance."""
        return (step for step in self.sub_steps().values() if not step.skip and step.prefetch_references)

    @property
    def reference_file_types(self) -> list[str]:  # type: ignore[override]
        """Reference types of all sub-steps that are not skipped and prefetch, each once, sorted."""
        return sorted({kind for step in self._active_steps() for kind in step.reference_file_types})

    def get_ref_override(self, reference_file_type: str) -> Any:
        """Return the first override of a type among the sub-steps whose references are looked up in advance."""
        for step in self._active_steps():
            override = step.get_ref_override(reference_file_type)
            if override is not None:
                return override
        return None

    def planned_steps(self, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Return the keys of the sub-steps in the order in which `process` runs them, skipped ones too.

        To be overridden where the order is not that of ``step_defs``, or depends on the exposure.

        Parameters
        ----------
        parameters : mapping
            ``meta.…`` values of the input by dotted name; empty where they are not known.
        """
        return tuple(self.sub_steps())

    def planned_step_products(self, key: str, parameters: Mapping[str, Any]) -> list[str]:
        """Return the paths that one sub-step would write; to be overridden where the pipeline changes its names."""
        return self.sub_steps()[key].planned_products(parameters)

    def prefetch(self, *args: Any) -> None:
        """Look up the references of all sub-steps in one go."""
        if self.prefetch_references and args and self.reference_file_types:
            from stpipe.references import prefetch

            prefetch(self, *args)

    def get_pars(self, full_spec: bool = True) -> dict[str, Any]:
        """Return the parameters as a dict, with those of the sub-steps under ``steps``."""
        values = super().get_pars(full_spec)
        values["steps"] = {key: step.get_pars(full_spec) for key, step in self.sub_steps().items()}
        return values

    def parameter_sources(self) -> dict[str, Any]:
        """Return ``{name: (value, source)}``, with the same for each sub-step under ``steps``."""
        values = super().parameter_sources()
        values["steps"] = {key: step.parameter_sources() for key, step in self.sub_steps().items()}
        return values

    @classmethod
    def get_config_from_reference(
        cls, dataset: Any, disable: bool | None = None, crds_observatory: str | None = None
    ) -> Any:
        """Return the parameters that the reference service has for a dataset, those of the sub-steps under ``steps``.

        As `Step.get_config_from_reference`; what the reference of the pipeline says about a sub-step wins over the
        sub-step's own.
        """
        from stpipe.step_makers import pipeline_config_from_reference

        own = super().get_config_from_reference
        return pipeline_config_from_reference(cls, own, dataset, disable=disable, crds_observatory=crds_observatory)

    @classmethod
    def merge_pipeline_config(cls, config: Any, new: Any) -> Any:
        """Merge a parameter file, or a configuration, into a configuration and return it; deprecated."""
        from stpipe.config_parser import load_config_file, merge_config

        warnings.warn(
            "merge_pipeline_config is deprecated; use config_parser.load_config_file and config_parser.merge_config",
            DeprecationWarning,
            stacklevel=2,
        )
        merge_config(config, new if isinstance(new, Mapping) else load_config_file(new))
        return config


def check_step_defs(cls: type[Pipeline]) -> None:
    """Raise TypeError if an entry of ``step_defs`` is not a Step class."""
    for key, step_class in cls.step_defs.items():
        if not (isinstance(step_class, type) and issubclass(step_class, Step)):
            raise TypeError(f"Entry {key!r} in step_defs is not a Step subclass")
