"""What a run does for one target, wherever it runs: `Work`, one `Task` of it, and the `Outcome` (running.md §2, §6).

A task can be sent to another process if its parts can be pickled. `perform` never raises for an error of the task: it
is in the outcome.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stpipe import events
from stpipe.attempts import Attempts, take_attempts, told
from stpipe.policy import Policy, attempt
from stpipe.run_output import TargetOutput, target_output

__all__ = ["FunctionWork", "Outcome", "Report", "StepWork", "Task", "Work", "perform"]

log = logging.getLogger("stpipe.run")


@dataclass(slots=True)
class Report:
    """What a work tells besides its result.

    Attributes
    ----------
    parameters : mapping
        Name to ``(value, source)``; sub-steps under ``steps``.
    skip_reason : str or None
        Why there was nothing to do.
    context : Context or None
        Of a recipe, at its end.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    skip_reason: str | None = None
    context: Any = None


class Work:
    """Something that can be done for a target; subclasses write `run`.

    Attributes
    ----------
    label : str
        Of its entry in events.
    """

    label = ""

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        """Do it once, telling the stream of start and end through `stpipe.attempts`, and return the result."""
        raise NotImplementedError

    def opener(self) -> Callable[[str], Any] | None:
        """Return what opens a product of this work, if that is known."""
        return None

    def __str__(self) -> str:
        return self.label


@dataclass(slots=True)
class StepWork(Work):
    """A Step, its parameters resolved for each input.

    Attributes
    ----------
    cls : type
        Step class.
    label : str
        Of the entry.
    keywords : mapping
        Of ``call``: parameters, ``steps``, ``config_file``, ``name``.
    data : mapping
        Parameters that the inventory has for the target.
    entry : bool
        Part of a plan: counts as a sub-step, so ``skip=True`` is obeyed.
    prepared : Step or None
        The instance to run, where it is made already.
    own : bool
        The instance is the user's: it keeps its label and is run as it is.
    """

    cls: Any
    label: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    entry: bool = False
    prepared: Any = None
    own: bool = False

    def prepare(self, args: tuple[Any, ...]) -> Any:
        """Resolve the parameters for an input and return the instance."""
        if self.prepared is None:
            self.prepared = self.cls._configured(args, dict(self.keywords), self.data or None)
        return self.prepared

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        from stpipe.engine import execute

        step = self.prepare(args)
        report.parameters = step.parameter_sources()
        before = step.__dict__.get("event_label")
        step.__dict__["event_label"] = self.label
        try:
            if self.entry and step.skip:
                return self._skipped(step, args, report)
            return execute(step, args)
        finally:
            if self.own and before is None:
                step.__dict__.pop("event_label", None)

    def _skipped(self, step: Any, args: tuple[Any, ...], report: Report) -> Any:
        log.info("Step %s skipped.", step.name)
        result = args[0] if args else None
        step._mark_skipped(result)
        report.skip_reason = "skip=True"
        take_attempts()
        events.emit("step_target_skip", step=self.label, event_data={"skip_reason": "skip=True", "changed": False})
        return result

    def opener(self) -> Callable[[str], Any]:
        return self.cls._datamodels_open

    def __getstate__(self) -> tuple[Any, ...]:
        """Without the instance: the other process resolves the parameters again, unless it is the user's own."""
        return (
            self.cls,
            self.label,
            self.keywords,
            self.data,
            self.entry,
            self.prepared if self.own else None,
            self.own,
        )

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.cls, self.label, self.keywords, self.data, self.entry, self.prepared, self.own = state


@dataclass(slots=True)
class FunctionWork(Work):
    """A function, coroutine or ordinary, called with the input and keywords; None as its result keeps the input.

    Attributes
    ----------
    function : callable
        The function.
    label : str
        Of the entry.
    keywords : mapping
        Further arguments.
    """

    function: Callable[..., Any]
    label: str
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        from stpipe.coroutines import is_coroutine_function, run_coroutine

        report.parameters = {name: (value, "keyword") for name, value in self.keywords.items()}
        facts: dict[str, Any] = {}
        with told(self.label, facts):
            if is_coroutine_function(self.function):
                result = run_coroutine(self.function(*args, **self.keywords))
            else:
                result = self.function(*args, **self.keywords)
            kept = result is None and bool(args)
            facts |= {"result": args[0] if kept else result, "changed": not kept}
        return facts["result"]


@dataclass(slots=True)
class Task:
    """One work for one target.

    Attributes
    ----------
    work : Work
        What to do.
    target : str
        Name of the target.
    args : tuple
        The input, or nothing.
    policy : Policy
        Rules of the entry.
    """

    work: Work
    target: str
    args: tuple[Any, ...]
    policy: Policy = field(default_factory=Policy)


@dataclass(slots=True)
class Outcome:
    """How a task has ended.

    Attributes
    ----------
    status : str
        ``ok``, ``skipped``, ``ignored``, ``failed``, ``canceled``.
    result : object
        The result; the input where there was nothing to do or the error is ignored.
    changed : bool
        Whether there is a new product.
    exception, traceback : exception, str
        The error, if any, and its traceback as text.
    retries : int
        Further attempts used.
    duration : float
        Seconds.
    outputs : list of str
        Files written by the step itself.
    references : list
        Pairs of type and file.
    parameters : mapping
        Name to ``(value, source)``.
    skip_reason : str or None
        Why there was nothing to do.
    stdout, stderr : str
        What was written meanwhile.
    rss_max : int
        Most memory that the process has had, in bytes.
    context : Context or None
        Of a recipe, at its end.
    """

    status: str = "ok"
    result: Any = None
    changed: bool = False
    exception: BaseException | None = None
    traceback: str = ""
    retries: int = 0
    duration: float = 0.0
    outputs: list[str] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    skip_reason: str | None = None
    stdout: str = ""
    stderr: str = ""
    rss_max: int = 0
    context: Any = None

    @property
    def succeeded(self) -> bool:
        """Whether later entries can go on from it."""
        return self.status in ("ok", "skipped")


def perform(task: Task) -> Outcome:
    """Do a task in this thread, under the active stream and cancel token.

    Parameters
    ----------
    task : Task
        What to do.

    Returns
    -------
    Outcome
        How it has ended; ``canceled`` where the run was told to stop.
    """
    attempts, report, output = Attempts(), Report(), TargetOutput()
    outcome = Outcome()
    started = time.perf_counter()
    with events.targeting(task.target), target_output(output):
        try:
            outcome.result = attempt(task.policy, task.work.label, lambda: task.work.run(task.args, report), attempts)
        except Exception as error:
            _failed(outcome, task, error)
    facts = attempts.facts
    outcome.duration = time.perf_counter() - started
    outcome.retries = attempts.retry_count
    outcome.parameters, outcome.context = report.parameters, report.context
    outcome.references = list(facts.get("references", ()))
    outcome.outputs = list(facts.get("outputs", ()))
    outcome.rss_max = facts.get("rss_max", 0)
    outcome.stdout, outcome.stderr = "".join(output.stdout), "".join(output.stderr)
    if outcome.status == "ok":
        outcome.skip_reason = report.skip_reason or facts.get("skip_reason")
        outcome.status = "ok" if outcome.skip_reason is None else "skipped"
        outcome.changed = outcome.status == "ok" and bool(facts.get("changed", True))
    return outcome


def _failed(outcome: Outcome, task: Task, error: Exception) -> None:
    """Enter an error of a task into its outcome."""
    from stpipe.cancel import active_token

    token = active_token()
    stopped = token.look() if token is not None else None
    outcome.exception = error
    outcome.traceback = "".join(traceback.format_exception(error))
    if stopped is not None:
        outcome.status = "canceled"
        return
    outcome.status = "ignored" if task.policy.ignore_errors else "failed"
    if outcome.status == "ignored":
        outcome.result = task.args[0] if task.args else None
    what = "failed" if outcome.status == "failed" else "failed, which is ignored"
    log.error("%s: %s %s: %s: %s", task.target, task.work.label, what, type(error).__name__, error)
