"""The states of a run and its return codes (running.md R4, R5)."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CANCELED", "FAILED", "NOT_FOUND", "SUCCESSFUL", "WRONG", "Status"]

SUCCESSFUL, NOT_FOUND, FAILED, WRONG, CANCELED = 0, 1, 2, 4, 254


class Status(StrEnum):
    """State of a run; equal to its text."""

    UNSTARTED = "unstarted"
    STARTING = "starting"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    CANCELED = "canceled"
    TIMEOUT = "timeout"

    @property
    def is_final(self) -> bool:
        """Whether no other can follow."""
        return self not in (Status.UNSTARTED, Status.STARTING, Status.RUNNING)
