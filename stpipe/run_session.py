"""One run from its first status to its last: who is told what, in which order (running.md R5, R15-R20)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from stpipe.attempts import attempting, enclosing
from stpipe.cancel import CancelToken, active_token, cancellable
from stpipe.events import Event, deliver_to_callback, describe_exception, listening, targeting
from stpipe.exceptions import RunError
from stpipe.run_loop import RunEntry, RunLoop, stopped_by
from stpipe.run_output import RunOutput
from stpipe.run_stats import RunStats
from stpipe.run_status import CANCELED, FAILED, NOT_FOUND, SUCCESSFUL, WRONG, Status
from stpipe.run_stream import EventLog, RunStream

if TYPE_CHECKING:
    from stpipe.run_request import RunRequest
    from stpipe.runner import Runner

__all__ = ["RunSession"]

log = logging.getLogger("stpipe.run")

_POLL_EVERY = 0.05
_MOST_POLL_ERRORS = 10
_WITH_RESULT = ("ok", "skipped", "ignored")


class RunSession:
    """What a `Runner` keeps and does.

    Parameters
    ----------
    runner : Runner
        The handle.
    request : RunRequest
        What is asked for.

    Attributes
    ----------
    stream, log, stats, output, token
        Events and their store, counts, output, and the token that stops the run.
    failed : dict of str to BaseException
        Targets that have failed.
    folder : str or None
        Artifacts.
    """

    def __init__(self, runner: Runner, request: RunRequest) -> None:
        self.runner = runner
        self.request = request
        self.artifacts = self._open_artifacts()
        self.folder = self.artifacts.folder if self.artifacts is not None else None
        self.output = RunOutput(self.folder, keep=request.keep_records, handler=request.output_handler)
        self.stream = RunStream(runner.ident, self.output.stdout.take_new)
        self.log = EventLog()
        self.stats = RunStats()
        poll = _Poll(request.cancel_callback, self.stream) if request.cancel_callback is not None else None
        self.token = CancelToken(poll=poll, outer=active_token())
        self._interrupt: BaseException | None = None
        self.failed: dict[str, BaseException] = {}
        self.entries: list[RunEntry] = []
        self.targets: list[Any] = []
        rules = [getattr(request.what, "policy", None), request.policy]
        self._fatal = any(getattr(one, "handler_errors", None) == "fatal" for one in rules)

    def _open_artifacts(self) -> Any:
        folder = self.request.setting("artifacts_dir")
        if folder is None:
            return None
        from stpipe.artifacts import Artifacts

        return Artifacts(folder, self.runner, self.request)

    def execute(self) -> None:
        """Run; a final status is always reached."""
        status, rc = Status.FAILED, FAILED
        self.stream.own()
        self.log.owner = threading.get_ident()
        try:
            with ExitStack() as stack:
                stack.enter_context(_apart())
                self._subscribe()
                self._announce(Status.STARTING)
                try:
                    status, rc = self._start_and_run(stack)
                except Exception as error:  # of the engine itself: told like any other failure
                    log.exception("The run %s failed", self.runner.ident)
                    self.runner.exception = error
                except BaseException as error:
                    self._interrupt = self.runner.exception = error
                    status = Status(stopped_by(error))
                    rc = CANCELED if status is Status.CANCELED else FAILED
                self._guarded(self._emit_stats, "run_stats")
            self._end(status, rc)
        finally:
            self._close(status, rc)
        if self._interrupt is not None:
            raise self._interrupt

    def _start_and_run(self, stack: ExitStack) -> tuple[Status, int]:
        from stpipe.run_what import resolve

        if self.request.project is not None and self.request.project.settings.get("no_cache"):
            from stpipe import caches

            stack.enter_context(caches.unused())
        try:
            self.entries, self.targets = resolve(self.request)
        except Exception as error:
            return self._refused(error)
        self._enter_contexts(stack)
        self._announce(Status.RUNNING)
        self.stream.emit("run_start", event_data={"what": self.request.title, "targets": len(self.targets)})
        return self._run_loop()

    def _enter_contexts(self, stack: ExitStack) -> None:
        """Put in force what all steps of the run share."""
        from stpipe.facts import storing
        from stpipe.references import reference_session

        timeout = self.request.setting("timeout")
        if timeout is not None:
            self.token.limit(timeout)
        references = stack.enter_context(reference_session())
        if self.artifacts is not None:
            self.artifacts.contexts = references.contexts
        stack.enter_context(listening(stream=self.stream))
        stack.enter_context(cancellable(self.token))
        stack.enter_context(storing(self.runner.store_fact))
        stack.enter_context(
            self.output.collecting(self._loggers(), prints=self.request.capture_output or self._in_processes())
        )
        if self.request.show_log:
            from stpipe.notify import show_log

            stack.callback(show_log())
        if self.request.cancel_callback is not None:
            stack.enter_context(_watched(self.token))

    def _in_processes(self) -> bool:
        from stpipe.executors import is_dask

        executor = self.request.setting("executor")
        return executor == "processes" or is_dask(executor) or getattr(executor, "in_processes", False)

    def _loggers(self) -> tuple[str, ...]:
        return ("root",)

    def _run_loop(self) -> tuple[Status, int]:
        from stpipe.executors import find_executor

        executor = find_executor(self.request.setting("executor"), self.request.setting("workers"))
        loop = RunLoop(self.entries, self.targets, executor, self.stream, self.turn)
        loop.token = self.token
        loop.recorder = _recorder()
        self.failed = loop.failed
        try:
            loop.run()
        except Exception as error:
            return self._stopped(error)
        finally:
            executor.shutdown()
            self.stream.deliver_waiting()
        if loop.failed:
            self.runner.exception = next(iter(loop.failed.values()))
            return Status.FAILED, FAILED
        if self._fatal and self.stream.handler_errors:
            self.runner.exception = self.stream.handler_errors[0]
            return Status.FAILED, FAILED
        return Status.SUCCESSFUL, SUCCESSFUL

    def _stopped(self, error: Exception) -> tuple[Status, int]:
        self.runner.exception = error
        status = Status(stopped_by(error))
        if error is not self.token.look() and status is not Status.FAILED:
            status = Status.FAILED
        self.stream.emit("message", event_data={"text": str(error), "level": "ERROR"})
        return status, FAILED if status is Status.FAILED else CANCELED

    def _refused(self, error: Exception) -> tuple[Status, int]:
        """Tell what is wrong with the request, problem by problem."""
        from stpipe.exceptions import RecipeNotFoundError, StepNotFoundError
        from stpipe.run_what import NotFound

        self.runner.exception = error
        for problem in getattr(error, "problems", ()) or (error,):
            data = {"text": getattr(problem, "message", None) or str(problem), "level": "ERROR"}
            data |= {key: getattr(problem, key, None) for key in ("file", "line", "col")}
            self.stream.emit("message", event_data={**data, "exception": describe_exception(error)})
            self.output.write(f"{problem}\n", error=True)
        missing = isinstance(error, NotFound | RecipeNotFoundError | StepNotFoundError | FileNotFoundError)
        return Status.FAILED, NOT_FOUND if missing else WRONG

    def turn(self) -> None:
        """Deliver events of other threads; raise where the run has to stop."""
        self.stream.deliver_waiting()
        if self._fatal and self.stream.handler_errors:
            raise RunError(f"a handler of events failed: {self.stream.handler_errors[0]}")
        self.token.check()

    def _subscribe(self) -> None:
        self.stream.subscribe(self.stats)
        self.stream.subscribe(self._keep_context)
        if self.artifacts is not None:
            self.stream.subscribe(self.artifacts.note)
        own = getattr(self.request.what, "subscribers", tuple)  # those of a plan
        for callback in (*own(), *self.request.callbacks):
            self.stream.subscribe(self._caller(callback))
        if self.request.event_handler is not None:
            self.stream.subscribe(self.request.event_handler)
        if self.request.keep_records:
            self.stream.subscribe(self.log, store=True)
        if self.artifacts is not None:
            self.stream.subscribe(self.artifacts.store, store=True)

    def _keep_context(self, event: Event) -> None:
        if event.event == "run_stats":
            self.runner.context = self._context()

    def _context(self) -> Any:
        from stpipe.executors.stored import at_hand

        for entry in self.entries:
            for result in self._in_order(entry):
                return at_hand(getattr(result._outcome, "context", None))
        return None

    def _in_order(self, entry: RunEntry) -> list[Any]:
        """Results of an entry in the order of the targets, whichever ended first."""
        names = dict.fromkeys([*(target.name for target in self.targets), *entry.results])
        return [entry.results[name] for name in names if name in entry.results]

    def _caller(self, callback: Any) -> Callable[[Event], None]:
        by_name: dict[str, Any] = {}

        def deliver(event: Event) -> None:
            if not by_name and self.targets:
                by_name.update((target.name, target) for target in self.targets)
            deliver_to_callback(callback, event, run=self.runner, target=by_name.get(event.target or ""))

        return deliver

    def _announce(self, status: Status) -> None:
        self.runner._moved(status)
        handler = self.request.status_handler
        if handler is None:
            return
        data = {"status": str(status), "run_ident": self.runner.ident}
        self._guarded(lambda: handler(data, self.runner), "status_handler")

    def _guarded(self, call: Callable[[], Any], name: str) -> None:
        """Call a callback of the user; its error is recorded. An interrupt stops the run and is raised at its end."""
        try:
            call()
        except Exception as error:
            self.stream.callback_failed(name, error)
        except BaseException as error:
            self._interrupt = self._interrupt or error
            self.token.cancel()

    def _emit_stats(self) -> None:
        self.stream.emit("run_stats", event_data=self.stats.snapshot())
        self.stream.deliver_waiting()

    def _end(self, status: Status, rc: int) -> None:
        """Write what is to be kept, announce the final status, call back for the last time."""
        self._guarded(self.output.close, "output")
        if self.artifacts is not None:
            self._guarded(lambda: self.artifacts.complete(self.runner), "artifacts")
        self.runner.rc = rc
        self._announce(status)
        if self.artifacts is not None:
            self._guarded(lambda: self.artifacts.conclude(str(status), rc), "artifacts")
        self._close(status, rc)
        if self.request.finished_callback is not None:
            self._guarded(lambda: self.request.finished_callback(self.runner), "finished_callback")

    def _close(self, status: Status, rc: int) -> None:
        """Let nobody wait for more, however the run has ended."""
        if not self.runner.is_final:
            self.runner.rc = rc
            self.runner._moved(status)
        self.log.close()

    def results(self) -> dict[str, list[Any]]:
        """Target to the results of its entries."""
        found: dict[str, list[Any]] = {target.name: [] for target in self.targets}
        for entry in self.entries:
            for name, result in entry.results.items():
                found.setdefault(name, []).append(result)
        return found

    def result(self) -> Any:
        """The last result, or that of each target."""
        found = {}
        for name, results in self.results().items():
            done = [one for one in results if one.is_complete and one.status in _WITH_RESULT]
            found[name] = done[-1].result if done and not done[-1].is_released else None
        if len(self.targets) > 1:
            return found
        return next(iter(found.values()), None)

    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the entry, of the first target that has any; by label for several entries."""
        by_label = {}
        for entry in self.entries:
            given = (dict(result.parameters) for result in self._in_order(entry) if result.parameters)
            by_label[entry.label] = next(given, {})
        return next(iter(by_label.values()), {}) if len(by_label) <= 1 else by_label


def _recorder() -> Any:
    """Return what remembers the products of a run; None where that is not wanted."""
    from stpipe import settings

    if not settings.state:
        return None
    from stpipe.product_state import StateRecorder

    return StateRecorder()


@contextmanager
def _apart() -> Iterator[None]:
    """Let the run be none of a step, function or target of a run around it; only the token of that one counts."""
    from stpipe.run_state import outside

    with targeting(None), attempting(None), enclosing(None), outside():
        yield


class _Poll:
    """Asks ``cancel_callback``, one thread at a time; an error counts as no."""

    def __init__(self, callback: Callable[[], bool], stream: RunStream) -> None:
        self._callback = callback
        self._stream = stream
        self._errors = 0
        self._lock = threading.Lock()
        self._yes = False

    def __call__(self) -> bool:
        if self._yes or self._errors >= _MOST_POLL_ERRORS or not self._lock.acquire(blocking=False):
            return self._yes
        try:
            self._yes = bool(self._callback())
        except Exception as error:
            self._errors += 1
            self._stream.callback_failed("cancel_callback", error)
        finally:
            self._lock.release()
        return self._yes


@contextmanager
def _watched(token: CancelToken) -> Iterator[None]:
    """Look at a token every 0.05 s, whatever the run is doing."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_EVERY) and token.look() is None:
            pass

    thread = threading.Thread(target=watch, name="stpipe-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
