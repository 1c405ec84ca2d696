"""What a batch would do, and how it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BatchReport", "PlannedExposure"]


@dataclass(frozen=True)
class PlannedExposure:
    """What would be done for one exposure.

    Attributes
    ----------
    name, path : str
        The exposure.
    action : str
        ``run``, ``up to date``, ``skip`` or ``fail``.
    outputs : tuple of str
        Files that would be written, or are there.
    reason : str
        Why it is not run.
    """

    name: str
    path: str
    action: str
    outputs: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class BatchReport:
    """How a batch has ended.

    Attributes
    ----------
    rc : int
        0 all are done, 1 no input, 2 some failed, 4 wrong parameters, 254 stopped.
    total : int
        Exposures.
    counts : mapping
        ``done``, ``up to date``, ``skipped``, ``failed``, ``canceled``: how many.
    seconds : float
        It took.
    manifest : str
        Path.
    failures : tuple
        Name, error and path of the traceback.
    stopped : tuple of str
        Exposures that were under way when it was stopped.
    rss_max : int
        Most memory of one exposure, in bytes.
    error : BaseException or None
        Why nothing was run.
    """

    rc: int
    total: int
    counts: Mapping[str, int]
    seconds: float
    manifest: str
    failures: tuple[tuple[str, str, str | None], ...] = ()
    stopped: tuple[str, ...] = ()
    rss_max: int = 0
    error: BaseException | None = None

    @property
    def left(self) -> int:
        """Number of exposures that were not begun."""
        return self.total - sum(self.counts.values())

    def __str__(self) -> str:
        from stpipe.batch_view import report_text

        return report_text(self)
