"""How far a batch is: bars in a terminal, else a line for each exposure."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from stpipe.executors.memory_room import memory_text

if TYPE_CHECKING:
    from stpipe.batch import BatchReport
    from stpipe.batch_inputs import BatchTarget
    from stpipe.events import Event

__all__ = ["BatchBars", "BatchView", "report_text", "time_text"]

_LINE_EVERY = 0.2
_MOST_NAMED = 20


class BatchView:
    """One line for each exposure that has ended; of very quick ones a line now and then.

    Parameters
    ----------
    stream : text stream, optional
        Standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr  # now: during a run prints are collected
        self.total = self.count = 0
        self._work = self._work_done = 0
        self._started = self._said = 0.0

    def begin(self, targets: Sequence[BatchTarget]) -> None:
        """Show that it begins."""
        self.total = len(targets)
        self._work = sum(1 + target.file_size for target in targets)
        self._started = time.monotonic()

    def event(self, event: Event) -> None:
        """Take an event of the run."""

    def ended(self, target: BatchTarget, status: str, reason: str, outcome: Any = None) -> None:
        """Show that an exposure has ended."""
        self.count += 1
        self._weigh(target, status)
        now = time.monotonic()
        if status in ("failed", "canceled") or self.count == self.total or now - self._said >= _LINE_EVERY:
            self._said = now
            self.say(f"[{self.count}/{self.total}] {target.name} {_ending(status, reason, outcome)}{self.left()}")

    def _weigh(self, target: BatchTarget, status: str) -> None:
        """Note how much of the work is done; one that was not done to its end tells nothing of the others."""
        weight = 1 + target.file_size
        if status == "done":
            self._work_done += weight
        else:
            self._work -= weight

    def left(self) -> str:
        """Return how long it may still take, as the end of a sentence."""
        if self.count == self.total or not self._work_done:
            return ""
        taken = time.monotonic() - self._started
        return f"; about {time_text(taken * (self._work - self._work_done) / self._work_done)} left"

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)

    def end(self) -> None:
        """Show that it is over."""


def _ending(status: str, reason: str, outcome: Any) -> str:
    text = status
    if outcome is not None and status == "done":
        text += f" in {time_text(outcome.duration)}"
        text += f" ({memory_text(outcome.rss_max)})" if outcome.rss_max else ""
    first = reason.strip().partition("\n")[0]
    return f"{text}: {first}" if first and status != "up to date" else text


class BatchBars(BatchView):
    """A bar for the batch, and one for each exposure under way.

    Parameters
    ----------
    progress : rich.progress.Progress
        Where the bars are.
    """

    def __init__(self, progress: Any) -> None:
        super().__init__()
        self._progress = progress
        self._all: Any = None
        self._bars: dict[str, Any] = {}
        self._failed = 0

    def begin(self, targets: Sequence[BatchTarget]) -> None:
        """Add the bar of the batch."""
        super().begin(targets)
        self._all = self._progress.add_task("exposures", total=self.total, count=f"0/{self.total}", now="")

    def event(self, event: Event) -> None:
        """Move the bar of an exposure."""
        name = event.target or ""
        if event.event == "step_target_start" and event.parent_uuid is None and name not in self._bars:
            steps = len(event.event_data.get("steps", ()))
            self._bars[name] = self._progress.add_task(f"  {name}", total=steps or None, count="", now="")
        elif name in self._bars and event.parent_uuid is not None:
            bar = self._bars[name]
            if event.event == "step_target_start":
                self._progress.update(bar, now=event.step)
            elif event.event in ("step_target_success", "step_target_skip"):
                self._progress.update(bar, advance=1)

    def ended(self, target: BatchTarget, status: str, reason: str, outcome: Any = None) -> None:
        """Move the bar of the batch; name an exposure that failed."""
        self.count += 1
        self._weigh(target, status)
        bar = self._bars.pop(target.name, None)
        if bar is not None:
            self._progress.remove_task(bar)
        if status == "failed":
            self._failed += 1
            self._progress.console.print(f"{target.name} {_ending(status, reason, outcome)}", markup=False)
        failed = f"{self._failed} failed" if self._failed else ""
        now = "; ".join(filter(None, (failed, self.left().removeprefix("; "))))
        self._progress.update(self._all, completed=self.count, count=f"{self.count}/{self.total}", now=now)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text, markup=False, highlight=False)


def time_text(seconds: float) -> str:
    """Return ``3.2 s``, ``4 min 5 s`` or ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def report_text(report: BatchReport) -> str:
    """Return a few lines: how many, how long, what failed, where the manifest is."""
    parts = [f"{count} {name}" for name, count in report.counts.items() if count]
    parts += [f"{report.left} not begun"] if report.left else []
    memory = f", at most {memory_text(report.rss_max)} each" if report.rss_max else ""
    plural = "" if report.total == 1 else "s"
    lines = [
        f"{report.total} exposure{plural}: {', '.join(parts) or 'nothing to do'} in {time_text(report.seconds)}{memory}"
    ]
    for name, error, traceback in report.failures[:_MOST_NAMED]:
        first = error.strip().partition("\n")[0]
        lines.append(f"  failed: {name}: {first}" + (f"\n          {traceback}" if traceback else ""))
    if report.counts.get("failed", 0) > _MOST_NAMED:
        lines.append(f"  … and {report.counts['failed'] - _MOST_NAMED} more; see the manifest")
    lines += [f"  stopped: {name}" for name in report.stopped[:_MOST_NAMED]]
    lines.append(f"manifest: {report.manifest}")
    return "\n".join(lines)
