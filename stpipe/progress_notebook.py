"""Bars in a notebook, drawn by the widgets of `tqdm`; the log goes on below them as the text that it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from stpipe.events import Event
from stpipe.progress import ProgressView, RunProgress, files_text

__all__ = ["NotebookProgress", "can_draw_in_notebook", "in_notebook", "notebook_bars"]

_FORMAT = "{desc} {bar} {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
_FORMAT_WITHOUT_TOTAL = "{desc} [{elapsed}{postfix}]"


def in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook; IPython is not imported for the question."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def can_draw_in_notebook() -> bool:
    """Whether the code runs in a notebook that has what the bars need: `tqdm` and `ipywidgets`."""
    return in_notebook() and all(_is_there(name) for name in ("tqdm", "ipywidgets"))


def _is_there(name: str) -> bool:
    return sys.modules.get(name, False) is not None and find_spec(name) is not None


def notebook_bars() -> NotebookProgress:
    """Return a view that draws its bars below the running cell."""
    from tqdm.notebook import tqdm

    return NotebookProgress(tqdm)


class NotebookProgress(ProgressView):
    """One bar for a run, which stays, and one more, while it lasts, for a step that reports how far it is.

    Parameters
    ----------
    make_bar : callable
        ``tqdm.notebook.tqdm``, or a class with its ``total``, ``n``, ``refresh``, ``set_postfix_str`` and ``close``.
    """

    def __init__(self, make_bar: Callable[..., Any]) -> None:
        super().__init__()
        self._make_bar = make_bar
        self._bars: dict[RunProgress, Any] = {}
        self._inner: dict[tuple[RunProgress, str], Any] = {}

    def run_started(self, run: RunProgress) -> None:
        """Add a bar."""
        form = _FORMAT if run.total else _FORMAT_WITHOUT_TOTAL
        self._bars[run] = self._make_bar(total=run.total or 1, desc=run.name, bar_format=form)

    def step_started(self, run: RunProgress, step: str) -> None:
        """Name the step that is at work."""
        self._bars[run].set_postfix_str(step)

    def step_advanced(self, run: RunProgress, step: str, amount: tuple[float, float, str]) -> None:
        """Move the bar of a step."""
        done, total, unit = amount
        bar = self._inner.get((run, step))
        if bar is None:
            form = _FORMAT.replace("{total_fmt}", f"{{total_fmt}} {unit}".rstrip())
            bar = self._make_bar(total=total, desc=step, bar_format=form, leave=False)
            self._inner[run, step] = bar
        _move(bar, done, total)

    def step_ended(self, run: RunProgress, step: str, outcome: str, event: Event) -> None:
        """Move the bar of the run."""
        self._drop(run, step)
        bar = self._bars[run]
        bar.set_postfix_str(step if outcome == "done" else f"{step} {outcome}", refresh=False)
        _move(bar, run.done, run.total)

    def run_ended(self, run: RunProgress, outcome: str, event: Event) -> None:
        """Leave the bar with the outcome; that of a failed run stays where it was, and turns red."""
        for _, step in [key for key in self._inner if key[0] is run]:
            self._drop(run, step)
        bar = self._bars.pop(run)
        bar.set_postfix_str(f"{outcome}{files_text(run)}", refresh=False)
        if outcome != "failed":
            _move(bar, bar.total, bar.total)
        bar.close()

    def _drop(self, run: RunProgress, step: str) -> None:
        bar = self._inner.pop((run, step), None)
        if bar is not None:
            _move(bar, bar.total, bar.total)
            bar.close()


def _move(bar: Any, done: float, total: float) -> None:
    """Set a bar; ``tqdm`` itself would wait for its next turn."""
    bar.total, bar.n = total, done
    bar.refresh()
