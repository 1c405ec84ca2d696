"""How much memory there is, what the tasks under way hold of it, and what the next one will take."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress

__all__ = ["MIB", "MemoryModel", "available_memory", "memory_text", "resident_memory"]

MIB = 1 << 20
_GUESS_BASE = 350 * MIB
_GUESS_FACTOR = 4.0
_LEAST_BASE = 100 * MIB
_LEAST_FACTOR = 1.25
_MARGIN = 1.1
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_KEPT_SECONDS = 0.2


class MemoryModel:
    """What a task takes by the size of its input: at first a careful guess, then what others have taken.

    Between two sizes that have been seen the memory grows evenly; below the smallest it is that of the smallest, or the
    guess if that is less; beyond the largest it grows as the guess does. A tenth is added to what was seen.
    """

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._taken: list[int] = []

    @property
    def has_learnt(self) -> bool:
        """Whether anything has been seen."""
        return bool(self._sizes)

    def learn(self, size: int, taken: int) -> None:
        """Note what a task has taken.

        Parameters
        ----------
        size, taken : int
            Bytes of the input in memory, and of the process at most.
        """
        if taken <= 0:
            return
        place = bisect_left(self._sizes, size)
        if place < len(self._sizes) and self._sizes[place] == size:
            self._taken[place] = max(self._taken[place], taken)
        else:
            self._sizes.insert(place, size)
            self._taken.insert(place, taken)

    def estimate(self, size: int) -> int:
        """Bytes that a task with an input of this size will take."""
        guess = _GUESS_BASE + _GUESS_FACTOR * size
        if not self._sizes:
            return int(guess)
        if size < self._sizes[0]:
            return int(min(_MARGIN * self._taken[0], guess))
        beyond = max(0, size - self._sizes[-1])
        return int(_MARGIN * self._seen(size) + _GUESS_FACTOR * beyond)

    def least(self, size: int) -> int:
        """Bytes that it will take at the very least."""
        least = _LEAST_BASE + _LEAST_FACTOR * size
        if not self._sizes:
            return int(least)
        if size < self._sizes[0]:
            return int(min(self._taken[0], least))
        return int(self._seen(size) + _LEAST_FACTOR * max(0, size - self._sizes[-1]))

    def _seen(self, size: int) -> float:
        """What was taken, between two sizes evenly; beyond the largest that of the largest."""
        place = bisect_left(self._sizes, size)
        if place == len(self._sizes):
            return self._taken[-1]
        if place == 0 or self._sizes[place] == size:
            return self._taken[place]
        (low, high), (few, many) = self._sizes[place - 1 : place + 1], self._taken[place - 1 : place + 1]
        return few + (many - few) * (size - low) / (high - low)


def available_memory() -> int | None:
    """Bytes that new processes could take now, of the computer and of the control group; None where nobody tells."""
    now = time.monotonic()
    if now - _Known.at > _KEPT_SECONDS:
        _Known.at, _Known.free = now, min(_rooms(), default=None)
    return _Known.free


class _Known:
    """What was found out last, kept for a moment."""

    at = -1.0
    free: int | None = None


def _rooms() -> Iterator[int]:
    with suppress(OSError, StopIteration, ValueError), open("/proc/meminfo", "rb") as file:
        yield int(next(line for line in file if line.startswith(b"MemAvailable:")).split()[1]) * 1024
    for limit, used in _CGROUPS:
        with suppress(OSError, ValueError):
            yield max(0, _number(limit) - _number(used) + _reclaimable(os.path.dirname(limit)))


def _number(path: str) -> int:
    with open(path, "rb") as file:
        return int(file.read())


def _reclaimable(folder: str) -> int:
    """Bytes of a control group that only hold copies of files."""
    with suppress(OSError, StopIteration, ValueError), open(os.path.join(folder, "memory.stat"), "rb") as file:
        return int(
            next(line for line in file if line.startswith((b"inactive_file ", b"total_inactive_file "))).split()[1]
        )
    return 0


def resident_memory(pid: int) -> int:
    """Bytes that a process holds now; 0 where that cannot be told."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def memory_text(size: float) -> str:
    """Return ``820 MB`` or ``2.1 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
