"""Rows of references that are chosen by the elements of an exposure."""

from __future__ import annotations

from stpipe.exceptions import InputError

__all__ = ["MatchRowError"]


class MatchRowError(InputError):
    """More than one row of a reference is for the filter and pupil of an exposure."""
