"""Tasks in threads: for work that waits or lets go of the interpreter lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from stpipe.executors import Control, Finished, tell_to_stop
from stpipe.tasks import Outcome, Task, perform

__all__ = ["ThreadExecutor"]

_LOOK_EVERY = 0.02


class ThreadExecutor:
    """Does tasks in threads.

    Parameters
    ----------
    workers : int
        How many at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None

    def run(self, tasks: Iterable[Task | None], finished: Finished, control: Control) -> None:
        """Do them all; raise what ``control.turn`` raises, when those under way have ended."""
        under_way: dict[Future[Outcome], Task] = {}
        waiting = iter(tasks)
        try:
            more = True
            while more or under_way:
                more = more and self._fill(under_way, waiting, control)
                done = wait(under_way, _LOOK_EVERY, FIRST_COMPLETED).done if under_way else ()
                control.turn()
                for future in sorted(done, key=list(under_way).index):
                    finished(under_way.pop(future), _outcome(future))
                    future.result()  # raises what ends a process, such as SystemExit
        except BaseException as error:
            tell_to_stop(control, error)
            raise
        finally:
            for future in list(under_way):
                task = under_way.pop(future)
                finished(task, self._last_word(future, control))

    def _fill(self, under_way: dict[Future[Outcome], Task], waiting: Iterator[Task | None], control: Control) -> bool:
        """Submit as many tasks as there are and there is room for; whether there may be more."""
        pool = self._pool = self._pool or ThreadPoolExecutor(self._workers, thread_name_prefix="stpipe-run")
        while len(under_way) < self._workers:
            try:
                task = next(waiting)
            except StopIteration:
                return False
            if task is None:
                return True
            control.turn()
            under_way[pool.submit(copy_context().run, perform, task)] = task
        return True

    @staticmethod
    def _last_word(future: Future[Outcome], control: Control) -> Outcome:
        """Wait for a task of a run that is being stopped, and deliver its events."""
        while not future.done():
            wait([future], _LOOK_EVERY)
            control.stream.deliver_waiting()
        control.stream.deliver_waiting()
        return _outcome(future)

    def shutdown(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def serial(self) -> ThreadExecutor:
        """Return an executor with one thread."""
        return ThreadExecutor(1)


def _outcome(future: Future[Outcome]) -> Outcome:
    """Return the outcome of a task that has ended, also by what ends a process."""
    error = future.exception()
    return future.result() if error is None else Outcome("canceled", exception=error)
