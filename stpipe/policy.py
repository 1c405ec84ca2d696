"""Rules for one entry of a run: when it runs, how often it is tried, what a failure means (running.md §3.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from stpipe import events
from stpipe.attempts import Attempts, attempting
from stpipe.cancel import CancelToken, active_token, cancellable
from stpipe.exceptions import RunError, RunTimeoutError

if TYPE_CHECKING:
    from stpipe.pauses import Retries

__all__ = ["Policy", "active_policy", "attempt", "attempt_async", "governed"]

_ON_SKIP = ("continue", "stop")
_HANDLER_ERRORS = ("record", "fatal")


@dataclass(frozen=True)
class Policy:
    """Rules for an entry; what is not given is taken from the rules around it (`over`).

    Attributes
    ----------
    when : callable or None
        ``when(exposure) -> bool``, asked just before the step; False skips it.
    ignore_errors : bool
        Go on with the result before; the error is counted in ``ignored``.
    retries : int
        Further attempts at most.
    retry_delay : float
        Seconds before each.
    retry_until : callable or None
        ``retry_until(result) -> bool``; a result that does not satisfy it counts as a failed attempt.
    backoff : str, callable or None
        How the delay grows: ``fixed``, ``linear``, ``exponential``, each with ``jitter``, or
        ``f(n, delay) -> seconds`` with n = 0 before the first further attempt.
    retry_on, stop_on : exception, name, or sequence of these
        Errors after which another attempt follows (all, by default), and after which none does; the latter wins.
    timeout : float or None
        Seconds for one attempt.
    serial : bool
        One target at a time, in order.
    run_once : bool
        Only for the first readable target; the others count as done.
    fail_percent : float or None
        When more than this percentage of the targets have failed, nothing further is started.
    handler_errors : {"record", "fatal"}
        Whether an error of a handler of events ends the run.
    on_skip : {"continue", "stop"}
        Whether later entries run for a target that this one had nothing to do for.

    Raises
    ------
    ValueError, TypeError
        A value cannot be used; the text names it.
    """

    when: Callable[[Any], bool] | None = None
    ignore_errors: bool = False
    retries: int = 0
    retry_delay: float = 0.0
    retry_until: Callable[[Any], bool] | None = None
    backoff: str | Callable[..., float] | None = None
    retry_on: Any = None
    stop_on: Any = None
    timeout: float | None = None
    serial: bool = False
    run_once: bool = False
    fail_percent: float | None = None
    handler_errors: str = "record"
    on_skip: str = "continue"
    given: frozenset[str] = field(default=frozenset(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _whole(self.retries, "retries")
        _number(self.retry_delay, "retry_delay", above=None)
        _number(self.timeout, "timeout", above=0.0)
        _number(self.fail_percent, "fail_percent", above=None)
        if self.fail_percent is not None and self.fail_percent > 100:
            raise ValueError(f"Policy: fail_percent can be 0 to 100, not {self.fail_percent!r}")
        for name in ("when", "retry_until"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise TypeError(f"Policy: {name} has to be a function, not {value!r}")
        for name, choices in (("handler_errors", _HANDLER_ERRORS), ("on_skip", _ON_SKIP)):
            if getattr(self, name) not in choices:
                raise ValueError(f"Policy: {name} can be {' or '.join(choices)}, not {getattr(self, name)!r}")
        try:
            self.rule()
        except RunError as error:
            raise ValueError(f"Policy: {error}") from None

    def over(self, base: Policy | None) -> Policy:
        """Return these rules with those of ``base`` where they say nothing."""
        if base is None:
            return self
        names = base.given | self.given
        return Policy(**{name: getattr(self if name in self.given else base, name) for name in names})

    def rule(self) -> Retries:
        """Return attempts and pauses; worked out once."""
        known = self.__dict__.get("_rule")
        if known is None:
            known = self._make_rule()
            object.__setattr__(self, "_rule", known)
        return known

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_rule"}

    def _make_rule(self) -> Retries:
        from stpipe.pauses import Retries, exception_names, find_backoff

        backoff = self.backoff if callable(self.backoff) else find_backoff(self.backoff or "fixed")
        on, stop = exception_names(self.retry_on), exception_names(self.stop_on)
        return Retries(self.retries + 1, (self.retry_delay,), backoff, on, stop)

    def accepts(self, result: Any) -> None:
        """Raise RunError if ``retry_until`` does not hold for a result."""
        if self.retry_until is not None and not self.retry_until(result):
            raise RunError("the result does not satisfy retry_until")


_NAMES = tuple(one.name for one in fields(Policy) if one.init)
_init = Policy.__init__


def _remembering(self: Policy, *args: Any, **kwargs: Any) -> None:
    _init(self, *args, **kwargs)
    object.__setattr__(self, "given", frozenset(kwargs) | frozenset(_NAMES[: len(args)]))


Policy.__init__ = _remembering  # type: ignore[method-assign]


def _whole(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"Policy: {name} has to be a whole number from 0 on, not {value!r}")


def _number(value: Any, name: str, *, above: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"Policy: {name} has to be a number, not {value!r}")
    if value < 0 or (above is not None and value <= above):
        raise ValueError(f"Policy: {name} has to be {'above 0' if above is not None else '0 or more'}, not {value!r}")


class _Tries:
    """The attempts at one entry under a policy: counted, and told to the engine."""

    def __init__(self, policy: Policy, label: str, attempts: Attempts | None) -> None:
        self.policy = policy
        self.label = label
        self.rule = policy.rule()
        self.around = active_token()
        self.attempts = attempts or Attempts()
        self.attempts.max_retries = policy.retries
        self.attempts.ignored = lambda error: policy.ignore_errors and not self.is_stopped()
        self.attempts.accepts = policy.accepts if policy.retry_until is not None else None
        self.attempts.ends = self.is_last
        self.count = self.attempts.retry_count  # some may have been made by a worker that is gone

    def is_stopped(self) -> bool:
        """Whether the run around has been told to stop."""
        return self.around is not None and self.around.look() is not None

    def is_last(self, error: BaseException) -> bool:
        """Whether no attempt follows this error."""
        return self.is_stopped() or not self.rule.tries_again(error, self.count)

    def pause_after(self, error: Exception) -> float:
        """Return the seconds before the next attempt, which is told; raise the error if there is none."""
        if self.is_last(error):
            self.attempts.never_ran({"step": self.label}, error)
            raise error
        self.attempts.retry_count = self.count
        events.emit("step_target_retry", step=self.label, event_data=self.attempts.counts())
        return self.rule.seconds(self.count - 1)

    def token(self) -> CancelToken | None:
        """Return the token of one attempt, if its time is limited."""
        seconds = self.policy.timeout
        return None if seconds is None else CancelToken(seconds, what=f"step {self.label}", outer=self.around)


def attempt(policy: Policy, label: str, call: Callable[[], Any], attempts: Attempts | None = None) -> Any:
    """Call something that reports itself to the engine, as often as the rules say.

    Parameters
    ----------
    policy : Policy
        The rules.
    label : str
        Of the step, for events.
    call : callable
        One attempt.
    attempts : Attempts, optional
        Keeps the number of retries; a new one by default.

    Returns
    -------
    object
        What the first good attempt returned.

    Raises
    ------
    Exception
        The last error; at once where the run has been told to stop.
    """
    tries = _Tries(policy, label, attempts)
    while True:
        tries.count += 1
        token = tries.token()
        try:
            with attempting(tries.attempts), cancellable(token) if token is not None else nullcontext():
                return call()
        except Exception as error:
            seconds = tries.pause_after(error)
        if seconds > 0:
            from stpipe.pauses import pause

            pause(seconds)


async def attempt_async(policy: Policy, label: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """Do as `attempt` with coroutines; one that is out of time is cancelled."""
    tries = _Tries(policy, label, None)
    while True:
        tries.count += 1
        try:
            with attempting(tries.attempts):
                return await _within(policy.timeout, label, call())
        except Exception as error:
            seconds = tries.pause_after(error)
        await _sleep(seconds)


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


async def _within(seconds: float | None, label: str, coroutine: Awaitable[Any]) -> Any:
    if seconds is None:
        return await coroutine
    import asyncio

    try:
        async with asyncio.timeout(seconds) as limit:
            return await coroutine
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise RunTimeoutError(f"step {label} has taken more than {seconds:g} s") from error


_POLICY: ContextVar[Policy | None] = ContextVar("stpipe_policy", default=None)


@contextmanager
def governed(policy: Policy | None) -> Iterator[None]:
    """Let the steps of graphs that are called inside a block have these rules."""
    token = _POLICY.set(policy)
    try:
        yield
    finally:
        _POLICY.reset(token)


def active_policy() -> Policy | None:
    """Return the rules for steps of graphs in this context."""
    return _POLICY.get()
