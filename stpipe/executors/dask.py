"""Tasks on a cluster of `dask.distributed <https://distributed.dask.org>`__, of one machine or of many.

::

    client = distributed.Client("tcp://head:8786")
    stpipe.run("calwebb_detector1", inventory, executor=client, save_results=True, output_dir="/shared/out")

What is done, told and saved is what ``executor="processes"`` does. Each thread of a dask worker does one task at a
time, in a process of its own. Models that are not saved, and large messages, go through a private folder which the
run and all workers have to see: in the output folder, unless another is given.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

from stpipe.exceptions import RunError
from stpipe.executors import Control, Finished
from stpipe.executors.processes import ProcessExecutor
from stpipe.tasks import Task

__all__ = ["DaskExecutor", "connect", "from_command_line"]

_CONNECT_SECONDS = 10.0


class DaskExecutor(ProcessExecutor):
    """Does tasks on a dask cluster.

    Parameters
    ----------
    cluster : str, distributed.Client or cluster object
        Address of a scheduler, a client, or an object such as ``LocalCluster`` or ``SLURMCluster``.
    folder : str, optional
        Where models and messages go through; the run and all workers have to see it. By default the output folder of
        the first task, or the current one.
    most : int, optional
        How many tasks at once; by default as many as the workers have threads, and a few more.

    Raises
    ------
    ImportError
        ``distributed`` is not installed.
    ValueError
        The client is asynchronous.
    """

    def __init__(
        self,
        cluster: Any,
        *,
        folder: str | os.PathLike[str] | None = None,
        most: int | None = None,
        told: set[Any] | None = None,
    ) -> None:
        if find_spec("distributed") is None:
            raise ImportError("dask.distributed is not installed; pip install 'jwst-stpipe[dask]'")
        super().__init__(most or 0, told=told)
        self._cluster = cluster
        self._folder = None if folder is None else os.path.abspath(os.path.expanduser(folder))
        self._most = most
        self._crew: Any = None
        self._client: Any = cluster if _is_client(cluster) else None
        if self._client is not None and self._client.asynchronous:
            raise ValueError("a dask Client with asynchronous=True cannot be an executor; give an ordinary one")

    @property
    def client(self) -> Any:
        """The client; the first use connects.

        Raises
        ------
        RunError
            There is no scheduler at the address.
        """
        if self._client is None:
            from distributed import Client

            from stpipe.executors.dask_crew import apart

            try:
                self._client = apart(Client, self._cluster, timeout=_CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError) as error:
                raise RunError(f"there is no dask scheduler at {self._cluster} ({error})") from error
        return self._client

    def has_room(self, under_way: Sequence[Task]) -> bool:
        """Whether one more task can be sent: as many as there are threads, and a few that wait for one."""
        if self._most is not None:
            return len(under_way) < self._most
        threads = self._crew.threads if self._crew is not None else 0
        return len(under_way) <= threads + threads // 8

    def run(self, tasks: Iterable[Task | None], finished: Finished, control: Control) -> None:
        """Do them all; raise what ``control.turn`` raises, after those under way have been stopped.

        Raises
        ------
        RunError
            The scheduler is gone, or a worker cannot see the folder of the run.
        """
        from stpipe.executors.dask_crew import DaskCrew
        from stpipe.executors.process_round import ProcessRound

        self._crew = crew = DaskCrew(self.client, self._folder)
        try:
            ProcessRound(self, finished, control, crew=crew).run(iter(tasks))
        finally:
            self._crew = None
            crew.close()

    def serial(self) -> DaskExecutor:
        """Return an executor with one task at a time, on the same cluster."""
        return DaskExecutor(self.client, folder=self._folder, most=1, told=self.told)

    def shutdown(self) -> None:
        """Close the connection, if it was made here; another run connects again."""
        if self._client is not None and self._client is not self._cluster:
            self._client.close()
            self._client = None


def connect(address: Any, *, folder: str | os.PathLike[str] | None = None) -> DaskExecutor:
    """Return an executor for the dask cluster at an address; that there is one is seen at once.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://head:8786``; a client or a cluster object will do, too.
    folder : str, optional
        Where models and messages go through; the run and all workers have to see it.

    Raises
    ------
    ImportError
        ``distributed`` is not installed.
    RunError
        There is no scheduler.
    """
    executor = DaskExecutor(address, folder=folder)
    _ = executor.client
    return executor


def from_command_line(address: str, folder: str | None = None) -> DaskExecutor:
    """Return an executor for the options ``--dask`` and ``--dask-folder``; as `connect`.

    Raises
    ------
    ValueError
        The text is no address.
    ImportError, RunError
        As `connect`.
    """
    if "://" not in address:
        raise ValueError(f"--dask wants the address of a scheduler, as tcp://head:8786, not {address!r}")
    return connect(address, folder=folder)


def _is_client(value: Any) -> bool:
    return any(one.__name__ == "Client" and one.__module__.startswith("distributed.") for one in type(value).__mro__)
