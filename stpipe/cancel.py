"""Stopping a run: a token that says whether it may go on, and `checkpoint`, which looks at it (running.md R15-R17)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["CancelToken", "active_token", "cancellable", "checkpoint", "is_stop"]

_RUN = "the run"


class CancelToken:
    """Asks a run to stop at its next checkpoint.

    Parameters
    ----------
    timeout : float, optional
        Seconds from now after which the run is out of time.
    poll : callable, optional
        ``poll() -> bool``; True cancels the run.
    what : str
        What is out of time then, for the message.
    outer : CancelToken, optional
        Token of the run around; it counts, too.

    Attributes
    ----------
    error : BaseException or None
        What `check` raises; None while the run may go on, as far as is known.
    """

    def __init__(
        self,
        timeout: float | None = None,
        *,
        poll: Callable[[], bool] | None = None,
        what: str = _RUN,
        outer: CancelToken | None = None,
    ) -> None:
        self.error: BaseException | None = None
        self.timeout: float | None = None
        self.deadline: float | None = None
        if timeout is not None:
            self.limit(timeout)
        self._poll = poll
        self._what = what
        self._outer = outer

    def limit(self, seconds: float) -> None:
        """Let the run be out of time so many seconds from now."""
        self.timeout = seconds
        self.deadline = time.monotonic() + seconds

    def cancel(self, error: BaseException | None = None) -> None:
        """Have the next `check` raise ``error``, by default a CanceledError; the first call wins."""
        if self.error is None:
            self.error = error if error is not None else self._canceled()

    def look(self) -> BaseException | None:
        """Return what `check` would raise, or None; asks ``poll`` and looks at the clock."""
        outer = self._outer.look() if self._outer is not None else None
        if self.error is None and outer is None:
            if self.deadline is not None and time.monotonic() > self.deadline:
                self.cancel(self._late())
            elif self._poll is not None and self._poll():
                self.cancel()
        return self.error or outer

    def check(self) -> None:
        """Raise what `look` gives, if anything."""
        error = self.look()
        if error is not None:
            raise error.with_traceback(None)

    def remaining(self) -> float | None:
        """Return the seconds left, of this token and those around it; None for no limit."""
        own = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        outer = self._outer.remaining() if self._outer is not None else None
        return min((left for left in (own, outer) if left is not None), default=None)

    def _canceled(self) -> BaseException:
        from stpipe.exceptions import CanceledError

        return CanceledError(f"{self._what} was canceled")

    def _late(self) -> BaseException:
        from stpipe.exceptions import RunTimeoutError

        error = RunTimeoutError(f"{self._what} has taken more than {self.timeout:g} s")
        error.of_run = self._what == _RUN
        return error


_TOKEN: ContextVar[CancelToken | None] = ContextVar("stpipe_cancel", default=None)


def active_token() -> CancelToken | None:
    """Return the token that governs this context, or None."""
    return _TOKEN.get()


@contextmanager
def cancellable(token: CancelToken) -> Iterator[CancelToken]:
    """Let a token govern the runs inside a block."""
    reset = _TOKEN.set(token)
    try:
        yield token
    finally:
        _TOKEN.reset(reset)


def is_stop(error: BaseException) -> bool:
    """Whether an error only says that the run of this context was told to stop, or is out of time."""
    from stpipe.exceptions import CanceledError, RunTimeoutError

    if not isinstance(error, CanceledError) and not (isinstance(error, RunTimeoutError) and error.of_run):
        return False
    token = _TOKEN.get()
    return token is not None and token.look() is not None


def checkpoint() -> None:
    """Stop here if the run has been cancelled or is out of time; otherwise do nothing."""
    token = _TOKEN.get()
    if token is not None:
        token.check()
