"""Bars in a terminal, drawn by `rich`; log lines and prints go above them."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from stpipe.events import Event
from stpipe.progress import ProgressView, RunProgress, amount_text, files_text

if TYPE_CHECKING:
    from stpipe.logs import LogConfig

__all__ = ["BarProgress", "bars"]

_BAR_WIDTH = 24
_REFRESH = 5


class BarProgress(ProgressView):
    """One bar for a run, and one more for a step that reports how far it is.

    Parameters
    ----------
    progress : rich.progress.Progress
        Where the bars are.
    """

    def __init__(self, progress: Any) -> None:
        super().__init__()
        self._progress = progress
        self._tasks: dict[RunProgress, Any] = {}
        self._inner: dict[tuple[RunProgress, str], Any] = {}

    def run_started(self, run: RunProgress) -> None:
        """Add a bar."""
        total = run.total or None
        self._tasks[run] = self._progress.add_task(run.name, total=total, count=_count(run), now="")

    def step_started(self, run: RunProgress, step: str) -> None:
        """Name the step that is at work."""
        self._progress.update(self._tasks[run], now=step)

    def step_advanced(self, run: RunProgress, step: str, amount: tuple[float, float, str]) -> None:
        """Move the bar of a step."""
        done, total, unit = amount
        count = amount_text(done, total, unit)
        task = self._inner.get((run, step))
        if task is None:
            task = self._inner[run, step] = self._progress.add_task(f"  {step}", total=total, count=count, now="")
        self._progress.update(task, completed=done, total=total, count=count)

    def step_ended(self, run: RunProgress, step: str, outcome: str, event: Event) -> None:
        """Move the bar of the run."""
        self._drop(run, step)
        done, total = run.done, run.total
        now = step if outcome == "done" else f"{step} {outcome}"
        self._progress.update(self._tasks[run], completed=done, total=total, count=_count(run), now=now)

    def run_ended(self, run: RunProgress, outcome: str, event: Event) -> None:
        """Leave the bar with the outcome."""
        for _, step in [key for key in self._inner if key[0] is run]:
            self._drop(run, step)
        task = self._tasks.pop(run)
        if outcome != "failed":
            total = run.total or 1
            self._progress.update(task, total=total, completed=total)
        self._progress.update(task, now=f"{outcome}{files_text(run)}")
        self._progress.stop_task(task)

    def _drop(self, run: RunProgress, step: str) -> None:
        task = self._inner.pop((run, step), None)
        if task is not None:
            self._progress.remove_task(task)


def _count(run: RunProgress) -> str:
    return f"{run.done}/{run.total}" if run.total else ""


class _Above(io.TextIOBase):
    """Stream that prints complete lines above the bars, as they are."""

    def __init__(self, console: Any, original: TextIO) -> None:
        self._console = console
        self._original = original
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._print(line)
        return len(text)

    def _print(self, line: str) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(line), soft_wrap=True, markup=False, highlight=False)

    def finish(self) -> None:
        """Print a line that has no end yet."""
        if self._rest:
            self._print(self._rest)
            self._rest = ""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._original.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._original.encoding


@contextmanager
def bars(config: LogConfig | None) -> Iterator[BarProgress]:
    """Draw bars on standard error for the duration of a block.

    Parameters
    ----------
    config : LogConfig or None
        Log whose console lines have to go above the bars.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=_BAR_WIDTH),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    progress = Progress(
        *columns, console=console, refresh_per_second=_REFRESH, redirect_stdout=False, redirect_stderr=False
    )
    with ExitStack() as stack:
        stack.enter_context(_streams_above(console, config))
        stack.enter_context(progress)
        yield BarProgress(progress)


@contextmanager
def _streams_above(console: Any, config: LogConfig | None) -> Iterator[None]:
    """Send the log, prints and warnings that go to the terminal through the console."""
    streams = {name: getattr(sys, name) for name in ("stdout", "stderr") if getattr(sys, name).isatty()}
    above = {name: _Above(console, stream) for name, stream in streams.items()}
    handlers: list[tuple[logging.StreamHandler, Any]] = []
    for handler in config.console_handlers() if config is not None else ():
        if handler.stream.isatty():
            name = "stdout" if handler.stream is streams.get("stdout") else "stderr"
            handlers.append((handler, handler.setStream(above[name])))
    try:
        for name, stream in above.items():
            setattr(sys, name, stream)
        yield
    finally:
        for name, stream in streams.items():
            above[name].finish()
            setattr(sys, name, stream)
        for handler, stream in handlers:
            handler.setStream(stream)
