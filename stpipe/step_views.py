"""What a step can say about itself without running: its parameters, what a run would do, its view in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.explain import Explanation
    from stpipe.planning import RunPlan
    from stpipe.step import Step

__all__ = ["StepViews"]


class _ClassOrInstance:
    """A method that gets the class when it is called on the class, and the instance when it is called on one."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> MethodType:
        return MethodType(self.function, owner if instance is None else instance)


class StepViews:
    """Explain, plan and show a step; and the hooks by which a step says what it would do."""

    @_ClassOrInstance
    def explain(self_or_class: Any, input: Any = None, **parameters: Any) -> Explanation:
        """Tell every parameter, its value, and which layer and file set it; nothing is run.

        Parameters
        ----------
        input : path or model, optional
            What parameters from the reference service are chosen for; they are left out without one.
        **parameters
            What `call` takes: parameters, ``steps``, ``config_file``. None on an instance, which is explained as it is.

        Returns
        -------
        Explanation
            Prints as a table; a notebook shows it as HTML.

        Raises
        ------
        ParameterError
            As `call`.
        """
        from stpipe.explain import explain_step

        with _instance(self_or_class, input, parameters) as (step, notes):
            return explain_step(step, input, notes=notes)

    @_ClassOrInstance
    def plan(self_or_class: Any, input: Any = None, **parameters: Any) -> RunPlan:
        """Tell what a run would do: steps in order, references, files; nothing is run or written.

        Parameters
        ----------
        input : path or model, optional
            As `call`; without one the references cannot be told.
        **parameters
            What `call` takes. None on an instance, which is planned as it is.

        Returns
        -------
        RunPlan
            Prints as a list; a notebook shows it as HTML.

        Raises
        ------
        ParameterError
            As `call`.
        """
        from stpipe.planning import plan_run

        with _instance(self_or_class, input, parameters) as (step, notes):
            return plan_run(step, input, notes=notes)

    def _repr_html_(self: Any) -> str:
        from stpipe.explain import explain_step

        return explain_step(self)._repr_html_()

    def planned_references(self: Any, parameters: Mapping[str, Any]) -> list[str]:
        """Reference types that a run would ask for; to be overridden where that depends on the exposure.

        Parameters
        ----------
        parameters : mapping
            ``meta.…`` values of the input by dotted name; empty where they are not known.
        """
        return list(self.reference_file_types or ())

    def planned_products(self: Any, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the files that a run would write, those of sub-steps left out.

        ``save_results`` and ``suffix`` are what they would be in the run. The base tells one file for a single input,
        and one for each member of a list, an association or a library. To be overridden, with `planned_path`, by steps
        that save more, or something else.
        """
        from stpipe.outputs import planned_results

        return planned_results(self) if self.save_results else []

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Why a run would refuse this input; empty where nothing is known to stand against it."""
        return ""

    def planned_path(
        self: Any, suffix: str | bool | None = None, output_file: str | None = None, idx: int | None = None
    ) -> str:
        """Path that ``save_model`` with these arguments would write to, inside `planned_products`."""
        from stpipe.outputs import SaveRequest, planned_path

        return planned_path(self, SaveRequest(suffix, idx, output_file))

    def add_provenance(self, model: Any) -> None:
        """Write into a model what made it; a mission layer says where. Called for models that are saved or returned."""

    @classmethod
    def software_versions(cls) -> dict[str, str]:
        """Versions that the provenance of a product names."""
        from stpipe.provenance import versions_of

        return versions_of("stpipe", "numpy")


@contextmanager
def _instance(step: Any, init: Any, parameters: Mapping[str, Any]) -> Iterator[tuple[Step, list[str]]]:
    """Give the step that ``call`` would run, or the instance itself, and the warnings that came up on the way."""
    import logging

    from stpipe.logs import collecting
    from stpipe.references import reference_session

    if not isinstance(step, type) and parameters:
        raise TypeError(
            f"{step.name} is an instance and is taken as it is; set its parameters, "
            f"or give {', '.join(parameters)} to {type(step).__name__}.explain or .plan"
        )
    warned = collecting(step.get_stpipe_loggers(), logging.Formatter(), level=logging.WARNING)
    with reference_session(), warned as lines:
        if isinstance(step, type):
            step = step.configured(*(() if init is None else (init,)), **parameters)  # type: ignore[attr-defined]
        yield step, lines
