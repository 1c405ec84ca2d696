"""`SystemCall` under the module name that test code imports."""

from __future__ import annotations

from stpipe.hooks import SystemCall

__all__ = ["SystemCall"]
