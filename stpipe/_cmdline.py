"""Building a step from a command line, under the names that test code imports."""

from __future__ import annotations

from stpipe.cli.strun import step_from_cmdline

__all__ = ["FromCommandLine", "step_from_cmdline"]


class FromCommandLine(str):
    """A value that came from the command line; kept for code that tests for it."""

    __slots__ = ()
