"""`main` of the command ``stpipe``."""

from __future__ import annotations

from stpipe.cli.main import handle_args, main

__all__ = ["handle_args", "main"]
