"""One run of a batch through `stpipe.run`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stpipe.batch_book import BatchBook
from stpipe.batch_files import ExposureFiles, Leftovers
from stpipe.batch_report import BatchReport
from stpipe.executors.admission import Admission, AdmittingExecutor
from stpipe.run_status import CANCELED, FAILED

if TYPE_CHECKING:
    from stpipe.batch import Batch
    from stpipe.batch_inputs import BatchTarget
    from stpipe.batch_view import BatchView
    from stpipe.batch_work import BatchWork
    from stpipe.events import Event
    from stpipe.executors.manifest import Manifest
    from stpipe.runner import Runner

__all__ = ["BatchRun"]

log = logging.getLogger("stpipe.batch")


class BatchRun:
    """One run of a batch: what is told goes to the book, the view and the memory.

    Parameters
    ----------
    batch : Batch
        What is run.
    work : BatchWork
        The same as `stpipe.run` takes it.
    manifest : Manifest
        Of the folder.
    view : BatchView or None
        Shows how far it is.
    stop : callable or None
        Whether it is to stop.
    """

    def __init__(
        self, batch: Batch, work: BatchWork, manifest: Manifest, view: BatchView | None, stop: Callable[[], bool] | None
    ) -> None:
        self._batch = batch
        self._work = work
        self._view = view
        self._stop = stop
        self._by_name = {target.name: target for target in work.targets}
        self._leftovers = Leftovers(batch.folder)
        self._book: BatchBook = BatchBook(manifest, ExposureFiles(batch.folder), work.label)
        self._admission = Admission(lambda name: self._by_name[name].memory, batch.options.memory)
        work.book, work.told = self._book, self._ended

    def run(self, started: float) -> BatchReport:
        """Run it, and write down its end whatever happens."""
        self._leftovers.sweep()
        self._book.manifest.begin(self._header())
        if self._view is not None:
            self._view.begin(self._work.targets)
        try:
            runner = self._execute()
        finally:
            if self._view is not None:
                self._view.end()
            self._leftovers.sweep()
            self._book.files.close()
            self._compact()
        return self._report(runner, time.monotonic() - started)

    def _compact(self) -> None:
        try:
            self._book.manifest.compact()
        except OSError as error:  # it stays as it was appended to, which is as good
            log.warning("%s could not be written anew: %s", self._book.manifest.path, error.strerror)

    def _execute(self) -> Runner:
        from stpipe.runner import run

        workers = min(self._batch.options.workers(), len(self._work.targets))
        return run(
            self._work,
            executor=self._executor(workers),
            workers=workers,
            policy=self._batch.options.policy(),
            event_handler=self._on_event,
            output_handler=self._book.wrote,
            cancel_callback=self._stop,
            capture_output=True,
            keep_records=False,
        )

    def _executor(self, workers: int) -> Any:
        options = self._batch.options
        if options.dask is None:
            return AdmittingExecutor(workers, self._admission, stops_at_failure=options.fail_fast)
        from stpipe.executors.dask import DaskExecutor

        return DaskExecutor(options.dask, folder=options.dask_folder or self._batch.folder)

    def _header(self) -> dict[str, Any]:
        from stpipe.artifact_files import shown
        from stpipe.artifacts import _versions

        values = {name: value for name, value in self._batch.parameters.items() if name != "save_results"}
        return {
            "what": self._work.label,
            "class": f"{self._work.cls.__module__}.{self._work.cls.__qualname__}",
            "parameters": shown(values),
            "options": shown(vars(self._batch.options)),
            "exposures": len(self._work.targets),
            "folder": os.getcwd(),
            "pid": os.getpid(),
            "versions": _versions(),
        }

    def _on_event(self, event: Event) -> None:
        target = self._by_name.get(event.target or "")
        if target is None:
            return
        if event.parent_uuid is None:
            if self._batch.options.dask is not None and event.event.startswith("step_target_"):
                if event.event == "step_target_start" and event.pid != os.getpid():  # else it is up to date
                    self._book.begun(target)
            elif event.event == "step_target_start" and target.name in self._admission.under_way:
                self._admission.works_in(target.name, event.pid)
                self._book.begun(target)
            elif event.event == "step_target_retry" and event.pid == os.getpid():  # told for a worker that is gone
                self._admission.crashed(target.name)
            elif event.event == "target_open_error":
                self._book.unreadable(target, event.event_data["exception"]["message"])
                self._tell(target, "failed", event.event_data["exception"]["message"])
        if self._view is not None:
            self._view.event(event)

    def _ended(self, target: BatchTarget, status: str, result: Any) -> None:
        self._tell(target, status, str(result.exception or result.skip_reason or ""), result._outcome)

    def _tell(self, target: BatchTarget, status: str, reason: str, outcome: Any = None) -> None:
        if self._view is not None:
            self._view.ended(target, status, reason, outcome)

    def _report(self, runner: Runner, seconds: float) -> BatchReport:
        book = self._book
        rc = runner.rc if runner.rc is not None else FAILED
        return BatchReport(
            rc,
            len(self._work.targets),
            dict(book.counts),
            seconds,
            book.manifest.path,
            tuple(book.failures),
            tuple(book.stopped),
            book.rss_max,
            _own_error(runner),
        )


def _own_error(runner: Runner) -> BaseException | None:
    """Error that ended the run as a whole; those of exposures are told one by one."""
    error = runner.exception
    own = error is not None and runner.rc != CANCELED and not any(error is one for one in runner.failures.values())
    return error if own else None
