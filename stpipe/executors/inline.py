"""Tasks one after the other, in the thread of the run."""

from __future__ import annotations

from collections.abc import Iterable

from stpipe.executors import Control, Finished
from stpipe.tasks import Task, perform

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Does each task where it is."""

    def run(self, tasks: Iterable[Task | None], finished: Finished, control: Control) -> None:
        """Do them all; raise what ``control.turn`` raises."""
        for task in tasks:
            control.turn()
            if task is not None:
                finished(task, perform(task))
        control.turn()

    def shutdown(self) -> None:
        """Nothing is held."""

    def serial(self) -> InlineExecutor:
        """Return itself."""
        return self
