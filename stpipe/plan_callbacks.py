"""Callbacks that know of some events already."""

from __future__ import annotations

from typing import Any

from stpipe.events import Callback

__all__ = ["told_before"]

_OPENING = ("target_before_open", "target_open", "target_open_error")


def told_before(callback: Callback, told: frozenset[tuple[str, str]]) -> Callback:
    """Return a callback that passes everything on to another but what that has been told before.

    Parameters
    ----------
    callback : Callback
        The other one.
    told : frozenset of (str, str)
        Name of the event, name of the target.
    """
    return _Filtered(callback, told)


class _Filtered(Callback):
    def __init__(self, callback: Callback, told: frozenset[tuple[str, str]]) -> None:
        self._callback = callback
        self._told = told

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        method = getattr(self._callback, name)
        if name not in _OPENING:
            return method

        def unless_told(run: Any, target: Any, *more: Any) -> None:
            if (name, str(target)) not in self._told:
                method(run, target, *more)

        return unless_told
