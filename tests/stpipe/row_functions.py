"""What workers of `stpipe.parallel` do in tests."""

from __future__ import annotations

import os
import signal
import time

import numpy as np


def double(values, total, weights=None, *, factor=2.0):
    """Change rows, fill others; gives the process and the sum."""
    values *= factor
    total[...] = values.sum(axis=0)
    if weights is not None:
        total += weights
    return os.getpid(), float(values.sum(dtype=np.float64))


def slowly(values, total, *, seconds=0.0):
    """Take a while."""
    time.sleep(seconds)
    return double(values, total)


def fail(values, total, *, where=()):
    """Raise where the first value is one of these."""
    if values[0, 0, 0] in where:
        raise ValueError(f"row of {values[0, 0, 0]:.0f} is no good")
    return double(values, total)


class Unsendable(Exception):
    """Cannot be pickled."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fail_oddly(values, total, *, parent=0):
    """Raise what cannot be sent, in workers."""
    if os.getpid() != parent:
        raise Unsendable("this", "that")
    time.sleep(0.05)
    return double(values, total)


def die(values, total, *, parent=0):
    """End a worker in the middle of its work."""
    if os.getpid() != parent:
        values[...] = -1
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return double(values, total)


def ask(values, total):
    """What a worker may use."""
    from stpipe.parallel import cores_of

    return os.getpid(), cores_of("2"), os.environ.get("OMP_NUM_THREADS")


def interrupt(values, total, *, parent=0):
    """Ctrl-C in the parent."""
    if os.getpid() == parent:
        raise KeyboardInterrupt
    time.sleep(0.05)
    return double(values, total)
