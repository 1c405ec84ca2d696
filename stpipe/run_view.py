"""A run as a person looks at it: a text, and HTML for notebooks (running.md §2.1).

Both are made from what any handle of a run has, so that they serve a run that is going on, one that is over, and one
that was read from its artifacts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from stpipe.html_view import code, details, escape, faint, frame, table
from stpipe.run_stats import STAT_NAMES

__all__ = ["TargetView", "runner_html", "runner_text", "target_views"]

_MOST_TARGETS = 100
_MOST_MESSAGE = 400


@dataclass(slots=True)
class TargetView:
    """What is shown of one target.

    Attributes
    ----------
    name : str
        Name of the target.
    counts : dict of str to int
        What was counted for it.
    error : str
        Message of its error; empty without one.
    products : list of str
        Paths of the files that were written.
    note : str
        Why nothing was done; empty where something was.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    error: str = ""
    products: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def state(self) -> str:
        """One word or two on how it stands."""
        if self.counts.get("unreadable"):
            return "unreadable"
        if self.error:
            return "failed"
        if not self.counts.get("processed"):
            return "not done"
        return next((name for name in ("ok", "ignored", "skipped") if self.counts.get(name)), "nothing done")


def target_views(runner: Any) -> list[TargetView]:
    """Return what is to be shown of each target, those that failed first.

    Parameters
    ----------
    runner : Runner or LoadedRunner
        The run.
    """
    views = {name: TargetView(name, note=_why_nothing(results)) for name, results in runner.results.items()}
    for name, counts in runner.stats.items():
        for target, count in counts.items():
            views.setdefault(target, TargetView(target)).counts[name] = count
    for event in runner.events_so_far():
        if event.target in views:
            paths = event.event_data.get("outputs") if event.event.startswith("step_target_") else None
            known = views[event.target].products
            known += [path for path in paths or () if path not in known]
    for target, error in runner.failures.items():
        views.setdefault(target, TargetView(target)).error = _message(error)
    return sorted(views.values(), key=lambda view: not view.error)


def _why_nothing(results: Sequence[Any]) -> str:
    """Return the reason of the last entry, if it was skipped."""
    return (results[-1].skip_reason or "") if results and results[-1].is_complete else ""


def _facts(runner: Any) -> list[tuple[str, str]]:
    """Return names and texts of what is said about the whole run."""
    facts = [("ident", runner.ident)]
    if runner.started is not None:
        facts.append(("started", f"{runner.started:%Y-%m-%d %H:%M:%S} UTC"))
        if runner.finished is not None:
            facts.append(("time", f"{(runner.finished - runner.started).total_seconds():.2f} s"))
    if runner.artifacts:
        facts.append(("artifacts", str(runner.artifacts)))
    missing = getattr(runner, "missing", ())
    if missing:
        facts.append(("incomplete", f"no {', '.join(missing)}: the run was killed or is still going on"))
    if runner.handler_errors:
        facts.append(("handlers", f"{len(runner.handler_errors)} errors, the first: {runner.handler_errors[0]}"))
    return facts


def _message(error: BaseException) -> str:
    """Return type and message; an error that was read again has both in its text."""
    return str(error) if hasattr(error, "type_name") else f"{type(error).__name__}: {error}"


def _number(views: Sequence[TargetView]) -> str:
    return "1 target" if len(views) == 1 else f"{len(views)} targets"


def _title(runner: Any) -> str:
    return getattr(runner, "title", None) or runner.request.title


def _state(runner: Any) -> str:
    return str(runner.status) if runner.rc is None else f"{runner.status}, rc {runner.rc}"


def _general_error(runner: Any) -> str:
    """Message of an error that is that of no target."""
    error = runner.exception
    known = {str(one) for one in runner.failures.values()}
    return "" if error is None or str(error) in known else _message(error)


def _totals(stats: Mapping[str, Mapping[str, int]]) -> str:
    totals = {name: sum(stats.get(name, {}).values()) for name in STAT_NAMES if name != "processed"}
    return ", ".join(f"{count} {name}" for name, count in totals.items() if count) or "nothing done"


def runner_text(runner: Any) -> str:
    """Return a run as a text of some lines.

    Parameters
    ----------
    runner : Runner or LoadedRunner
        The run.
    """
    from stpipe.explain import aligned

    views = target_views(runner)
    lines = [f"{_title(runner)}: {_state(runner)}"]
    lines += aligned([(f"  {name}", text) for name, text in _facts(runner)])
    error = _general_error(runner)
    lines += [f"  error: {_cut(error)}"] if error else []
    lines.append(f"{_number(views)}: {_totals(runner.stats)}")
    shown = views[:_MOST_TARGETS]
    rows = [
        (f"  {view.name}", view.state, _cut(view.error) or ", ".join(view.products) or _cut(view.note))
        for view in shown
    ]
    lines += aligned(rows)
    if len(views) > len(shown):
        lines.append(f"  and {len(views) - len(shown)} more")
    return "\n".join(lines)


def runner_html(runner: Any) -> str:
    """Return a run as HTML for notebooks; everything in it that comes from files or names is escaped.

    Parameters
    ----------
    runner : Runner or LoadedRunner
        The run.
    """
    views = target_views(runner)
    title = f"<div><b>{escape(_title(runner))}</b> {escape(_state(runner))}</div>"
    facts = "".join(f"<div>{faint(name)} {code(text)}</div>" for name, text in _facts(runner))
    error = _general_error(runner)
    failed = f"<div><b>error:</b> {escape(_cut(error))}</div>" if error else ""
    counts = f"<div>{_number(views)}: {escape(_totals(runner.stats))}</div>"
    shown = views[:_MOST_TARGETS]
    rows = [(code(view.name, strong=bool(view.error)), escape(view.state), _cell(view)) for view in shown]
    targets = table(("target", "state", "products"), rows) if rows else ""
    more = f"<div>{faint(f'and {len(views) - len(shown)} more')}</div>" if len(views) > len(shown) else ""
    return frame(title, facts, failed, counts, targets, more, _parameters_html(runner))


def _cell(view: TargetView) -> str:
    lines = [f"<b>{escape(_cut(view.error))}</b>"] if view.error else []
    lines += [faint(_cut(view.note))] if view.note else []
    return "<br>".join([*lines, *map(_link, view.products)])


def _link(path: str) -> str:
    """Show a path; as a link where it lies below the current folder, which is what a notebook server can give."""
    relative = os.path.relpath(path)
    if relative.startswith(os.pardir) or os.path.isabs(relative):
        return code(path)
    return f'<a href="{escape(quote(relative))}" target="_blank">{code(relative)}</a>'


def _parameters_html(runner: Any) -> str:
    """Parameters that somebody has set, folded."""
    from stpipe.explain import value_text

    chosen = [pair for pair in _flat(runner.parameters, "") if pair[1][1] != "default"]
    rows = [(code(name), code(value_text(value)), escape(source)) for name, (value, source) in chosen]
    title = f"parameters {faint(f'· {len(rows)} set')}"
    return details(title, table(("parameter", "value", "source"), rows)) if rows else ""


def _flat(parameters: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Sequence[Any]]]:
    for name, item in parameters.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", item


def _cut(text: str) -> str:
    """Return the first line of a message, not too long."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= _MOST_MESSAGE else f"{first[:_MOST_MESSAGE]}…"
