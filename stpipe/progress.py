"""Views of the event stream for people: bars in a terminal or a notebook, plain lines in a log.

Bars need `rich` and a terminal, or a notebook with `tqdm` and `ipywidgets`. While those of a terminal are up, log lines
and prints go through the console that draws them, so that neither garbles the other; in a notebook bars and text are
apart anyway. Lines go through the handlers of the log configuration in force, so that they look like the log and reach
its file too; they are not kept in products.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from stpipe.events import Event, EventStream, listening

if TYPE_CHECKING:
    from stpipe.logs import LogConfig

__all__ = ["MODES", "PlainProgress", "ProgressView", "RunProgress", "can_draw", "show_progress"]

MODES = ("auto", "plain", "none")
_OUTCOMES = {"step_target_success": "done", "step_target_skip": "skipped", "step_target_error": "failed"}
_REPORT_EVERY = 5.0


@dataclass(eq=False)
class RunProgress:
    """How far one top-level run is.

    Attributes
    ----------
    name : str
        The step or pipeline.
    planned : tuple of str
        Keys of its sub-steps in order, where known.
    ended : dict of str to str
        Sub-step to its outcome, in the order in which they ended.
    outputs : list of str
        Files written.
    """

    name: str
    planned: tuple[str, ...] = ()
    ended: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of sub-steps: those planned, and others that ended."""
        return len({*self.planned, *self.ended})

    @property
    def done(self) -> int:
        """Number of sub-steps that ended well, the skipped ones too."""
        return sum(outcome != "failed" for outcome in self.ended.values())

    def place(self, step: str) -> int:
        """How many sub-steps are over; for one that has ended, when it did."""
        return list(self.ended).index(step) + 1 if step in self.ended else len(self.ended)


class ProgressView:
    """Subscriber of an event stream that keeps count; a view overrides the four methods at the end."""

    def __init__(self) -> None:
        self._runs: dict[str, RunProgress] = {}
        self._steps: dict[str, tuple[RunProgress, str]] = {}

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.event == "step_target_start":
            self._started(event)
        elif event.event == "step_target_progress":
            self._advanced(event)
        elif event.event in _OUTCOMES:
            self._ended(event)

    def _started(self, event: Event) -> None:
        name = event.step or "step"
        if event.parent_uuid is None:
            run = RunProgress(name, tuple(event.event_data.get("steps", ())))
            self._runs[event.uuid] = run
            self.run_started(run)
        elif event.parent_uuid in self._runs:
            run = self._runs[event.parent_uuid]
            self._steps[event.uuid] = (run, name)
            self.step_started(run, name)

    def _advanced(self, event: Event) -> None:
        uuid = event.parent_uuid or ""
        run, name = self._steps.get(uuid) or (self._runs.get(uuid), event.step or "")
        if run is not None:
            data = event.event_data
            self.step_advanced(run, name, (data.get("done", 0), data.get("total", 0), data.get("unit", "")))

    def _ended(self, event: Event) -> None:
        outcome, name = _OUTCOMES[event.event], event.step or "step"
        if event.parent_uuid is None:
            found = [uuid for uuid, run in self._runs.items() if run.name == name]
            if found:
                run = self._runs.pop(found[-1])
                run.outputs += event.event_data.get("outputs", ())
                self.run_ended(run, outcome, event)
        elif event.parent_uuid in self._runs:
            run = self._runs[event.parent_uuid]
            run.ended.setdefault(name, outcome)
            run.outputs += event.event_data.get("outputs", ())
            self.step_ended(run, name, outcome, event)

    def run_started(self, run: RunProgress) -> None:
        """Show that a run begins."""

    def step_started(self, run: RunProgress, step: str) -> None:
        """Show that a sub-step begins."""

    def step_advanced(self, run: RunProgress, step: str, amount: tuple[float, float, str]) -> None:
        """Show how much of a step is done, of how much, in which unit."""

    def step_ended(self, run: RunProgress, step: str, outcome: str, event: Event) -> None:
        """Show that a sub-step is over."""

    def run_ended(self, run: RunProgress, outcome: str, event: Event) -> None:
        """Show that a run is over."""


class PlainProgress(ProgressView):
    """Lines: one for each step that is over, and one every few seconds for a step that reports how far it is.

    Parameters
    ----------
    config : LogConfig, optional
        Log to write the lines into, where it shows INFO on a console.
    stream : text stream, optional
        Where they go otherwise; standard error by default.
    """

    def __init__(self, config: LogConfig | None = None, stream: TextIO | None = None) -> None:
        super().__init__()
        self._config = config
        self._stream = stream
        self._reported: dict[str, float] = {}

    def _say(self, text: str) -> None:
        record = logging.LogRecord("stpipe.progress", logging.INFO, __file__, 0, text, None, None)
        shown = self._config.show(record) if self._config is not None else False
        if not shown:
            print(text, file=self._stream or sys.stderr, flush=True)

    def run_started(self, run: RunProgress) -> None:
        """Name the steps to come."""
        if run.planned:
            self._say(f"{run.name}: {len(run.planned)} steps: {', '.join(run.planned)}")

    def step_advanced(self, run: RunProgress, step: str, amount: tuple[float, float, str]) -> None:
        """Give the percentage, not too often."""
        done, total, unit = amount
        now = time.monotonic()
        if total and now - self._reported.setdefault(step, now) >= _REPORT_EVERY:
            self._reported[step] = now
            self._say(f"{run.name}: {step} {100 * done / total:.0f} % ({amount_text(done, total, unit)})")

    def step_ended(self, run: RunProgress, step: str, outcome: str, event: Event) -> None:
        """Give number, outcome and time of a sub-step."""
        self._say(f"{run.name}: {run.place(step)}/{run.total} {step} {_outcome_text(outcome, event)}")

    def run_ended(self, run: RunProgress, outcome: str, event: Event) -> None:
        """Give outcome, time and number of files."""
        self._say(f"{run.name}: {_outcome_text(outcome, event)}{files_text(run)}")


def _outcome_text(outcome: str, event: Event) -> str:
    data = event.event_data
    if outcome == "skipped":
        return f"skipped: {data.get('skip_reason') or 'nothing to do'}"
    if outcome == "failed":
        error = data.get("exception", {})
        return f"failed: {error.get('type')}: {error.get('message')}"
    return f"done in {data.get('duration', 0.0):.2f} s"


def amount_text(done: float, total: float, unit: str) -> str:
    """Return ``34/120 rows``."""
    return f"{done:g}/{total:g}{' ' if unit else ''}{unit}"


def files_text(run: RunProgress) -> str:
    """Return how many files a run has written, as the end of a sentence."""
    count = len(run.outputs)
    return f", {count} file{'s' if count > 1 else ''} written" if count else ""


def can_draw(stream: Any = None) -> bool:
    """Whether bars can be drawn: the stream is a terminal that can move its cursor, and `rich` is installed."""
    from importlib.util import find_spec

    stream = sys.stderr if stream is None else stream
    if not getattr(stream, "isatty", lambda: False)() or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return False
    return sys.modules.get("rich", False) is not None and find_spec("rich") is not None


@contextmanager
def show_progress(
    mode: str = "auto", *, stream: EventStream | None = None, config: LogConfig | None = None
) -> Iterator[EventStream]:
    """Show how far the runs inside a block are.

    Parameters
    ----------
    mode : {"auto", "plain", "none"}
        ``auto``: bars in a terminal or a notebook; elsewhere, or without what they need, lines in the log if it shows
        INFO, and on a terminal or in a notebook in any case. ``plain``: lines. ``none``: nothing.
    stream : EventStream, optional
        Events to show; a new one by default.
    config : LogConfig, optional
        Log that shares the terminal; that in force in this context by default.

    Yields
    ------
    EventStream
        The active stream.

    Raises
    ------
    ValueError
        The mode is none of these.
    """
    if mode not in MODES:
        raise ValueError(f"progress is {mode!r}; it can be {', '.join(MODES)}")
    from stpipe.logs import LogConfig

    config = config or LogConfig.applied
    with ExitStack() as stack:
        view = _view(mode, config, stack)
        yield stack.enter_context(listening(*([view] if view else []), stream=stream))


def _view(mode: str, config: LogConfig | None, stack: ExitStack) -> ProgressView | None:
    if mode == "none":
        return None
    if mode == "auto" and can_draw():
        from stpipe.progress_bars import bars

        return stack.enter_context(bars(config))
    is_watched = bool(getattr(sys.stderr, "isatty", lambda: False)())
    if mode == "auto" and "IPython" in sys.modules:
        from stpipe.progress_notebook import can_draw_in_notebook, in_notebook, notebook_bars

        if can_draw_in_notebook():
            return notebook_bars()
        is_watched = is_watched or in_notebook()
    shows_log = config is not None and config.shows_on_console(logging.INFO)
    if mode == "plain" or shows_log or is_watched:
        return PlainProgress(config if shows_log else None)
    return None
