"""State that lives as long as a run, so that a step instance can be run again.

`RunScope` is shared by all steps below one top-level run: which files went in and which were written. `RunState`
belongs to one run of one step. `parameters_restored` puts the parameters of a step and its sub-steps back at the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = [
    "RunScope",
    "RunState",
    "StepRun",
    "current_state",
    "enter_state",
    "input_names_of",
    "outside",
    "parameters_restored",
    "shared_scope",
]


@dataclass(slots=True, eq=False)
class RunScope:
    """What all steps of one top-level run share.

    Attributes
    ----------
    inputs, outputs : set of str
        Real paths of the files read and written so far.
    overwrite : str or None
        ``"allow"``, ``"warn"`` or ``"forbid"``; None leaves it to the environment variable STPIPE_OVERWRITE.
    """

    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    overwrite: str | None = None

    def add_input(self, path: object) -> None:
        """Remember a file that this run reads; anything but a path of an existing file is left out."""
        if isinstance(path, str | os.PathLike) and os.path.isfile(path):
            self.inputs.add(os.path.realpath(path))


class StepRun(NamedTuple):
    """One step that has run, kept until the top-level run ends."""

    step: Step
    status: str
    reason: str | None
    seconds: float
    references: list[tuple[str, str]]


@dataclass(slots=True, eq=False)
class RunState:
    """One run of one step.

    Attributes
    ----------
    step : Step
        What runs.
    scope : RunScope
        Shared with the run around it.
    outer : RunState or None
        The run around it.
    input_names : tuple of str
        File names of a list given as input, else empty.
    outputs : list of str
        Files written by this step.
    skip_reason : str or None
        Why the step had nothing to do.
    event_uuid : str or None
        The ``step_target_start`` event of this run.
    history : list of StepRun
        What has run so far inside this run and is over; kept by the outermost run only.
    parameters : list
        The parameters with which the run started, as `parameters_restored` gives them.
    ident : str or None
        Identity of the run in the provenance of its products.
    earlier : list or None
        Provenance that the input brought along.
    inputs_before : frozenset of str
        What a shared scope had read before this run.
    planned_inputs : tuple or None
        File names of the members of the input, where the run is only planned; None for a single input.
    one_result_each : bool
        Whether names of products were planned on the assumption that each member gives one result.
    """

    step: Step
    scope: RunScope
    outer: RunState | None = None
    input_names: tuple[str, ...] = ()
    outputs: list[str] = field(default_factory=list)
    skip_reason: str | None = None
    event_uuid: str | None = None
    started: float = field(default_factory=time.perf_counter)
    history: list[StepRun] = field(default_factory=list)
    parameters: list[tuple[Step, Snapshot]] = field(default_factory=list)
    ident: str | None = None
    earlier: list[Any] | None = None
    inputs_before: frozenset[str] = frozenset()
    planned_inputs: tuple[str | None, ...] | None = None
    one_result_each: bool = False

    @property
    def outermost(self) -> RunState:
        """The top-level run that this one is part of."""
        state = self
        while state.outer is not None:
            state = state.outer
        return state

    def note_end(self, *, failed: bool) -> None:
        """Enter the run of this step into the history of the outermost run."""
        status = "failed" if failed else "done" if self.skip_reason is None else "skipped"
        seconds = time.perf_counter() - self.started
        entry = StepRun(self.step, status, self.skip_reason, seconds, self.step._reference_files_used)
        self.outermost.history.append(entry)


Snapshot = list[tuple[str, Any, list | None]]

_STATE: ContextVar[RunState | None] = ContextVar("stpipe_run", default=None)
_SCOPE: ContextVar[RunScope | None] = ContextVar("stpipe_run_scope", default=None)


def current_state() -> RunState | None:
    """Return the run of a step that this code is part of, or None."""
    return _STATE.get()


@contextmanager
def outside() -> Iterator[None]:
    """Let what runs inside a block be no part of the run of a step around it."""
    token = _STATE.set(None)
    try:
        yield
    finally:
        _STATE.reset(token)


@contextmanager
def shared_scope(scope: RunScope) -> Iterator[RunScope]:
    """Have the top-level runs inside a block share one scope, with its overwrite policy."""
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)


@contextmanager
def enter_state(step: Step, args: Sequence[object]) -> Iterator[RunState]:
    """Start the state of one run; the scope is that of the run around it, or a new one."""
    outer = _STATE.get()
    scope = outer.scope if outer else _SCOPE.get() or RunScope()
    state = RunState(step, scope, outer, input_names_of(args))
    if outer is None and scope.inputs:
        state.inputs_before = frozenset(scope.inputs)
    token = _STATE.set(state)
    try:
        yield state
    finally:
        _STATE.reset(token)


def input_names_of(args: Sequence[object]) -> tuple[str, ...]:
    """File names of the first argument if it is a list or tuple in which every element has one, else ``()``."""
    if not args or not isinstance(args[0], list | tuple):
        return ()
    names = [file_name_of(item) for item in args[0]]
    return tuple(name for name in names if name) if all(names) else ()


def file_name_of(item: object) -> str | None:
    """Return a path as text, or the ``meta.filename`` of a model; None for anything else."""
    if isinstance(item, str | os.PathLike):
        return os.fspath(item) if isinstance(item, str) else str(item)
    name = getattr(getattr(item, "meta", None), "filename", None)
    return str(name) if name else None


_MISSING: Any = object()
_INPUT = ("_input_filename", "_last_input")


@contextmanager
def parameters_restored(step: Step) -> Iterator[list[tuple[Step, Snapshot]]]:
    """Put the parameters of ``step`` and its sub-steps back when the block is left, whichever way; give them."""
    names = [name for name in step.run_scoped_names() if name != "_input_dir"]
    saved = [(step, _snapshot(step, names))]
    saved += [(member, _snapshot(member, (*member.run_scoped_names(), *_INPUT))) for member in _below(step)]
    try:
        yield saved
    finally:
        for member, values in saved:
            _restore(member, values)


def _below(step: Step) -> Iterator[Step]:
    for sub_step in step.sub_steps().values():
        yield sub_step
        yield from _below(sub_step)


def _snapshot(step: Step, names: Sequence[str]) -> Snapshot:
    values = step.__dict__
    return [
        (name, value, list(value) if isinstance(value, list) else None)
        for name in names
        for value in (values.get(name, _MISSING),)
    ]


def _restore(step: Step, saved: Snapshot) -> None:
    values = step.__dict__
    for name, value, content in saved:
        if value is _MISSING:
            values.pop(name, None)
            continue
        values[name] = value
        if content is not None and value != content:
            value[:] = content
