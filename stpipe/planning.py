"""What a run would do, found out without running: ``Step.plan`` and ``strun --dry-run``.

A step tells by three hooks: ``planned_references``, ``planned_products`` and ``planned_refusal``; a pipeline also by
``planned_steps`` and ``planned_step_products``. They are called with the metadata of the input, inside
`stpipe.engine.rehearsed`, so that the names come from the code that names real products.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.references import ReferenceSession
    from stpipe.step import Step

__all__ = ["PlannedProduct", "PlannedReference", "PlannedStep", "RunPlan", "known_products", "plan_run", "planned_keys"]


@dataclass(frozen=True, slots=True)
class PlannedReference:
    """One reference that a step would use.

    Attributes
    ----------
    reftype : str
        Type.
    file : str
        Path, ``N/A``, text for a model, or empty where it is not known.
    origin : str
        ``context``, ``override``, ``N/A``, ``unknown`` or ``failed``.
    remark : str
        Why it is not known or cannot be used; that it would be downloaded.
    """

    reftype: str
    file: str
    origin: str
    remark: str = ""

    def __str__(self) -> str:
        texts = {"context": os.path.basename(self.file), "override": f"{self.file} (override)", "N/A": "N/A"}
        known = texts.get(self.origin, "")
        return f"{known} ({self.remark})" if known and self.remark else known or self.remark


@dataclass(frozen=True, slots=True)
class PlannedProduct:
    """One file that would be written.

    Attributes
    ----------
    path : str
        Where.
    exists : bool
        Whether a file is there now.
    """

    path: str
    exists: bool


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a run.

    Attributes
    ----------
    key, class_name : str
        Name in its pipeline, or of the step itself; dotted path of the class.
    skipped, refusal : str
        Why it would not run; why the run would fail here. Empty otherwise.
    references : tuple of PlannedReference
        What it would use.
    products : tuple of PlannedProduct
        What it would write itself.
    steps : tuple of PlannedStep
        Its sub-steps, in order.
    unused : tuple of str
        Keys of sub-steps that do not run for this input.
    hooks : tuple of str
        Its hooks.
    """

    key: str
    class_name: str
    skipped: str = ""
    refusal: str = ""
    references: tuple[PlannedReference, ...] = ()
    products: tuple[PlannedProduct, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    unused: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()

    def walk(self) -> Iterator[PlannedStep]:
        """Yield this step and all below, in order."""
        yield self
        for step in self.steps:
            yield from step.walk()


@dataclass(frozen=True, repr=False)
class RunPlan:
    """What a run would do; `str` gives a list, a notebook shows HTML.

    Attributes
    ----------
    step : PlannedStep
        The step, with its sub-steps.
    input : str or None
        Its input.
    contexts : dict of str to str
        Observatory to the context that references were looked up in.
    notes : tuple of str
        What could not be found out.
    """

    step: PlannedStep
    input: str | None = None
    contexts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def products(self) -> tuple[PlannedProduct, ...]:
        """Every file that would be written, those of sub-steps first."""
        return tuple(_products(self.step))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the run would fail, as far as that can be told."""
        found = []
        for step in self.step.walk():
            found += [f"{step.key}: {step.refusal}"] if step.refusal else []
            failed = (reference for reference in step.references if reference.origin == "failed")
            found += [f"{step.key}: {reference.reftype}: {reference.remark}" for reference in failed]
        return tuple(found)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        yield f"{self.step.key}: {self.step.class_name}"
        yield f"input: {self.input or 'none'}"
        for context in self.contexts.values():
            yield f"context: {context}"
        yield ""
        yield from _step_lines(self.step)
        yield ""
        yield from _product_lines(self.products)
        yield from (f"warning: {note}" for note in self.notes)
        for problem in dict.fromkeys(self.problems):
            yield f"problem: {problem}"

    def _repr_html_(self) -> str:
        from stpipe.html_view import plan_html

        return plan_html(self)


def _products(step: PlannedStep) -> Iterator[PlannedProduct]:
    for member in step.steps:
        yield from _products(member)
    yield from step.products


def _step_lines(step: PlannedStep, indent: str = "") -> Iterator[str]:
    yield from (f"{indent}    {text}" for text in _details(step))
    width = len(str(len(step.steps)))
    for number, member in enumerate(step.steps, 1):
        skipped = f"  skipped: {member.skipped}" if member.skipped else ""
        yield f"{indent}{number:>{width}}  {member.key}{skipped}"
        yield from _step_lines(member, f"{indent}{' ' * width}")
    if step.unused:
        yield f"{indent}not used for this input: {', '.join(step.unused)}"


def _details(step: PlannedStep) -> Iterator[str]:
    width = max((len(reference.reftype) for reference in step.references), default=0)
    yield from step.hooks
    for reference in step.references:
        yield f"{reference.reftype:<{width}}  {reference}"
    if step.refusal:
        yield f"would fail: {step.refusal}"


def _product_lines(products: Sequence[PlannedProduct]) -> Iterator[str]:
    if not products:
        yield "No files would be written."
        return
    yield "Files that would be written:"
    for product in products:
        yield f"  {product.path}{'  (exists, would be replaced)' if product.exists else ''}"


@dataclass(frozen=True, slots=True)
class _Dataset:
    """What is known of the input: its metadata, or why there are none."""

    parameters: Mapping[str, Any]
    observatory: str
    remark: str = ""


def plan_run(step: Step, init: Any = None, *, notes: Sequence[str] = ()) -> RunPlan:
    """Find out what running an instance on an input would do.

    Parameters
    ----------
    step : Step
        Any step or pipeline; it is afterwards what it was.
    init : object, optional
        Input.
    notes : sequence of str, optional
        Warnings that belong to the plan.

    Returns
    -------
    RunPlan
    """
    from stpipe.engine import rehearsed
    from stpipe.explain import input_text
    from stpipe.planned_inputs import member_names
    from stpipe.references import reference_session
    from stpipe.run_state import current_state

    args = () if init is None else (init,)
    dataset = _dataset(step, init)
    with reference_session() as session, rehearsed(step, args):
        if (state := current_state()) is not None:
            state.planned_inputs = member_names(step.make_input_path(init))
        planned = _planned(step, dataset, session)
        contexts = dict(session.contexts)
        own_notes = list(_notes(planned))
    return RunPlan(planned, input_text(init), contexts, (*notes, *_remark(dataset, init, planned), *own_notes))


def _remark(dataset: _Dataset, init: Any, planned: PlannedStep) -> Iterator[str]:
    """Why references are not known, where some would be used."""
    unknown = any(reference.origin == "unknown" for step in planned.walk() for reference in step.references)
    if unknown and init is not None:
        yield f"The references are not known: {dataset.remark}"


def _notes(planned: PlannedStep) -> Iterator[str]:
    from stpipe.outputs import overwrite_policy
    from stpipe.run_state import current_state

    state = current_state()
    if state is not None and state.planned_inputs is not None and any(_products(planned)):
        files = "one result for each of them" if state.one_result_each else "a single input"
        yield f"The input has {len(state.planned_inputs)} members. The files are those of {files}; others are possible."
    exists = [product.path for step in planned.walk() for product in step.products if product.exists]
    if exists and overwrite_policy() == "forbid":
        yield f"STPIPE_OVERWRITE is 'forbid': the run would refuse to replace {', '.join(exists)}."


def known_products(step: Any, args: Sequence[Any]) -> list[str]:
    """Paths that a run is known to write, those of sub-steps too; none for an input of several members.

    Parameters
    ----------
    step : Step
        Any step or pipeline, in a run or not; it is afterwards what it was.
    args : sequence
        Arguments of the run.
    """
    from stpipe.engine import rehearsed
    from stpipe.planned_inputs import member_names

    init = args[0] if args else None
    if member_names(step.make_input_path(init)) is not None:
        return []
    try:
        with rehearsed(step, args):
            return [product.path for product in _products(_planned(step, _dataset(step, init), None))]
    except Exception:  # a hook of somebody else's step must not stop the run that it describes
        return [step.make_output_path()] if step.save_results else []


def planned_keys(step: Any, init: Any = None) -> list[str]:
    """Keys of the sub-steps that a run would go through, in order; empty for a plain step or if that is not known."""
    if not step.sub_steps():
        return []
    try:
        return list(step.planned_steps(_dataset(step, init).parameters))
    except Exception:  # a hook of somebody else's pipeline must not stop the run that it describes
        return []


def _dataset(step: Any, init: Any) -> _Dataset:
    """Metadata of the input; nothing is raised for an input that has none."""
    if init is None:
        return _Dataset({}, "", "they depend on the input, and none is given")
    try:
        return _Dataset(*step._get_crds_parameters(step.make_input_path(init)))
    except (OSError, TypeError, ValueError, KeyError, NotImplementedError) as error:
        return _Dataset({}, "", f"{type(error).__name__}: {error}")


def _planned(step: Any, dataset: _Dataset, session: ReferenceSession | None) -> PlannedStep:
    """Plan a step that runs, inside its rehearsal; without a session references are left out."""
    sub_steps = step.sub_steps()
    order = list(step.planned_steps(dataset.parameters)) if sub_steps else []
    members = [_planned_member(step, key, dataset, session) for key in order]
    types = [] if sub_steps or session is None else step.planned_references(dataset.parameters)
    return PlannedStep(
        key=step.name,
        class_name=_class_path(step),
        refusal=step.planned_refusal(dataset.parameters),
        references=tuple(_references(step, types, dataset, session)),
        products=_products_at(step.planned_products(dataset.parameters)),
        steps=tuple(members),
        unused=tuple(key for key in sub_steps if key not in order),
        hooks=tuple(_hooks(step)),
    )


def _planned_member(pipeline: Any, key: str, dataset: _Dataset, session: ReferenceSession | None) -> PlannedStep:
    """Plan a sub-step, skipped or not."""
    from dataclasses import replace

    from stpipe.engine import rehearsed

    step = pipeline.sub_steps()[key]
    if step.skip:
        source = step.parameter_sources()["skip"][1]
        return PlannedStep(key, _class_path(step), skipped=f"skip=True ({source})")
    with rehearsed(step, ()):
        planned = _planned(step, dataset, session)
        return replace(planned, key=key, products=_products_at(pipeline.planned_step_products(key, dataset.parameters)))


def _class_path(step: Any) -> str:
    from stpipe.explain import class_path

    return class_path(step)


def _products_at(paths: Iterable[str]) -> tuple[PlannedProduct, ...]:
    return tuple(PlannedProduct(path, os.path.exists(path)) for path in paths)


def _hooks(step: Any) -> Iterator[str]:
    from stpipe.explain import value_text

    for name in ("pre_hooks", "post_hooks"):
        for hook in getattr(step, name):
            yield f"{name[:-1].replace('_', '-')}: {hook if isinstance(hook, str) else value_text(hook)}"


def _references(
    step: Any, types: Sequence[str], dataset: _Dataset, session: ReferenceSession | None
) -> Iterator[PlannedReference]:
    overrides = {name: step.get_ref_override(name) for name in types}
    wanted = [name for name in types if overrides[name] is None]
    answers: Mapping[str, Any] = {}
    if wanted and session is not None and not dataset.remark:
        answers = session.locate(dataset.parameters, wanted, dataset.observatory)
    for name in types:
        if overrides[name] is not None:
            yield _override(name, overrides[name])
        elif name in answers:
            yield _answer(name, answers[name])
        else:
            yield PlannedReference(name, "", "unknown", "depends on the input")


def _override(name: str, override: Any) -> PlannedReference:
    from stpipe.references import check_reference_open

    if not isinstance(override, str):
        return PlannedReference(name, f"<{type(override).__name__}>", "override")
    if override in ("", "N/A"):
        return PlannedReference(name, override or "''", "override")
    try:
        check_reference_open(override)
    except OSError as error:
        return PlannedReference(name, override, "failed", f"the override {override} cannot be read: {error.strerror}")
    return PlannedReference(name, override, "override")


def _answer(name: str, answer: Any) -> PlannedReference:
    if not isinstance(answer, str):
        return PlannedReference(name, "", "failed", answer.reason)
    if answer == "N/A":
        return PlannedReference(name, "N/A", "N/A")
    if not os.path.exists(answer):
        return PlannedReference(name, answer, "context", "not in the cache: a run downloads it")
    return PlannedReference(name, answer, "context")
