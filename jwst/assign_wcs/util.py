"""Errors of the world coordinates of an exposure (spec jwst_base.md §1)."""

from __future__ import annotations

from stpipe.exceptions import StpipeExitException

__all__ = ["NoDataOnDetectorError"]

NO_DATA_ON_DETECTOR = 64


class NoDataOnDetectorError(StpipeExitException):
    """No light of the science target falls on this detector: there is nothing to calibrate.

    ``strun`` ends with exit status 64, which operations take for "no data" and not for a failure.

    Parameters
    ----------
    message : str, optional
        What was found.
    """

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            NO_DATA_ON_DETECTOR, message or "The world coordinates say that there is no science data on the detector."
        )
