"""Where the tasks of a run are done: in the thread of the run, in threads, in processes (running.md §2.5).

An executor has one method, ``run(tasks, finished, control)``. It takes tasks from the iterable as it has room for
them, does them with `stpipe.tasks.perform`, and calls ``finished(task, outcome)`` for each as it ends, on the thread
that called ``run``. Between, it calls ``control.turn()``, which delivers events of other threads and raises where the
run has been told to stop; tasks under way are then waited for or killed, and reported as ``canceled``. The iterable may
give None: there is no task at the moment, but there may be one later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from stpipe.exceptions import CanceledError
from stpipe.tasks import Outcome, Task

__all__ = ["EXECUTORS", "Control", "Executor", "Finished", "find_executor", "is_dask", "tell_to_stop"]

EXECUTORS = ("inline", "threads", "processes")

Finished = Callable[[Task, Outcome], None]


class Control(Protocol):
    """What an executor needs of the run."""

    @property
    def stream(self) -> Any:
        """The `stpipe.run_stream.RunStream`."""

    @property
    def token(self) -> Any:
        """The `stpipe.cancel.CancelToken`."""

    def turn(self) -> None:
        """Deliver events that wait; raise if the run has been told to stop."""


class Executor(Protocol):
    """Does tasks."""

    def run(self, tasks: Iterable[Task | None], finished: Finished, control: Control) -> None:
        """Do them all; raise what ``control.turn`` raises."""

    def serial(self) -> Executor:
        """Return an executor of its kind that does one task at a time."""

    def shutdown(self) -> None:
        """Give back what is held."""


def find_executor(executor: Any, workers: int) -> Executor:
    """Return the executor of a name; one that is given as an object comes back.

    Parameters
    ----------
    executor : str or Executor
        ``inline``, ``threads``, ``processes``, the address of a dask scheduler, a dask client or cluster, or an object
        with ``run`` and ``shutdown``.
    workers : int
        How many tasks at once.

    Raises
    ------
    ValueError
        There is none of that name.
    ImportError
        It needs dask, which is not installed.
    """
    if executor == "inline":
        from stpipe.executors.inline import InlineExecutor

        return InlineExecutor()
    if executor == "threads":
        from stpipe.executors.threads import ThreadExecutor

        return ThreadExecutor(workers)
    if executor == "processes":
        from stpipe.executors.processes import ProcessExecutor

        return ProcessExecutor(workers)
    if is_dask(executor):
        from stpipe.executors.dask import DaskExecutor

        return DaskExecutor(executor)
    if callable(getattr(executor, "run", None)) and callable(getattr(executor, "shutdown", None)):
        return executor
    raise ValueError(f"executor can be {', '.join(EXECUTORS)} or a dask client, not {executor!r}")


def is_dask(executor: Any) -> bool:
    """Whether an executor is a dask client or cluster, or the address of one; dask is not imported to know that."""
    if isinstance(executor, str):
        return "://" in executor
    kinds = ((one.__name__, one.__module__) for one in type(executor).__mro__)
    return any(name in ("Client", "Cluster") and of.startswith("distributed.") for name, of in kinds)


def tell_to_stop(control: Control, error: BaseException) -> None:
    """Have the tasks under way stop at their next checkpoint; for an executor whose ``run`` ends with an error.

    Parameters
    ----------
    control : Control
        Of the run; where it has been told to stop already, nothing is done.
    error : BaseException
        Why it ends.
    """
    if control.token is not None and control.token.look() is None:
        why = "was interrupted" if isinstance(error, KeyboardInterrupt) else f"was ended by {type(error).__name__}"
        control.token.cancel(CanceledError(f"the run {why}"))
