"""Many exposures on one machine: `Batch` runs a step on each, in worker processes (running.md §2.5, §8).

::

    from stpipe import Batch, BatchOptions

    if __name__ == "__main__":
        batch = Batch("calwebb_detector1", "raw/", BatchOptions(jobs="half", resume=True), output_dir="out")
        print(batch.run())

The work is done by `stpipe.run` with ``executor="processes"``. Beside it there are: a manifest, a log for each
exposure, a limit of memory, and a look at what is done already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import current_process
from typing import TYPE_CHECKING, Any

from stpipe.batch_book import DONE
from stpipe.batch_inputs import BatchTarget, batch_targets, biggest_first, refuse_same_products
from stpipe.batch_report import BatchReport, PlannedExposure
from stpipe.batch_work import BatchWork
from stpipe.exceptions import ParameterError
from stpipe.run_status import SUCCESSFUL

if TYPE_CHECKING:
    from stpipe.batch_view import BatchView
    from stpipe.executors.manifest import Manifest
    from stpipe.policy import Policy

__all__ = ["Batch", "BatchOptions", "BatchReport", "PlannedExposure"]

_NOT_AGAIN = ("ParameterError", "ValidationError", "InputError", "NotBuiltError", "DoesNotFitError")
_UNFINISHED = ("failed", "canceled", "running")


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run.

    Attributes
    ----------
    jobs : int or str
        Exposures at once: a number, ``quarter``, ``half`` or ``all`` of the cores.
    memory : int or None
        Bytes that all together may take; None: what is free.
    timeout : float or None
        Seconds for one attempt at an exposure.
    retries : int or None
        Further attempts at an exposure after any error but those of input and parameters. None: one more, only where
        its worker process has died.
    resume : bool
        Leave out what is done and has not changed: input, parameters, references, versions and products.
    retry_failed : bool
        Take only those that the manifest has as failed or stopped.
    fail_fast : bool
        Begin nothing more once one has failed.
    in_order : bool
        Keep the order of the inputs, instead of the biggest first.
    pattern : str or None
        What is taken of a folder.
    dask : str, distributed.Client, cluster object or None
        Cluster that does the work, instead of processes of this machine; ``jobs`` and ``memory`` are its own affair.
    dask_folder : str or None
        Where models and messages go through, which all dask workers see; None: the output folder.
    """

    jobs: int | str = "half"
    memory: int | None = None
    timeout: float | None = None
    retries: int | None = None
    resume: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    in_order: bool = False
    pattern: str | None = None
    dask: Any = None
    dask_folder: str | None = None

    def policy(self) -> Policy:
        """Rules for each exposure."""
        from stpipe.policy import Policy

        again: dict[str, Any] = {"retries": 1, "retry_on": "WorkerCrashed"}
        if self.retries is not None:
            again = {"retries": self.retries, "stop_on": _NOT_AGAIN}
        return Policy(timeout=self.timeout, fail_percent=0.0 if self.fail_fast else None, **again)

    def workers(self) -> int:
        """Number of processes.

        Raises
        ------
        ParameterError
            ``jobs`` is none of what it can be.
        """
        from stpipe.parallel import available_cores

        cores = available_cores()
        named = {"quarter": cores // 4, "half": cores // 2, "all": cores}
        try:
            number = named[self.jobs] if self.jobs in named else int(self.jobs)
        except (ValueError, TypeError):
            raise ParameterError(f"jobs is a number, quarter, half or all, not {self.jobs!r}") from None
        if number < 1 and self.jobs not in named:
            raise ParameterError(f"jobs has to be at least 1, not {self.jobs}")
        return max(1, number)


@dataclass
class Batch:
    """A step on many exposures.

    Parameters
    ----------
    what : str or type
        Alias, class path, or Step class.
    inputs : path, Inventory, or sequence of these
        Files, globs, folders, associations, lists; None with ``retry_failed``: those of the manifest.
    options : BatchOptions
        How.
    config_file : str, optional
        Parameter file.
    **parameters
        Of the step, ``steps`` included. Products are saved unless ``save_results`` is False.

    Raises
    ------
    StepNotFoundError
        There is no such step.
    """

    what: Any
    inputs: Any
    options: BatchOptions
    parameters: dict[str, Any] = field(default_factory=dict)

    def __init__(self, what: Any, inputs: Any = None, options: BatchOptions | None = None, **parameters: Any) -> None:
        self.what = _step_class(what)
        self.inputs = inputs
        self.options = options or BatchOptions()
        self.parameters = {"save_results": True, **parameters}

    @property
    def _label(self) -> str:
        return str(self.what.class_alias or self.what.__name__)

    @property
    def folder(self) -> str:
        """Folder of products, manifest and logs: ``output_dir``, or the current one."""
        given = self.parameters.get("output_dir")
        return os.path.abspath(os.path.expandvars(os.path.expanduser(str(given)))) if given else os.getcwd()

    def targets(self, manifest: Manifest | None = None) -> list[BatchTarget]:
        """Find the exposures, in the order in which they are begun.

        Raises
        ------
        InputError
            There are none, or one that is named is not there.
        """
        unfinished = manifest.with_status(self._label, *_UNFINISHED) if manifest is not None else []
        if self.options.retry_failed and self.inputs in (None, [], ()):
            found = [BatchTarget(one.name, one.path) for one in _named(unfinished)]
        else:
            folder = self.parameters.get("input_dir")
            found = batch_targets(self.inputs or (), pattern=self.options.pattern, folder=folder)
            if self.options.retry_failed:
                wanted = set(unfinished)
                found = [one for one in found if one.path in wanted]
        return found if self.options.in_order else biggest_first(found)

    def preview(self) -> list[PlannedExposure]:
        """Find out what would be done; nothing is run or written.

        Raises
        ------
        InputError, ParameterError
            As `run` would tell.
        """
        from stpipe.references import reference_session

        manifest = _read_only(self.folder) if self.options.resume or self.options.retry_failed else None
        targets = self.targets(manifest)
        work = BatchWork(self.what, targets, self.parameters, manifest if self.options.resume else None)
        with reference_session():
            self._check(work)
            return [_planned(work, target) for target in targets]

    def run(self, view: BatchView | None = None, *, stop: Callable[[], bool] | None = None) -> BatchReport:
        """Run it.

        Parameters
        ----------
        view : BatchView, optional
            Shows how far it is.
        stop : callable, optional
            ``stop() -> bool``, asked several times a second; True stops it: what is under way is killed.

        Returns
        -------
        BatchReport
            With the exit code; exposures that fail do not raise.

        Raises
        ------
        InputError, ParameterError, ManifestInUse
            Nothing was run: an input is not there, two exposures would have the same product, a parameter is wrong, or
            another batch is at work in the folder.
        KeyboardInterrupt
            It was interrupted, and ``stop`` did not take care of that; all is written down before.
        """
        from stpipe.batch_run import BatchRun
        from stpipe.executors.manifest import Manifest

        started = time.monotonic()
        manifest = Manifest(self.folder)
        try:
            targets = self.targets(manifest)
            if not self.options.resume or any(manifest.status(self._label, one.path) not in DONE for one in targets):
                self._warm_up(len(targets))
            if not targets:  # retry_failed, and nothing has failed
                return BatchReport(SUCCESSFUL, 0, {}, time.monotonic() - started, manifest.path)
            work = BatchWork(self.what, targets, self.parameters, manifest if self.options.resume else None)
            self._check(work)
            return BatchRun(self, work, manifest, view, stop).run(started)
        finally:
            manifest.close()

    def _warm_up(self, most: int) -> None:
        """Start worker processes, which import what they need while this one looks at the inputs."""
        from stpipe.executors.pool import pool
        from stpipe.executors.preloading import modules_of
        from stpipe.executors.surroundings import Surroundings
        from stpipe.executors.worker import in_worker
        from stpipe.tasks import StepWork

        if (
            self.options.dask is not None
            or in_worker()
            or current_process().daemon
            or getattr(current_process(), "_inheriting", False)
        ):
            return
        modules = modules_of(StepWork(self.what, ""))
        references = Surroundings.now().references()
        pool.release([pool.acquire(references, modules) for _ in range(min(most, self.options.workers()))])

    def _check(self, work: BatchWork) -> None:
        """Refuse wrong parameters, and two products of one name."""
        from stpipe.references import reference_session

        if not work.targets:
            return
        with reference_session():
            step = work.first_step()
            if step.save_results:
                one_name = bool(step.output_file)
                refuse_same_products(
                    work.targets,
                    lambda target: "" if one_name else _base(step, target.path),
                    lambda target: work.prepare(target).planned_outputs,
                )


def _base(step: Any, path: str) -> str:
    """What the name of a product starts with."""
    stem = os.path.basename(path).removesuffix(".gz")
    return str(step.remove_suffix(os.path.splitext(stem)[0])[0])


def _step_class(what: Any) -> Any:
    from stpipe.cli.step_class import find_class

    return find_class(what)[0] if isinstance(what, str) else what


def _named(paths: list[str]) -> list[BatchTarget]:
    return batch_targets(paths) if paths else []


def _read_only(folder: str) -> Any:
    """Manifest of a folder for a look; None where there is none."""
    from stpipe.executors.manifest import ReadManifest

    with suppress(FileNotFoundError):
        return ReadManifest(folder)
    return None


def _planned(work: BatchWork, target: BatchTarget) -> PlannedExposure:
    result = work.prepare(target)
    if result.planned_error is not None:
        return PlannedExposure(target.name, target.path, "fail", (), str(result.planned_error))
    if result.is_done or result.planned_skip:
        return PlannedExposure(target.name, target.path, "up to date", tuple(result.planned_outputs), result.reason)
    return PlannedExposure(target.name, target.path, "run", tuple(result.planned_outputs))
