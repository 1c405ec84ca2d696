"""`run` and `run_async` start a step, pipeline, recipe, function or graph; `Runner` is the handle (running.md §2).

::

    import stpipe

    r = stpipe.run("calwebb_detector1", "jw01_uncal.fits", save_results=True)
    print(r.status, r.rc, r.stats["failed"])
"""

from __future__ import annotations

import datetime
import logging
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TextIO

from stpipe.events import Event
from stpipe.run_status import Status

if TYPE_CHECKING:
    from stpipe.loaded_run import LoadedRunner
    from stpipe.run_request import RunRequest
    from stpipe.run_session import RunSession

__all__ = ["Runner", "Status", "run", "run_async"]

log = logging.getLogger("stpipe.run")


class Runner:
    """Handle of one run; `run` and `run_async` make it.

    Attributes
    ----------
    ident, parent_ident : str, str or None
        Identity of the run, and of the run that it repeats.
    created, started, finished : datetime or None
        When, in UTC.
    status : Status
        Equal to its text.
    rc : int or None
        None until the end: 0 successful, 1 not found, 2 a step failed, 4 bad definition, 254 canceled or timed out.
    exception : BaseException or None
        The error that made it fail.
    context : Context or None
        Of a recipe on a single input.
    """

    def __init__(self, request: RunRequest) -> None:
        from stpipe.run_session import RunSession

        self.request = request
        self.ident = request.ident or str(uuid.uuid4())
        self.parent_ident = request.parent_ident
        self.created = _now()
        self.started: datetime.datetime | None = None
        self.finished: datetime.datetime | None = None
        self.status = Status.UNSTARTED
        self.rc: int | None = None
        self.exception: BaseException | None = None
        self.context: Any = None
        self._facts: dict[str, dict[str, Any]] = {}
        self._session: RunSession = RunSession(self, request)

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self.status.is_final

    @property
    def errored(self) -> bool:
        """Whether it failed."""
        return self.status is Status.FAILED

    @property
    def canceled(self) -> bool:
        """Whether it was canceled."""
        return self.status is Status.CANCELED

    @property
    def timed_out(self) -> bool:
        """Whether it ran out of time."""
        return self.status is Status.TIMEOUT

    @property
    def targets(self) -> list[Any]:
        """What it works on: exposures or stand-ins; empty before it has looked."""
        return list(self._session.targets)

    @property
    def failures(self) -> dict[str, BaseException]:
        """Errors of the targets that failed or could not be read, in order."""
        return dict(self._session.failed)

    @property
    def failed_targets(self) -> list[str]:
        """Names of the targets that failed or could not be read, in order."""
        return list(self._session.failed)

    @property
    def handler_errors(self) -> list[BaseException]:
        """Errors of handlers and callbacks."""
        return self._session.stream.handler_errors

    @property
    def events(self) -> Iterator[Event]:
        """The events in order; iterated during the run it gives each as it comes, and ends with the run."""
        return iter(self._session.log)

    def events_so_far(self) -> tuple[Event, ...]:
        """Return the events that there are, without waiting for more."""
        return self._session.log.so_far()

    def target_events(self, name: str) -> list[Event]:
        """Return the events of one target so far."""
        return self._session.log.of_target(str(name))

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """Counts per target: ``ok, changed, skipped, failed, ignored, rescued, unreadable, processed``."""
        return self._session.stats.snapshot()

    @property
    def stdout(self) -> TextIO:
        """Text handle of its own on the output so far."""
        return self._session.output.stdout.open()

    @property
    def stderr(self) -> TextIO:
        """Text handle of its own on the error output so far."""
        return self._session.output.stderr.open()

    @property
    def results(self) -> dict[str, list[Any]]:
        """Target to its `StepResult` of each entry."""
        return self._session.results()

    @property
    def result(self) -> Any:
        """The last result; for several targets a dict of target to result."""
        return self._session.result()

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameter to ``(value, source)``, those of sub-steps under ``steps``; by entry where there are several."""
        return self._session.parameters()

    def facts(self, name: str) -> dict[str, Any]:
        """Return the facts stored for a target."""
        return dict(self._facts.get(str(name), {}))

    def store_fact(self, target: str, name: str, value: Any) -> None:
        """Store a fact of a target."""
        self._facts.setdefault(target, {})[name] = value

    @property
    def fact_names(self) -> list[str]:
        """Targets that have facts."""
        return list(self._facts)

    @property
    def artifacts(self) -> str | None:
        """Folder of the artifacts, if there are any."""
        return self._session.folder

    def cancel(self) -> None:
        """Ask the run to stop."""
        self._session.token.cancel()

    def rerun(self) -> Runner:
        """Run the same again under a new ident; return the new handle, whose ``parent_ident`` is this run."""
        from dataclasses import replace

        what = self.request.what
        what = what.copy() if hasattr(what, "run_entries") else what  # a plan is executed once
        again = Runner(replace(self.request, what=what, ident=None, parent_ident=self.ident))
        return again._execute()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LoadedRunner:
        """Return a read-only handle of a finished run from its artifacts folder."""
        from stpipe.artifacts import load_runner

        return load_runner(path)

    def _execute(self) -> Runner:
        """Run in this thread; raise what ``raise_on_failure`` asks for."""
        self._session.execute()
        if self.request.raise_on_failure and self.exception is not None:
            raise self.exception
        return self

    def _moved(self, status: Status) -> None:
        """Enter the next state."""
        self.status = status
        if status is Status.RUNNING:
            self.started = _now()
        if status.is_final:
            self.finished = _now()

    def __repr__(self) -> str:
        rc = "" if self.rc is None else f", rc {self.rc}"
        return f"<Runner {self.request.title} {self.status}{rc}>"

    def __str__(self) -> str:
        from stpipe.run_view import runner_text

        return runner_text(self)

    def _repr_html_(self) -> str:
        from stpipe.run_view import runner_html

        return runner_html(self)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def run(what: Any, inputs: Any = None, **keywords: Any) -> Runner:
    """Run something and wait for its end.

    Parameters
    ----------
    what : str, class, Step, function, Recipe, Plan or Graph
        Alias, dotted path, recipe name or path, or the thing itself. With a Graph ``inputs`` names the resource.
    inputs : path, model, association, list, Inventory or None
        With an Inventory or a list of several files, ``what`` is applied to each. A list meant as one input is wrapped
        in one more list.
    **keywords
        ``steps``, ``config_file``, ``parameters``
            As for ``call``; ``parameters`` win over loose keywords.
        ``context``, ``groups``, ``success_group``, ``failure_group``, ``loader``, ``py_dir``, ``allow_code``
            For a recipe, see `stpipe.run_recipe`.
        ``policy``
            A `Policy`.
        ``executor``, ``workers``
            ``inline`` (default), ``threads``, ``processes``; how many targets at once.
        ``timeout``
            Seconds for the whole run.
        ``callbacks``, ``event_handler``, ``status_handler``, ``cancel_callback``, ``finished_callback``
            Who is told and asked: `Callback` objects, ``f(event)``, ``f(data, runner)``, ``f() -> bool``,
            ``f(runner)``.
        ``ident``, ``artifacts_dir``, ``project_dir``, ``resume``
            Identity; folder for records; folder with recipes, inventory and settings; skip what is done already.
        ``capture_output``, ``show_log``, ``raise_on_failure``
            Collect ``print`` output; show the log as the command line does; raise the error at the end.
        ``keep_records``, ``output_handler``
            False: events and output are handed on, not kept, for runs of very many targets; ``f(target, text)`` for
            output as it is written.
        anything else
            A parameter of the step.

    Returns
    -------
    Runner
        With final ``status`` and ``rc``; a step that fails does not raise.

    Raises
    ------
    TypeError, ValueError
        One of these keywords, not a parameter, has a value that cannot be used.
    FileExistsError
        There is a run of that ident already.
    """
    return Runner(_request(what, inputs, keywords))._execute()


def run_async(what: Any, inputs: Any = None, **keywords: Any) -> tuple[threading.Thread, Runner]:
    """Start something; return the thread and its handle at once. Arguments and errors as `run`."""
    runner, released = Runner(_request(what, inputs, keywords)), threading.Event()
    arguments = (_in_background, runner, released)
    thread = threading.Thread(target=copy_context().run, args=arguments, name="stpipe-run", daemon=True)
    thread.start()
    released.set()  # only now: the new thread would keep the interpreter to itself for a while
    return thread, runner


def _in_background(runner: Runner, released: threading.Event) -> None:
    """Run in a thread that never dies with a traceback."""
    released.wait()
    try:
        runner._execute()
    except BaseException as error:
        log.debug("The run %s ended with %s: %s", runner.ident, type(error).__name__, error)


def _request(what: Any, inputs: Any, keywords: Mapping[str, Any]) -> RunRequest:
    from stpipe.run_request import make_request

    return make_request(what, inputs, keywords)


def _show_signature() -> None:
    from stpipe.run_request import signature

    run.__signature__ = run_async.__signature__ = signature()  # type: ignore[attr-defined]


_show_signature()
