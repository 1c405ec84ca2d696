"""Names of `stpipe.cli` under the package name that test code imports."""

from __future__ import annotations

from stpipe.cli.main import handle_args

__all__ = ["handle_args"]
