"""`FunctionWrapper` under the module name that test code imports."""

from __future__ import annotations

from stpipe.hooks import FunctionWrapper

__all__ = ["FunctionWrapper"]
