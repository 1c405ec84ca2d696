"""Where a round of tasks gets its workers from: the processes of this machine, unless an executor has others."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing import current_process
from typing import Any, Protocol

from stpipe.executors.job import Job
from stpipe.executors.pool import pool, stop
from stpipe.executors.preloading import modules_of
from stpipe.executors.stored import PrivateFolder
from stpipe.executors.surroundings import Surroundings
from stpipe.executors.worker import in_worker

__all__ = ["Crew", "LocalCrew"]


class Crew(Protocol):
    """Workers, each with the attributes of `stpipe.executors.pool.Worker`."""

    @property
    def refusal(self) -> str | None:
        """Why there can be none here, or None."""

    def folder(self, job: Job) -> PrivateFolder:
        """Return the folder for models of a round, which begins with this job."""

    def acquire(self, job: Job) -> Any:
        """Return a worker for a job."""

    def release(self, workers: Sequence[Any]) -> None:
        """Take back workers that have nothing to do."""

    def stop(self, workers: Sequence[Any]) -> None:
        """Stop workers in the middle of what they do, and wait until they have."""


class LocalCrew:
    """The processes of this machine."""

    @property
    def refusal(self) -> str | None:
        """Why there can be none here, or None."""
        none = in_worker() or bool(current_process().daemon)
        return "this process may not have worker processes" if none else None

    def folder(self, job: Job) -> PrivateFolder:
        """Return a new folder for models."""
        return PrivateFolder()

    def acquire(self, job: Job) -> Any:
        """Return a worker of the pool."""
        return pool.acquire(Surroundings.now().references(), modules_of(job.task.work))

    def release(self, workers: Sequence[Any]) -> None:
        """Give workers back to the pool."""
        pool.release(workers)

    def stop(self, workers: Sequence[Any]) -> None:
        """Stop workers; they clean up or are killed."""
        stop(workers)
