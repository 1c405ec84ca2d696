"""The prepare phase of one entry for one exposure: parameters, references, names of products, key (running.md L2)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from stpipe.entry_keys import Identity, function_key, input_identity, step_key
from stpipe.exceptions import RunError
from stpipe.plan_links import Link
from stpipe.step_result import StepResult

if TYPE_CHECKING:
    from stpipe.planning import PlannedStep
    from stpipe.policy import Policy
    from stpipe.tasks import FunctionWork, StepWork

__all__ = ["Place", "prepare_function", "prepare_opaque", "prepare_step", "quiet", "work_key"]

log = logging.getLogger("stpipe.run")


class Place:
    """Where an entry stands for an exposure.

    Parameters
    ----------
    exposure : Exposure
        What it works on.
    before : Link or None
        The entry before; None for the first.

    Attributes
    ----------
    input_key : str
        Identity of the input, or the key of the entry that makes it.
    since : int or None
        Time of the input of the first entry.
    """

    def __init__(self, exposure: Any, before: Link | None = None) -> None:
        self.exposure = exposure
        self.before = before
        if before is None:
            self.input_key, self.since = _identity(exposure)
        else:
            self.input_key, self.since = before.key, before.since

    @property
    def input(self) -> Any:
        """What the names of products are derived from."""
        return self.exposure.source if self.before is None else self.before.name


def _identity(exposure: Any) -> Identity:
    """Identity of an exposure; one that is not on this computer has no time."""
    try:
        return input_identity(exposure.source, exposure.path)
    except OSError:
        return str(exposure.path), None


class _Dataset:
    """Metadata of an exposure, as `stpipe.planning` wants them; the observatory is found out if it is asked for."""

    remark = ""

    def __init__(self, step: Any, exposure: Any) -> None:
        self.parameters: Mapping[str, Any] = exposure.header
        self._step = step
        self._source = exposure.source

    @cached_property
    def observatory(self) -> str:
        """Name at the reference service."""
        return self._step._get_crds_parameters(self._source)[1]


def prepare_step(work: StepWork, place: Place, policy: Policy, session: Any) -> Link:
    """Prepare a Step for an exposure; nothing is run or written.

    Parameters
    ----------
    work : StepWork
        The step; its instance is made here.
    place : Place
        Exposure and entry before.
    policy : Policy
        Rules of the entry.
    session : ReferenceSession
        Knows the references.

    Raises
    ------
    ParameterError
        As `Step.call`.
    """
    exposure = place.exposure
    step = work.prepare((exposure.source,))
    result = StepResult(exposure.name, work.label, opener=work.opener())
    result.parameter_source = step.parameter_sources  # read when it is asked for
    link = Link(result, since=place.since, name=place.input, ignored=policy.ignore_errors)
    if step.skip:
        link.passes = f"skip=True ({step.recorded_sources().get('skip', 'default')})"
        link.key, result.key = place.input_key, step_key(step, place.input_key, None)
        return link
    planned = _planned(step, place, session, link)
    link.key = result.key = step_key(step, place.input_key, planned)
    result.planned_outputs = link.products
    result.planned_references = tuple(one for member in planned.walk() for one in member.references)
    _judge(link, step, planned, exposure, policy)
    if link.passes or link.fails:
        link.key = place.input_key
    else:
        link.name = link.products[-1] if link.saves else _name_only(place.input)
    return link


def _planned(step: Any, place: Place, session: Any, link: Link) -> PlannedStep:
    """Find out references and products, with the names that they will have."""
    from stpipe.engine import rehearsed
    from stpipe.planned_inputs import member_names
    from stpipe.planning import _planned, _products
    from stpipe.run_state import current_state

    with rehearsed(step, (place.input,)):
        state = current_state()
        if state is not None and place.before is None:
            state.planned_inputs = member_names(step.make_input_path(place.input))
        planned = _planned(step, _Dataset(step, place.exposure), session)  # type: ignore[arg-type]
        paths = [one.path for one in _products(planned)]
        link.saves = bool(step.save_results) and bool(paths)
        if link.saves:
            main = step.planned_path() if len(paths) > 1 else paths[0]
            paths.sort(key=lambda path: path == main)  # the others stay in order
    link.products = tuple(dict.fromkeys(paths))
    return planned


def _judge(link: Link, step: Any, planned: PlannedStep, exposure: Any, policy: Policy) -> None:
    """Find out why a step would do nothing, or fail."""
    refused = next((one.refusal for one in planned.walk() if one.refusal), "")
    link.passes = refused or _not_for(step, exposure) or _when_is_false(policy, exposure)
    if link.passes:
        return
    failed = [one for one in link.result.planned_references if one.origin == "failed"]
    if failed:
        link.result.planned_error = RunError(f"{link.result.label}: no reference{_remarks(failed)}")


def _remarks(failed: Sequence[Any]) -> str:
    """Return what is wrong with references: of one in the same line, of several their types and then each in a line."""
    texts = list(dict.fromkeys(f"{one.reftype}: {one.remark}" for one in failed))
    if len(texts) == 1:
        return f": {texts[0]}"
    types = ", ".join(dict.fromkeys(one.reftype for one in failed))
    return "".join((f" for {types}", *(f"\n  {text}" for text in texts)))


def _not_for(step: Any, exposure: Any) -> str:
    """Ask the class whether the step changes anything for this exposure; return why not."""
    ask: Callable[..., bool | None] | None = getattr(type(step), "will_change", None)
    if ask is None:
        return ""
    answer = ask(exposure.header, step.current_parameters())
    return f"{type(step).__name__} has nothing to do for this exposure" if answer is False else ""


def _when_is_false(policy: Policy, exposure: Any) -> str:
    """Ask ``when`` as far as it can be told now; an error of it is told at the execution."""
    if policy.when is None:
        return ""
    try:
        return "" if policy.when(exposure) else "when is false"
    except Exception as error:
        log.debug("when of %s cannot be told yet: %r", exposure.name, error)
        return ""


def prepare_function(work: FunctionWork, place: Place, policy: Policy) -> Link:
    """Prepare a function for an exposure: it saves nothing that is known of, and hands on the name of its input."""
    result = StepResult(place.exposure.name, work.label)
    parameters = {name: (value, "keyword") for name, value in work.keywords.items()}
    result.parameter_source = lambda: parameters
    key = function_key(work.function, work.keywords, place.input_key)
    result.key = key
    link = Link(result, key=key, since=place.since, name=_name_only(place.input))
    link.passes = _when_is_false(policy, place.exposure)
    if link.passes:
        link.key = place.input_key
    return link


def _name_only(source: Any) -> Any:
    """Keep the name of an input, not the input itself."""
    from stpipe.run_state import file_name_of

    return SimpleNamespace(meta=SimpleNamespace(filename=file_name_of(source)))


def prepare_opaque(label: str, place: Place, policy: Policy, what: str) -> Link:
    """Prepare something of which nothing is known before it runs: a recipe."""
    result = StepResult(place.exposure.name, label)
    key = result.key = function_key(what, {}, place.input_key)
    link = Link(result, key=key, since=place.since, name=_name_only(place.input), always=True)
    link.passes = _when_is_false(policy, place.exposure)
    return link


def work_key(work: StepWork, exposure: Any, stamp: Identity) -> str | None:
    """Return the key of a step that has run outside a plan; None where it cannot be told.

    Parameters
    ----------
    work : StepWork
        The step, with its instance where it is in this process.
    exposure : Exposure
        The input.
    stamp : tuple
        Identity of the input before the run.
    """
    from stpipe.policy import Policy
    from stpipe.references import reference_session

    try:
        place = Place(exposure)
        place.input_key, place.since = stamp
        with quiet(), reference_session() as session:
            return prepare_step(work, place, Policy(), session).result.key
    except Exception as error:  # the product is there; it is only not known what it was made from
        log.debug("The product of %s is not remembered: %r", exposure.name, error)
        return None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep log records of a block out of the output of the run around it."""
    from stpipe.log_routing import sinks

    token = sinks.set(())
    try:
        yield
    finally:
        sinks.reset(token)
