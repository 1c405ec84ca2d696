"""How much memory one task has taken at most; a worker does many, and the system counts for the whole process."""

from __future__ import annotations

__all__ = ["forget_peak", "peak"]


def forget_peak() -> bool:
    """Let the count begin again, from what this process holds now; whether the system can do that (Linux can)."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def peak() -> int:
    """Return the most memory, in bytes, that this process has held since; 0 where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            line = next((line for line in file if line.startswith("VmHWM:")), "")
    except OSError:
        return 0
    return int(line.split()[1]) * 1024 if line else 0
