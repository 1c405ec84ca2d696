"""A task that a worker does: what the run knows of it, and what it says for a worker that cannot any longer."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from stpipe import events, facts
from stpipe.attempts import Attempts, end_facts
from stpipe.exceptions import RunTimeoutError
from stpipe.executors.errors import load_error
from stpipe.executors.order import Answer
from stpipe.executors.packing import Loader, Packer
from stpipe.executors.stored import PrivateFolder, Waiting
from stpipe.run_output import TargetOutput, target_output
from stpipe.tasks import Outcome, Task, enter_error

__all__ = ["Job"]

_GRACE = 0.1
"""Seconds beyond its time that an attempt has to stop by itself, at a checkpoint."""

_ENDS = frozenset({"step_target_success", "step_target_error", "step_target_skip"})


class Job:
    """A task on its way.

    Parameters
    ----------
    task : Task
        What is to be done.

    Attributes
    ----------
    packer : Packer or None
        What was sent with it.
    opener : callable or None
        Opens a model.
    retry_count : int
        Further attempts so far.
    deadline : float or None
        ``time.monotonic()`` when the attempt under way is killed.
    has_begun : bool
        Whether a worker has begun with it since it was last sent.
    losses : int
        Workers that were lost before they had begun with it.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.packer: Packer | None = None
        self.opener: Callable[[str], Any] | None = None
        self.retry_count = 0
        self.deadline: float | None = None
        self.has_begun = False
        self.losses = 0
        self.order: Any = None
        self.packed: tuple[bytes, bytes] = (b"", b"")
        self._output = TargetOutput()
        self._started = time.perf_counter()
        self._open: dict[str, tuple[str | None, str | None, float]] = {}
        self._ended: Mapping[str, Any] | None = None
        self._result: tuple[str, Any, bytes] | None = None
        self._writing: set[str] = set()

    @property
    def start(self) -> str | None:
        """The ``step_target_start`` event, where it has been told and counts for all attempts."""
        if not self.task.work.one_step:
            return None
        label = self.task.work.label
        return next((uuid for uuid, (step, parent, _) in self._open.items() if parent is None and step == label), None)

    @contextmanager
    def concerned(self) -> Iterator[None]:
        """Let what is told and written inside a block be of this target."""
        with events.targeting(self.task.target), target_output(self._output):
            yield

    def begins(self, retry_count: int) -> None:
        """Note that an attempt begins."""
        self.has_begun = True
        self.retry_count = retry_count
        seconds = self.task.policy.timeout
        self.deadline = None if seconds is None else time.monotonic() + seconds + _GRACE

    def result(self, kind: str, result: Any, parameters: bytes) -> None:
        """Note the result of an attempt, which is sent before its success is told."""
        self._result = (kind, result, parameters)

    def ends(self) -> None:
        """Note that an attempt is over; what follows is a pause, or the answer."""
        self.deadline = None

    def event(self, fields: Mapping[str, Any]) -> None:
        """Note which steps are under way."""
        name, step, parent = fields["event"], fields["step"], fields["parent_uuid"]
        if name == "step_target_start":
            self._open[fields["uuid"]] = (step, parent, time.perf_counter())
        elif name in _ENDS:
            if parent is None:
                self._ended = fields
            for uuid, (other, of, _) in reversed(self._open.items()):
                if (other, of) == (step, parent):
                    del self._open[uuid]
                    break

    def writes(self, folder: str, *, begins: bool) -> None:
        """Note where a worker is writing a product, or that it has done so."""
        if begins:
            self._writing.add(folder)
        else:
            self._writing.discard(folder)

    def tidy(self) -> None:
        """Remove what a worker that was killed has left half written."""
        for folder in self._writing:
            shutil.rmtree(folder, ignore_errors=True)
        self._writing.clear()

    def late(self) -> RunTimeoutError:
        """Return the error of an attempt that is out of time."""
        return RunTimeoutError(f"step {self.task.work.label} has taken more than {self.task.policy.timeout:g} s")

    def again(self, error: Exception) -> float | None:
        """Close an attempt whose worker is gone; return the seconds before the next one, None if there is none."""
        rule, count = self.task.policy.rule(), self.retry_count + 1
        if (self._ended and self.task.work.one_step) or not rule.tries_again(error, count):
            return None
        self._close(error, keep=self.start)
        self.retry_count = count
        self.has_begun = False
        self.ends()
        counts = {"retry_count": count, "max_retries": self.task.policy.retries}
        events.emit("step_target_retry", step=self.task.work.label, event_data=counts)
        return rule.seconds(count - 1)

    def last_answer(self) -> Answer | None:
        """Return the answer of a worker that has told of success and died before it gave it."""
        ended = self._ended
        if (
            not self.task.work.one_step
            or ended is None
            or self._result is None
            or ended["event"] == "step_target_error"
        ):
            return None
        data, (kind, result, parameters) = ended["event_data"], self._result
        known = {
            key: data[key] for key in ("outputs", "references", "skip_reason", "rss_max", "changed") if key in data
        }
        status = "ok" if known.get("skip_reason") is None else "skipped"
        fields = {**known, "status": status, "retries": data.get("retry_count", 0)}
        return Answer(fields, kind, result, parameters)

    def lost(self, error: Exception, *, canceled: bool = False) -> Outcome:
        """Tell of an error that no worker can tell any longer, and return the outcome."""
        if not self._open and not self._ended and self.task.work.one_step:
            Attempts(self.task.policy.retries).never_ran({"step": self.task.work.label}, error)
        self._close(error, keep=None, canceled=canceled)
        outcome = Outcome(retries=self.retry_count)
        if canceled:
            outcome.status, outcome.exception = "canceled", error
            outcome.traceback = f"{type(error).__name__}: {error}\n"
        else:
            enter_error(outcome, self.task, error)
        return self._completed(outcome)

    def _close(self, error: Exception, *, keep: str | None, canceled: bool = False) -> None:
        """Tell that the steps under way have failed, the innermost first; ``keep`` goes on."""
        policy = self.task.policy
        for uuid, (step, parent, started) in reversed(list(self._open.items())):
            if uuid == keep:
                continue
            attempts = Attempts(policy.retries if parent is None else 0)
            if parent is None:
                attempts.retry_count = self.retry_count
                attempts.ignored = lambda _: policy.ignore_errors and not canceled
            data = end_facts(time.perf_counter(), changed=False, duration=time.perf_counter() - started)
            attempts.failed({"step": step, "parent_uuid": parent}, data, error)
            del self._open[uuid]

    def answered(self, answer: Answer, folder: PrivateFolder) -> Outcome:
        """Return the outcome that a worker has sent."""
        outcome = Outcome(**answer.fields)
        loader = Loader(self.opener, self.packer.sent if self.packer is not None else None)
        outcome.parameters = loader.load(answer.parameters) if answer.parameters else {}
        if answer.context is not None:
            outcome.context = Waiting(partial(loader.load, answer.context), folder)
        if answer.error is not None:
            outcome.exception = load_error(answer.error, outcome.traceback)
        if answer.kind == "input":
            outcome.result = self.task.args[0] if self.task.args else None
        elif answer.kind == "product":
            outcome.product = answer.result
        elif answer.kind == "model":
            outcome.result = Loader.later(answer.result, folder, self.opener)
        else:
            outcome.result = loader.load(answer.result)
        return self._completed(outcome)

    def _completed(self, outcome: Outcome) -> Outcome:
        outcome.duration = time.perf_counter() - self._started
        outcome.stdout, outcome.stderr = "".join(self._output.stdout), "".join(self._output.stderr)
        return outcome

    def write(self, text: str, *, error: bool) -> None:
        """Print what a worker has printed."""
        stream = sys.stderr if error else sys.stdout
        if stream is not None:
            stream.write(text)

    def log(self, values: Mapping[str, Any]) -> None:
        """Log what a worker has logged."""
        record = logging.makeLogRecord(dict(values))
        logging.getLogger(record.name).handle(record)

    def fact(self, target: str, name: str, value: Any) -> None:
        """Store a fact of a target."""
        facts.store_fact(name, value, target=target)
