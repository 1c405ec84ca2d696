"""`main` of the command ``strun``."""

from __future__ import annotations

from stpipe.cli.strun import main

__all__ = ["main"]
