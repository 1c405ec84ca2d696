"""Worker processes that take no more tasks at once than fit into memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import RunError
from stpipe.executors.memory_room import MemoryModel, available_memory, memory_text, resident_memory
from stpipe.executors.processes import ProcessExecutor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stpipe.executors import Control, Finished
    from stpipe.tasks import Outcome, Task

__all__ = ["AdmittingExecutor", "Admission", "DoesNotFitError"]

log = logging.getLogger("stpipe.batch")

_SHARE = 0.9
_FAR = 1.5
_WINDOW = 32
_PASSES = 16


class DoesNotFitError(RunError):
    """A task needs more memory than there is."""

    exit_status = 2


@dataclass
class Admission:
    """Decides which tasks may run at once.

    Parameters
    ----------
    size_of : callable
        ``size_of(target name) -> bytes`` of an input in memory.
    limit : int or None
        Bytes that all tasks together may take; None: what the computer has.
    free : callable
        ``free() -> bytes`` that are available now, or None.

    Attributes
    ----------
    model : MemoryModel
        What tasks take.
    peak : int
        The most memory, in bytes, that tasks under way have been thought to take together.
    """

    size_of: Callable[[str], int]
    limit: int | None = None
    free: Callable[[], int | None] = available_memory
    model: MemoryModel = field(default_factory=MemoryModel)
    peak: int = 0
    _under_way: dict[str, int] = field(default_factory=dict)
    _pids: dict[str, int] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)
    _doubled: set[str] = field(default_factory=set)

    def estimate(self, name: str) -> int:
        """Bytes that a task will take; twice that where a worker has died of it."""
        return self.model.estimate(self.size_of(name)) * (2 if name in self._doubled else 1)

    def fits(self, name: str) -> bool:
        """Whether a task may begin now; one that fits nowhere may when nothing else runs."""
        wanted = self.estimate(name)
        if not self._under_way:
            self._warn_if_large(name, wanted)
            return True
        held = {other: resident_memory(self._pids.get(other, 0)) for other in self._under_way}
        if self.limit is not None and sum(map(max, held.values(), self._under_way.values())) + wanted > self.limit:
            return False
        free = self.free()
        if free is None:
            return True
        growth = sum(max(0, expected - held[other]) for other, expected in self._under_way.items())
        return growth + wanted <= _SHARE * free

    def _warn_if_large(self, name: str, wanted: int) -> None:
        room = self._room()
        if room is not None and wanted > room and name not in self._warned:
            self._warned.add(name)
            log.warning(
                "%s may need %s, and %s of memory are free: it is run alone.",
                name, memory_text(wanted), memory_text(room),
            )  # fmt: skip

    def _room(self) -> int | None:
        """Bytes for all tasks together, when none is under way."""
        free = self.free()
        rooms = [room for room in (self.limit, None if free is None else int(_SHARE * free)) if room is not None]
        return min(rooms, default=None)

    def refusal(self, name: str) -> DoesNotFitError | None:
        """Why a task cannot even run alone: it is above the limit that was given, or far above what there is."""
        least, free = self.model.least(self.size_of(name)), self.free()
        if self.limit is not None and least > self.limit:
            return DoesNotFitError(
                f"{name} needs about {memory_text(least)} of memory, more than the limit of {memory_text(self.limit)};"
                " give a larger one (--memory), or run it on a larger computer"
            )
        if free is not None and not self._under_way and least > _FAR * free:
            return DoesNotFitError(
                f"{name} needs about {memory_text(least)} of memory, and only {memory_text(free)} are free;"
                " close other programs, or run it on a larger computer"
            )
        return None

    @property
    def under_way(self) -> Mapping[str, int]:
        """Names of the tasks under way, with the bytes that they are thought to take."""
        return self._under_way

    def begins(self, name: str) -> None:
        """Note that a task is under way."""
        self._under_way[name] = self.estimate(name)
        self.peak = max(self.peak, sum(self._under_way.values()))

    def works_in(self, name: str, pid: int) -> None:
        """Note which process works on a task."""
        self._pids[name] = pid

    def crashed(self, name: str) -> None:
        """Note that a worker has died of a task, perhaps for want of memory: its next attempt gets twice the room."""
        self._pids.pop(name, None)
        self._doubled.add(name)
        if name in self._under_way:
            self._under_way[name] = self.estimate(name)

    def ends(self, name: str, outcome: Outcome) -> None:
        """Note the end of a task, and learn from it."""
        self._under_way.pop(name, None)
        self._pids.pop(name, None)
        self._doubled.discard(name)
        if outcome.status == "ok":
            self.model.learn(self.size_of(name), outcome.rss_max)


class AdmittingExecutor(ProcessExecutor):
    """Does tasks in worker processes, as many at once as there are workers and as fit into memory.

    Parameters
    ----------
    workers : int
        How many at once at most.
    admission : Admission
        Decides.
    stops_at_failure : bool, optional
        Whether tasks that wait for room are left out once one has failed.
    """

    def __init__(
        self, workers: int, admission: Admission, *, stops_at_failure: bool = False, told: set[Any] | None = None
    ) -> None:
        super().__init__(workers, told=told)
        self.admission = admission
        self.stops_at_failure = stops_at_failure
        self._has_failed = False

    def run(self, tasks: Iterable[Task | None], finished: Finished, control: Control) -> None:
        """Do them all; raise what ``control.turn`` raises, after those under way have been killed."""

        def ended(task: Task, outcome: Outcome) -> None:
            self.admission.ends(task.target, outcome)
            self._has_failed |= outcome.status == "failed"
            finished(task, outcome)

        super().run(self._admitted(iter(tasks), finished), ended, control)

    def serial(self) -> AdmittingExecutor:
        """Return an executor with one worker."""
        return AdmittingExecutor(1, self.admission, told=self.told)

    def _admitted(self, tasks: Iterator[Task | None], finished: Finished) -> Iterator[Task | None]:
        """Yield the tasks that fit, smaller ones before one that has to wait; None where none fits now."""
        held: list[Task] = []
        passed, more = 0, True
        while more or held:
            if self._has_failed and self.stops_at_failure:
                return
            task, more = self._next(tasks, held, passed, more)
            if task is None:
                if more or held:
                    yield None
                continue
            passed = 0 if not held or held[0] is task else passed + 1
            if task in held:
                held.remove(task)
            refusal = self.admission.refusal(task.target)
            if refusal is not None:
                self._has_failed = True
                _refuse(task, refusal, finished)
                continue
            self.admission.begins(task.target)
            yield task

    def _next(
        self, tasks: Iterator[Task | None], held: list[Task], passed: int, more: bool
    ) -> tuple[Task | None, bool]:
        """Return the next task that may begin, and whether there may be further ones."""
        fits = self.admission.fits
        for task in held[:1] if passed >= _PASSES else held:
            if self.admission.refusal(task.target) is not None or fits(task.target):
                return task, more
        while more and len(held) < _WINDOW and passed < _PASSES:
            new = next(tasks, _END)
            if new is _END:
                return None, False
            if new is None:
                break
            if self.admission.refusal(new.target) is not None or fits(new.target):
                return new, more
            held.append(new)
        return None, more


_END: Any = object()


def _refuse(task: Task, error: DoesNotFitError, finished: Finished) -> None:
    """Have a task fail without being run."""
    from stpipe.executors.job import Job

    job = Job(task)
    with job.concerned():
        outcome = job.lost(error)
    outcome.traceback = f"DoesNotFitError: {error}\n"
    finished(task, outcome)
