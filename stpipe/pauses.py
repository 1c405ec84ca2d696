"""How often a failed entry is tried again, and the pauses between (running.md Y26)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stpipe.engine import checkpoint
from stpipe.exceptions import RunError

__all__ = ["BACKOFFS", "RETRY_KEYS", "Retries", "exception_names", "find_backoff", "pause", "pauses", "wanted"]

RETRY_KEYS = ("max", "sleep", "jitter", "backoff", "retry_on", "stop_on", "sleep_max", "backoff_args")
_LONGEST_WAIT = 0.05


def pause(seconds: float) -> None:
    """Wait; a run that is cancelled meanwhile stops within 0.05 s."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        checkpoint()
        time.sleep(min(left, _LONGEST_WAIT))


def wanted(kind: type, value: Any, what: str) -> Any:
    """Return a number that is given as a number or a text; None stays None.

    Raises
    ------
    RunError
        It is no such number, or below 0; ``what`` is told.
    """
    if value is None:
        return None
    try:
        number = kind(value)
        if isinstance(value, bool) or number < 0 or (kind is int and not isinstance(value, str) and number != value):
            raise ValueError
    except (TypeError, ValueError):
        name = "whole number" if kind is int else "number"
        raise RunError(f"{what} has to be a {name} from 0 on, not {value!r}") from None
    return number


def _fraction(jrc: float) -> float:
    return random.uniform(jrc, 1.0)


def _fixed(n: int, sleep: float, **_: Any) -> float:
    return sleep


def _linear(n: int, sleep: float, **_: Any) -> float:
    return sleep * (n + 1)


def _exponential(n: int, sleep: float, *, base: float = 2.0, **_: Any) -> float:
    try:
        return sleep * float(base) ** n
    except OverflowError:
        return float("inf")


def _jittered(rule: Callable[..., float]) -> Callable[..., float]:
    def jittered(n: int, sleep: float, *, jrc: float = 0.0, **arguments: Any) -> float:
        return rule(n, sleep, **arguments) * _fraction(jrc)

    return jittered


BACKOFFS: Mapping[str, Callable[..., float]] = {
    "fixed": _fixed,
    "jitter": _jittered(_fixed),
    "linear": _linear,
    "linearjitter": _jittered(_linear),
    "exponential": _exponential,
    "exponentialjitter": _jittered(_exponential),
}


def find_backoff(name: str) -> Callable[..., float]:
    """Return a rule of `BACKOFFS`, or a dotted callable ``f(n, sleep, **backoff_args) -> seconds``.

    Raises
    ------
    RunError
        There is none of that name.
    """
    from stpipe import caches

    return BACKOFFS[name] if name in BACKOFFS else caches.backoff.get(name, lambda: _import_backoff(name))


def _import_backoff(name: str) -> Callable[..., float]:
    from importlib import import_module

    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute) if module else None
    except (ImportError, AttributeError):
        found = None
    if not callable(found):
        raise RunError(f"retry: no backoff {name!r}; there are {', '.join(BACKOFFS)}, or a dotted function")
    return found


@dataclass(frozen=True)
class Retries:
    """The rule of one entry, its values resolved.

    Attributes
    ----------
    attempts : int or None
        In total; None for no limit.
    sleep : sequence of float
        Seconds of the pauses; the last one repeats.
    backoff : callable
        ``f(n, sleep, **arguments)``, n = 0 for the first pause.
    retry_on, stop_on : tuple of str
        Names of exceptions, also of their bases; ``stop_on`` wins, no ``retry_on`` means all.
    sleep_max : float or None
        Longest pause.
    arguments : mapping
        For ``backoff``.
    """

    attempts: int | None
    sleep: Sequence[float]
    backoff: Callable[..., float]
    retry_on: tuple[str, ...] = ()
    stop_on: tuple[str, ...] = ()
    sleep_max: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def tries_again(self, error: BaseException, count: int) -> bool:
        """Tell whether there is another attempt after this error of attempt ``count`` (from 1)."""
        if self.attempts is not None and count >= self.attempts:
            return False
        names = {name for cls in type(error).__mro__ for name in (cls.__name__, f"{cls.__module__}.{cls.__qualname__}")}
        if names & set(self.stop_on):
            return False
        return not self.retry_on or bool(names & set(self.retry_on))

    def seconds(self, number: int) -> float:
        """Return the length of pause ``number`` (from 0)."""
        sleep = self.sleep[min(number, len(self.sleep) - 1)]
        seconds = float(self.backoff(number, sleep, **self.arguments))
        return seconds if self.sleep_max is None else min(seconds, self.sleep_max)


def pauses(values: Mapping[str, Any]) -> Retries:
    """Make the rule of the values of ``retry``.

    Raises
    ------
    RunError
        A value cannot be used.
    """
    sleep = values.get("sleep")
    sleeps = sleep if isinstance(sleep, list | tuple) and sleep else [0.0 if sleep in (None, []) else sleep]
    name = str(values.get("backoff") or "fixed")
    arguments = dict(values.get("backoff_args") or {})
    jitter = wanted(float, values.get("jitter"), "retry: jitter")
    if jitter is not None:
        arguments["jrc"] = jitter
        jittered = "jitter" if name == "fixed" else f"{name}jitter"
        name = jittered if jittered in BACKOFFS else name
    return Retries(
        wanted(int, values.get("max"), "retry: max"),
        tuple(wanted(float, value, "retry: sleep") for value in sleeps),
        find_backoff(name),
        exception_names(values.get("retry_on")),
        exception_names(values.get("stop_on")),
        wanted(float, values.get("sleep_max"), "retry: sleep_max"),
        arguments,
    )


def exception_names(value: Any) -> tuple[str, ...]:
    """Return the names of exceptions given as one or several names or classes."""
    names = [value] if isinstance(value, str | type) else list(value or ())
    return tuple(name.__name__ if isinstance(name, type) else str(name) for name in names)
