"""The loop of one entry in worker processes: who does what, what they tell, who is late, who is gone."""

from __future__ import annotations

import logging
import pickle
import signal
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import CanceledError, RunError, WorkerCrashed
from stpipe.executors import Control, Finished, tell_to_stop
from stpipe.executors.crew import Crew, LocalCrew
from stpipe.executors.errors import load_error
from stpipe.executors.job import Job
from stpipe.executors.order import Answer
from stpipe.executors.packing import Tokens
from stpipe.executors.pool import Worker
from stpipe.executors.sending import make_order
from stpipe.executors.stored import PrivateFolder, at_hand
from stpipe.references import current_session
from stpipe.tasks import Outcome, Task, perform

if TYPE_CHECKING:
    from stpipe.executors.processes import ProcessExecutor

__all__ = ["ProcessRound"]

log = logging.getLogger("stpipe.run")

_LOOK_EVERY = 0.05
_MOST_LOSSES = 3
_NO_START = """\
a worker process {end} while it started; what it wrote is on the error output.
If the main script starts a run when it is imported, put that under a guard:

    if __name__ == "__main__":
        stpipe.run(..., executor="processes")
"""


class ProcessRound:
    """One call of ``run`` of a `ProcessExecutor`.

    Parameters
    ----------
    executor : ProcessExecutor
        How many workers, and what the user has been told.
    finished, control
        As `stpipe.executors.Executor.run`.
    crew : Crew, optional
        Has the workers; by default those of this machine.
    """

    def __init__(
        self, executor: ProcessExecutor, finished: Finished, control: Control, *, crew: Crew | None = None
    ) -> None:
        self._executor = executor
        self._finished = finished
        self._control = control
        self._crew: Crew = crew or LocalCrew()
        self._private: PrivateFolder | None = None
        self._shared: Tokens = {}
        self._free: list[Worker] = []
        self._busy: dict[Worker, Job] = {}
        self._paused: list[tuple[float, Job]] = []
        self._here: tuple[Job, Future[Outcome]] | None = None
        self._held: deque[Job] = deque()
        self._threads: ThreadPoolExecutor | None = None
        self._refusal = self._crew.refusal

    def run(self, tasks: Iterator[Task | None]) -> None:
        """Do them all."""
        try:
            more = True
            while more or self._jobs:
                more = self._fill(tasks) if more else False
                self._resume()
                self._listen()
                self._control.turn()
                self._look_after()
            self._control.turn()
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self._crew.release(self._free)
            for worker in self._busy:  # only where the clean-up itself was interrupted
                worker.signal(signal.SIGKILL)
                worker.close()
            if self._threads is not None:
                self._threads.shutdown()

    @property
    def _jobs(self) -> list[Job]:
        here = [] if self._here is None else [self._here[0]]
        return [*self._busy.values(), *(job for _, job in self._paused), *here, *self._held]

    def _fill(self, tasks: Iterator[Task | None]) -> bool:
        """Take as many tasks as there is room for; whether there may be more."""
        while self._executor.has_room([job.task for job in self._jobs]):
            try:
                task = next(tasks)
            except StopIteration:
                return False
            if task is None:
                return True
            self._control.turn()
            self._begin(Job(task))
        return True

    def _begin(self, job: Job) -> None:
        """Send a job to a worker, or keep it here where that cannot be."""
        self._private = self._private or self._crew.folder(job)
        try:
            order = make_order(job, self._private, self._shared, self._control)
        except Exception as error:
            self._do_here(job, f"{type(error).__name__}: {error}")
            return
        if self._refusal is not None:
            self._do_here(job, self._refusal)
            return
        worker = self._worker_for(job)
        self._busy[worker] = job
        job.has_begun = False
        job.order = order
        if worker.is_ready:
            self._send(worker, job)

    def _drop_dead(self) -> None:
        for worker in [one for one in self._free if one.is_dead]:
            self._free.remove(worker)
            worker.close()

    def _worker_for(self, job: Job) -> Worker:
        self._drop_dead()
        return self._free.pop() if self._free else self._crew.acquire(job)

    def _send(self, worker: Worker, job: Job) -> None:
        if job.order is None:
            return
        try:
            worker.inbox.send(pickle.dumps(job.order, pickle.HIGHEST_PROTOCOL), self._control.turn)
        except OSError:
            return  # it is gone, which is noticed next
        job.order = None

    def _do_here(self, job: Job, reason: str) -> None:
        """Do a job in this process, after the one that is done here now."""
        if self._is_first("here"):
            log.warning(
                "%s: %s cannot be sent to a worker process (%s); such tasks are done in this process, one at a time.",
                job.task.target, job.task.work.label, reason,
            )  # fmt: skip
        if self._here is not None:
            self._held.append(job)
            return
        self._threads = self._threads or ThreadPoolExecutor(1, thread_name_prefix="stpipe-run")
        task = replace(job.task, args=tuple(map(at_hand, job.task.args)))
        self._here = (job, self._threads.submit(copy_context().run, perform, task))

    def _resume(self) -> None:
        """Send the jobs whose pause is over."""
        now = time.monotonic()
        due = [pair for pair in self._paused if pair[0] <= now]
        self._paused = [pair for pair in self._paused if pair[0] > now]
        for _, job in due:
            self._begin(job)

    def _listen(self) -> None:
        """Wait for news and take it."""
        self._drop_dead()
        workers = (*self._busy, *self._free)
        seconds = min((due - time.monotonic() for due in self._dues()), default=_LOOK_EVERY)
        waitables = dict.fromkeys(one for worker in workers for one in worker.waitables)
        ready = wait(list(waitables), max(0.0, min(seconds, _LOOK_EVERY)))
        for worker in list(self._busy):
            if any(one in ready for one in worker.waitables):
                self._take(worker, worker.inbox.read())
        if self._here is not None and self._here[1].done():
            self._take_here()

    def _dues(self) -> Iterator[float]:
        yield from (job.deadline for job in self._busy.values() if job.deadline is not None)
        yield from (due for due, _ in self._paused)
        if self._here is not None:
            yield time.monotonic() + 0.02

    def _take_here(self) -> None:
        """Finish the job that was done here, and begin with the next."""
        assert self._here is not None
        (job, future), self._here = self._here, None
        self._finished(job.task, future.result())
        if self._held:
            self._do_here(self._held.popleft(), "")

    def _take(self, worker: Worker, messages: list[tuple[Any, ...]]) -> None:
        """Take over what a worker tells."""
        job = self._busy[worker]
        with job.concerned():
            for name, *details in messages:
                _MESSAGES[name](self, worker, job, *details)

    def _ready(self, worker: Worker, job: Job) -> None:
        worker.is_ready = True
        self._send(worker, job)

    def _event(self, worker: Worker, job: Job, fields: dict[str, Any]) -> None:
        job.event(fields)
        self._control.stream.relay(fields)

    def _once(self, worker: Worker, job: Job, key: str, logger: str, text: str) -> None:
        """Warn of something once in the run."""
        if self._is_first(key):
            logging.getLogger(logger).warning("%s", text)

    def _is_first(self, key: str) -> bool:
        """Whether the user has not been told of this in this run."""
        told = (self._control.stream.run_ident, key)
        first = told not in self._executor.told
        self._executor.told.add(told)
        return first

    def _answer(self, worker: Worker, job: Job, answer: Answer) -> None:
        self._let_go(worker)
        self._complete(job, self._outcome(job, answer))

    def _outcome(self, job: Job, answer: Answer) -> Outcome:
        assert self._private is not None
        try:
            return job.answered(answer, self._private)
        except Exception as error:  # a class of the result that only the worker could import
            return job.lost(RunError(f"the result of {job.task.work.label} cannot be read here: {error}"))

    def _contexts(self, worker: Worker, job: Job, contexts: dict[str, str]) -> None:
        """Take over the reference contexts that a worker has bound; those of the run stay."""
        session = current_session()
        if session is not None:
            session.contexts.update({**contexts, **session.contexts})

    def _unloadable(self, worker: Worker, job: Job, reason: str) -> None:
        self._let_go(worker)
        self._do_here(job, reason)

    def _unable(self, worker: Worker, job: Job, packed: Any) -> None:
        """Fail a job that a worker has found it cannot do, or try it again."""
        self._let_go(worker)
        self._lost(job, load_error(packed, ""))

    def _died(self, worker: Worker, job: Job, kind: str, message: str, traceback: str) -> None:
        """Take an error that ends a process, such as SystemExit, like the death of the worker."""
        self._let_go(worker)
        error = WorkerCrashed(f"{job.task.work.label} raised {kind}: {message}".rstrip(": "))
        self._lost(job, error, traceback)

    def _let_go(self, worker: Worker) -> None:
        del self._busy[worker]
        self._free.append(worker)

    def _complete(self, job: Job, outcome: Outcome) -> None:
        if job.packer is not None:
            job.packer.remove_sent()
        self._finished(job.task, outcome)

    def _lost(self, job: Job, error: Any, traceback: str = "") -> None:
        """Try a job again whose worker is gone, if its policy says so, or fail it; one that was done is done."""
        answer = job.last_answer()
        if answer is not None:
            self._complete(job, self._outcome(job, answer))
            return
        with job.concerned():
            pause = job.again(error)
            if pause is not None:
                self._paused.append((time.monotonic() + pause, job))
                return
            outcome = job.lost(error)
            outcome.traceback = traceback or outcome.traceback
        self._complete(job, outcome)

    def _look_after(self) -> None:
        """Kill those that are late; notice those that are gone."""
        now = time.monotonic()
        for worker, job in list(self._busy.items()):
            if job.deadline is not None and now > job.deadline:
                if self._stopped(worker):
                    self._lost(job, job.late())
            elif worker.is_dead and self._stopped(worker):
                self._gone(worker, job)

    def _stopped(self, worker: Worker) -> bool:
        """Stop a worker and take its last words; whether its job is still not done."""
        job = self._busy[worker]
        self._crew.stop([worker])
        self._take(worker, worker.inbox.read_all())
        worker.close()
        if self._busy.get(worker) is not job:
            self._free.remove(worker)
            return False
        job.tidy()
        del self._busy[worker]
        return True

    def _gone(self, worker: Worker, job: Job) -> None:
        """Deal with a worker that has died by itself."""
        if job.has_begun:
            self._lost(job, WorkerCrashed(f"the worker process of {job.task.work.label} {worker.end}"))
            return
        job.losses += 1
        again = isinstance(getattr(worker, "failure", None), EOFError | OSError) and job.losses < _MOST_LOSSES
        if not worker.is_ready and worker.could_not_start and not again:
            raise RuntimeError(_NO_START.format(end=worker.end))
        if job.losses >= _MOST_LOSSES:
            self._lost(
                job, WorkerCrashed(f"worker processes that were sent {job.task.work.label} died: it {worker.end}")
            )
        else:
            self._begin(job)

    def _abandon(self, error: BaseException) -> None:
        """Kill the workers that are busy and report what they were doing as canceled."""
        why = error if isinstance(error, Exception) else CanceledError("the run was interrupted")
        tell_to_stop(self._control, error)
        for job in self._busy.values():
            job.order = None  # for those whose worker is not ready yet
        self._crew.stop(list(self._busy))
        for worker, job in list(self._busy.items()):
            self._take(worker, worker.inbox.read_all())
            if self._busy.pop(worker, None) is not None:
                job.tidy()
                self._cancel(job, why)
            else:
                self._free.remove(worker)
            worker.close()
        for job in (*(job for _, job in self._paused), *self._held):
            self._cancel(job, why)
        self._paused, self._held = [], deque()
        if self._here is not None:
            self._end_here()

    def _cancel(self, job: Job, why: Exception) -> None:
        answer = job.last_answer()
        if answer is not None:
            self._complete(job, self._outcome(job, answer))
            return
        with job.concerned():
            outcome = job.lost(why, canceled=True)
        self._complete(job, outcome)

    def _end_here(self) -> None:
        """Wait until the job that is done here has stopped."""
        assert self._here is not None
        (job, future), self._here = self._here, None
        while not future.done():
            self._control.stream.deliver_waiting()
            time.sleep(0.01)
        self._control.stream.deliver_waiting()
        self._finished(job.task, future.result())


_MESSAGES: dict[str, Any] = {
    "ready": ProcessRound._ready,
    "begins": lambda self, worker, job, count: job.begins(count),
    "result": lambda self, worker, job, *result: job.result(*result),
    "ends": lambda self, worker, job: job.ends(),
    "event": ProcessRound._event,
    "record": lambda self, worker, job, values: job.log(values),
    "text": lambda self, worker, job, text, error: job.write(text, error=error),
    "fact": lambda self, worker, job, *fact: job.fact(*fact),
    "once": ProcessRound._once,
    "contexts": ProcessRound._contexts,
    "writes": lambda self, worker, job, folder, begins: job.writes(folder, begins=begins),
    "unloadable": ProcessRound._unloadable,
    "unable": ProcessRound._unable,
    "died": ProcessRound._died,
    "answer": ProcessRound._answer,
}
