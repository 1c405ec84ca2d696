"""Stopping a command by a signal: at a checkpoint the first time, at once the second time.

An exception that a signal raises in the middle of anything may leave a lock behind; so the first one only sets a flag.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["stoppable"]

_HANGUP = getattr(signal, "SIGHUP", None)


@contextmanager
def stoppable(message: str = "") -> Iterator[Callable[[], bool]]:
    """Give what says whether SIGINT, SIGTERM or SIGHUP has come; a second SIGINT interrupts at once.

    Parameters
    ----------
    message : str
        Printed on standard error when the first one comes.
    """
    asked: list[int] = []
    stream = sys.stderr  # during a run prints are collected

    def ask(number: int, _: object) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)
        if message:
            print(f"\n{message}", file=stream, flush=True)

    known = [one for one in (signal.SIGINT, signal.SIGTERM, _HANGUP) if one]
    numbers = [one for one in known if signal.getsignal(one) != signal.SIG_IGN]  # nohup has switched them off
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
