"""The loop of every run: open the targets, do entry after entry on all of them, close, count (running.md §2.2, L7)."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stpipe.events import describe_exception
from stpipe.exceptions import CanceledError, RunError, RunTimeoutError
from stpipe.policy import Policy
from stpipe.product_state import StateRecorder, products_of
from stpipe.step_result import StepResult
from stpipe.tasks import Outcome, Task, Work, product_of

if TYPE_CHECKING:
    from stpipe.executors import Executor
    from stpipe.run_stream import RunStream

__all__ = ["RunEntry", "RunLoop"]

log = logging.getLogger("stpipe.run")


@dataclass(eq=False)
class RunEntry:
    """One entry of a run.

    Attributes
    ----------
    label : str
        Its name in events.
    work_for : callable
        ``work_for(target) -> Work``.
    policy : Policy
        Its rules.
    names : frozenset of str or None
        Targets that it is for; None for all.
    tells : bool
        Whether the loop tells that it starts and ends; a recipe tells of its own entries.
    door : type or None
        Step class that knows how headers are read.
    results : dict of str to StepResult
        By target; filled by a plan before, or here.
    prepare : callable or None
        ``prepare(target) -> StepResult or None``: what is known of a target, asked just before its task is made.
    ended : callable or None
        ``ended(target, result)``: takes over the result of a target, which the run then forgets; for very many targets.
    """

    label: str
    work_for: Callable[[Any], Work]
    policy: Policy = field(default_factory=Policy)
    names: frozenset[str] | None = None
    tells: bool = True
    door: Any = None
    results: dict[str, StepResult] = field(default_factory=dict)
    prepare: Callable[[Any], StepResult | None] | None = None
    ended: Callable[[Any, StepResult], None] | None = None

    def concerns(self, target: Any) -> bool:
        """Whether it is for a target."""
        return self.names is None or target.name in self.names


class RunLoop:
    """Runs entries on targets.

    Parameters
    ----------
    entries : sequence of RunEntry
        In order.
    targets : sequence
        Exposures or stand-ins.
    executor : Executor
        Does the tasks.
    stream : RunStream
        Is told.
    turn : callable
        Delivers events and raises where the run has to stop.

    Attributes
    ----------
    failed : dict of str to BaseException
        Targets that have failed, with the error.
    aborted : bool
        Whether the run ended before its last entry.
    recorder : StateRecorder or None
        Remembers what products were made from.
    """

    def __init__(
        self,
        entries: Sequence[RunEntry],
        targets: Sequence[Any],
        executor: Executor,
        stream: RunStream,
        turn: Callable[[], None],
    ) -> None:
        self.entries = entries
        self.targets = targets
        self.executor = executor
        self.stream = stream
        self.token: Any = None
        self.turn = turn
        self.failed: dict[str, BaseException] = {}
        self.aborted = False
        self.recorder: StateRecorder | None = None
        self._latest: dict[str, StepResult] = {}
        self._current: dict[str, Any] = {}
        self._alive: dict[str, Any] = {}
        self._opened: list[Any] = []
        self._under_way: Mapping[str, Any] = {}

    def run(self) -> None:
        """Run everything; what can fail is told in events and kept in ``failed``.

        Raises
        ------
        CanceledError, RunTimeoutError
            The run was told to stop.
        """
        try:
            self._open()
            for position, entry in enumerate(self.entries):
                self.turn()
                if not self._alive:
                    self._no_targets_left()
                    return
                self._run_entry(entry, last=position == len(self.entries) - 1)
                if self.aborted:
                    return
        finally:
            if self.recorder is not None:
                self.recorder.write()
            self._order_failed()
            for target in self._opened:
                self.stream.emit("target_close", target=target.name)

    def _order_failed(self) -> None:
        """Have the failed targets in the order of all, whichever failed first."""
        found = dict(self.failed)
        self.failed.clear()
        self.failed.update((target.name, found[target.name]) for target in self.targets if target.name in found)

    def _open(self) -> None:
        """Look at every target; unreadable ones take no part."""
        from stpipe.exceptions import InputError

        for target in self.targets:
            self.turn()
            told = getattr(target, "opened", False)
            if not told:
                self.stream.emit("target_before_open", target=target.name)
            self._goes_on(target, target.source)
            self._look_at(target)
            if target.error is None:
                self._alive[target.name] = target
                if not told:
                    self.stream.emit("target_open", target=target.name)
            else:
                error = InputError(target.error)
                self.failed[target.name] = error
                data = {"exception": describe_exception(error)}
                self.stream.emit("target_open_error", target=target.name, event_data=data)
            self._opened.append(target)

    def _look_at(self, target: Any) -> None:
        """Read the header of an exposure that is a file; of any other input with a path see that it is there."""
        if target.error is not None or target.path is None:
            return
        try:
            if hasattr(target, "door"):
                target.door = target.door or next((entry.door for entry in self.entries if entry.door), None)
                target.header.get("")
            else:
                os.stat(target.path)
        except Exception as error:
            target.error = str(error) or type(error).__name__

    def _goes_on(self, target: Any, value: Any) -> None:
        """Note what the next entry gets; the target shows it, but another run may be using that, too."""
        self._current[target.name] = target.current = value

    def _no_targets_left(self) -> None:
        self.aborted = True
        if self.failed:
            self.stream.emit("message", event_data={"text": "no exposures remaining", "level": "ERROR"})

    def _run_entry(self, entry: RunEntry, *, last: bool) -> None:
        targets = [target for target in self._alive.values() if entry.concerns(target)]
        if entry.tells:
            self.stream.emit("step_start", step=entry.label)
        executor = self._executor_of(entry)
        self._under_way = {target.name: target for target in targets}
        count = _FailureCount(entry.policy.fail_percent, len(targets))
        try:
            executor.run(
                self._tasks(entry, targets, count),
                lambda task, outcome: self._finished(entry, task, outcome, count),
                self,
            )
        finally:
            if executor is not self.executor:
                executor.shutdown()
            if entry.tells:
                self.stream.emit("step_end", step=entry.label)
        if count.exceeded:
            self.aborted = True
            text = f"{entry.label}: more than {entry.policy.fail_percent:g} % of the targets have failed"
            self.stream.emit("message", event_data={"text": text, "level": "ERROR"})
        elif not last and not self._alive and self.failed:
            self._no_targets_left()

    def _executor_of(self, entry: RunEntry) -> Executor:
        return self.executor.serial() if entry.policy.serial else self.executor

    def _tasks(self, entry: RunEntry, targets: Sequence[Any], count: _FailureCount) -> Iterator[Task]:
        """Yield what is to be done; what needs no doing is finished here."""
        first = True
        for target in targets:
            if count.exceeded:
                return
            result = self._prepared(entry, target)
            if result is not None and result.is_done:
                self._up_to_date(entry, target, result)
            elif result is not None and result.planned_skip:
                self._done_without(entry, target, result.planned_skip)
            elif entry.policy.run_once and not first:
                self._done_without(entry, target, "run once, for the first target only")
            elif not self._wanted(entry, target, count):
                continue
            elif result is not None and result.planned_error is not None:
                self._fails(entry, target, result.planned_error, count)
            else:
                if self.recorder is not None:
                    self.recorder.starts(target, self._current[target.name])
                current = self._current[target.name]
                args = () if current is None else (current,)
                yield Task(entry.work_for(target), target.name, args, entry.policy)
            first = False

    def _prepared(self, entry: RunEntry, target: Any) -> StepResult | None:
        """Return what is known of a target before its task."""
        result = entry.results.get(target.name)
        if result is None and entry.prepare is not None:
            result = entry.prepare(target)
            if result is not None:
                entry.results[target.name] = result
        return result

    def _wanted(self, entry: RunEntry, target: Any, count: _FailureCount) -> bool:
        """Ask ``when``; whether the task is to be done."""
        if entry.policy.when is None:
            return True
        try:
            wanted = bool(entry.policy.when(target))
        except Exception as error:
            self._fails(entry, target, error, count, where=" (in 'when')")
            return False
        if not wanted:
            self._done_without(entry, target, "when is false")
        return wanted

    def _fails(self, entry: RunEntry, target: Any, error: Exception, count: _FailureCount, *, where: str = "") -> None:
        """Enter a target that fails before the step begins."""
        ignored = entry.policy.ignore_errors
        log.error("%s: %s failed%s: %s: %s", target.name, entry.label, where, type(error).__name__, error)
        named: dict[str, Any] = {"step": entry.label, "target": target.name}
        self.stream.emit("step_target_start", **named)
        data = {"exception": describe_exception(error), "ignored": ignored, "retry_count": 0, "max_retries": 0}
        self.stream.emit("step_target_error", event_data=data, **named)
        result = self._current[target.name] if ignored else None
        outcome = Outcome("ignored" if ignored else "failed", result, exception=error)
        outcome.traceback = f"{type(error).__name__}: {error}{where}"
        self._finished(entry, Task(Work(), target.name, ()), outcome, count)

    def _done_without(self, entry: RunEntry, target: Any, reason: str) -> None:
        """Enter a target that the entry has nothing to do for."""
        data = {"skip_reason": reason, "changed": False, "retry_count": 0, "max_retries": 0}
        self.stream.emit("step_target_skip", step=entry.label, target=target.name, event_data=data)
        outcome = Outcome("skipped", self._current[target.name], skip_reason=reason)
        self._enter(entry, target, outcome, None)

    def _up_to_date(self, entry: RunEntry, target: Any, result: StepResult) -> None:
        """Enter a target whose product is there already: start and success are told, nothing is run."""
        named: dict[str, Any] = {"step": entry.label, "target": target.name}
        self.stream.emit("step_target_start", **named)
        data = {"changed": False, "skip_reason": None, "reason": result.reason, "retry_count": 0, "max_retries": 0}
        self.stream.emit("step_target_success", event_data=data, **named)
        before = self._current[target.name]
        self._enter(entry, target, Outcome("ok", parameters=result.planned_parameters), result.planned_product)
        if result.planned_product is None:  # not needed: a later entry has its product
            self._goes_on(target, before)

    def _finished(self, entry: RunEntry, task: Task, outcome: Outcome, count: _FailureCount) -> None:
        """Enter the outcome of a task."""
        target = self._under_way[task.target]
        if outcome.status == "failed":
            count.failed += 1
            self.failed[target.name] = outcome.exception or RunError("failed")
        product = product_of(outcome) or products_of(outcome.result, outcome.outputs)
        result = entry.results.get(target.name)
        if self.recorder is not None and outcome.succeeded and outcome.outputs:
            self.recorder.finished(task.work, target, outcome.outputs, product, result.key if result else None)
        self._enter(entry, target, outcome, product)

    def _enter(self, entry: RunEntry, target: Any, outcome: Outcome, product: Any) -> None:
        result = entry.results.get(target.name)
        if result is None:
            result = entry.results[target.name] = StepResult(target.name, entry.label)
        if result._opener is None:
            result._opener = entry.work_for(target).opener()
        several = len(self.targets) > 1
        if product is not None and (several or outcome.result is None):
            result.complete(outcome, product=product)
        else:
            result.complete(outcome, saved=product)
        stops = outcome.status == "skipped" and entry.policy.on_skip == "stop"
        if outcome.status in ("failed", "canceled") or stops:
            self._alive.pop(target.name, None)
        else:
            self._goes_on(target, result.product)
            before, self._latest[target.name] = self._latest.get(target.name), result
            if before is not None:
                before.release()
        if entry.ended is not None:
            entry.ended(target, result)
            entry.results.pop(target.name, None)
            self._latest.pop(target.name, None)


@dataclass(slots=True)
class _FailureCount:
    """How many targets of an entry have failed, and how many are too many."""

    percent: float | None
    total: int
    failed: int = 0

    @property
    def exceeded(self) -> bool:
        """Whether nothing further is to be started."""
        return self.percent is not None and self.total > 0 and 100.0 * self.failed / self.total > self.percent


def stopped_by(error: BaseException) -> str:
    """Return the status of a run that ended by this error."""
    if isinstance(error, RunTimeoutError):
        return "timeout"
    return "canceled" if isinstance(error, CanceledError | KeyboardInterrupt) else "failed"
