"""What a run does for one target, wherever it runs: `Work`, one `Task` of it, and the `Outcome` (running.md §2, §6).

A task can be sent to another process if its parts can be pickled. `perform` never raises for an error of the task: it
is in the outcome.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stpipe import events
from stpipe.attempts import Attempts, take_attempts, told
from stpipe.policy import Policy, attempt
from stpipe.run_output import TargetOutput, target_output

__all__ = ["FunctionWork", "Outcome", "Report", "StepWork", "Task", "Work", "enter_error", "perform", "product_of"]

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
    logs_errors : bool
        Whether it has logged an error before it raises it.
    one_step : bool
        Whether all attempts together are told as one step; the entries of a recipe are told one by one.
    """

    label = ""
    logs_errors = False
    one_step = True

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
    base : Layer or None
        Parameters of the project.
    """

    cls: Any
    label: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    entry: bool = False
    prepared: Any = None
    own: bool = False
    base: Any = None

    def prepare(self, args: tuple[Any, ...]) -> Any:
        """Resolve the parameters for an input and return the instance."""
        if self.prepared is None:
            self.prepared = self.cls._configured(args, dict(self.keywords), self.data or None, self.base)
        return self.prepared

    def run(self, args: tuple[Any, ...], report: Report) -> Any:
        from stpipe.engine import execute

        is_planned = self.entry and self.prepared is not None and not self.own
        step = self.prepare(args)
        if not is_planned:  # the result of a plan knows them
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
            self.base,
        )

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.cls, self.label, self.keywords, self.data, self.entry, self.prepared, self.own, self.base = state


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
    product : str, tuple or None
        File that holds the result, or files of several, where the result itself is not at hand.
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
    product: Any = None

    @property
    def succeeded(self) -> bool:
        """Whether later entries can go on from it."""
        return self.status in ("ok", "skipped")


def perform(task: Task, attempts: Attempts | None = None) -> Outcome:
    """Do a task in this thread, under the active stream and cancel token.

    Parameters
    ----------
    task : Task
        What to do.
    attempts : Attempts, optional
        Goes on counting where some have been made elsewhere; new ones by default.

    Returns
    -------
    Outcome
        How it has ended; ``canceled`` where the run was told to stop.
    """
    attempts, report, output = attempts or Attempts(), Report(), TargetOutput()
    outcome = Outcome()
    started = time.perf_counter()
    with events.targeting(task.target), target_output(output):
        try:
            outcome.result = attempt(task.policy, task.work.label, lambda: task.work.run(task.args, report), attempts)
        except Exception as error:
            enter_error(outcome, task, error, attempts.verdict)
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


def product_of(outcome: Outcome) -> Any:
    """Return the file that holds the result, if it was saved; files of several where that is known."""
    name = getattr(getattr(outcome.result, "meta", None), "filename", None)
    if outcome.product is not None or not name:
        return outcome.product
    return next((path for path in reversed(outcome.outputs) if os.path.basename(path) == name), None)


def enter_error(outcome: Outcome, task: Task, error: Exception, verdict: str | None = None) -> None:
    """Enter an error of a task into its outcome and log it, as what it has been told: the ``verdict``, if there is one.

    Otherwise it is ``canceled`` where the error only says that the run was told to stop.
    """
    from stpipe.cancel import is_stop

    outcome.exception = error
    outcome.traceback = "".join(traceback.format_exception(error))
    own = "canceled" if is_stop(error) else "ignored" if task.policy.ignore_errors else "failed"
    outcome.status = verdict or own
    if outcome.status == "canceled":
        return
    if outcome.status == "ignored":
        outcome.result = task.args[0] if task.args else None
    what = "failed" if outcome.status == "failed" else "failed, which is ignored"
    if not task.work.logs_errors:
        log.error("%s: %s %s: %s: %s", task.target, task.work.label, what, type(error).__name__, error)
