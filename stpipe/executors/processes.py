"""Tasks in worker processes (running.md §2.5, R30-R35).

::

    if __name__ == "__main__":
        stpipe.run("calwebb_detector1", inventory, executor="processes", workers=4)

The run takes a task when a worker is free, sends it, passes on what the worker tells, and says what a worker that has
died cannot say itself. Tasks that cannot be sent are done in the process of the run, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from multiprocessing import current_process
from typing import Any

from stpipe.executors import Control, Finished
from stpipe.tasks import Task

__all__ = ["GUARD", "ProcessExecutor"]

GUARD = """\
a run with executor='processes' was started while a worker process imported the main script.
Put what the script does under a guard, so that it can be imported without running:

    if __name__ == "__main__":
        stpipe.run(..., executor="processes")
"""


class ProcessExecutor:
    """Does tasks in worker processes.

    Parameters
    ----------
    workers : int
        How many at once.

    Raises
    ------
    RuntimeError
        The main script is only being imported, by a worker: it has no guard.
    """

    in_processes = True

    def __init__(self, workers: int, *, told: set[Any] | None = None) -> None:
        if getattr(current_process(), "_inheriting", False):
            raise RuntimeError(GUARD)
        self.workers = workers
        self.told: set[Any] = set() if told is None else told

    def has_room(self, under_way: Sequence[Task]) -> bool:
        """Whether one more task can be taken; a subclass that minds memory asks more than how many there are.

        Parameters
        ----------
        under_way : sequence of Task
            Those that have been taken and are not finished.
        """
        return len(under_way) < self.workers

    def run(self, tasks: Iterable[Task | None], finished: Finished, control: Control) -> None:
        """Do them all; raise what ``control.turn`` raises, after those under way have been killed."""
        from stpipe.executors.process_round import ProcessRound

        ProcessRound(self, finished, control).run(iter(tasks))

    def serial(self) -> ProcessExecutor:
        """Return an executor with one worker, which warns of what this one has not."""
        return ProcessExecutor(1, told=self.told)

    def shutdown(self) -> None:
        """Nothing is held: workers have been given back."""
