"""Counts per target of what a run has done, kept from its events (running.md R10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stpipe.events import Event

__all__ = ["STAT_NAMES", "RunStats"]

STAT_NAMES = ("ok", "changed", "skipped", "failed", "ignored", "rescued", "unreadable", "processed")


class RunStats:
    """Subscriber that counts.

    ``ok``, ``changed``, ``skipped``, ``failed`` and ``ignored`` count entries, not sub-steps, and an entry that only
    ended because the run was stopped is none of these; ``rescued`` groups of a
    recipe whose failure was handled; ``unreadable`` and ``processed`` are 1 for a target that could not be opened, and
    for one that has been dealt with.
    """

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {name: {} for name in STAT_NAMES}

    def __call__(self, event: Event) -> None:
        """Count an event."""
        count = _COUNTERS.get(event.event)
        if count is not None and event.target is not None:
            count(self, event, event.target)

    def add(self, name: str, target: str) -> None:
        """Count one more."""
        counts = self._counts[name]
        counts[target] = counts.get(target, 0) + 1

    def snapshot(self) -> dict[str, dict[str, int]]:
        """Return a copy of the counts."""
        return {name: dict(counts) for name, counts in self._counts.items()}

    def _success(self, event: Event, target: str) -> None:
        if event.parent_uuid is None:
            self.add("ok", target)
            if event.event_data.get("changed"):
                self.add("changed", target)

    def _skip(self, event: Event, target: str) -> None:
        if event.parent_uuid is None:
            self.add("skipped", target)

    def _error(self, event: Event, target: str) -> None:
        if event.parent_uuid is None and not event.event_data.get("stopped"):
            self.add("ignored" if event.event_data.get("ignored") else "failed", target)

    def _message(self, event: Event, target: str) -> None:
        if event.event_data.get("rescued"):
            self.add("rescued", target)

    def _unreadable(self, event: Event, target: str) -> None:
        self._counts["unreadable"][target] = 1

    def _closed(self, event: Event, target: str) -> None:
        self._counts["processed"][target] = 1


_COUNTERS: dict[str, Callable[[RunStats, Event, str], Any]] = {
    "step_target_success": RunStats._success,
    "step_target_skip": RunStats._skip,
    "step_target_error": RunStats._error,
    "message": RunStats._message,
    "target_open_error": RunStats._unreadable,
    "target_close": RunStats._closed,
}
