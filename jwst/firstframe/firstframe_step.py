"""The firstframe step: its name and parameters. Source: spec firstframe.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep
from stpipe import Param

__all__ = ["FirstFrameStep"]


class FirstFrameStep(NotBuiltStep):
    """Flag the first group of MIRI integrations (not in this release)."""

    class_alias = "firstframe"

    bright_use_group1 = Param(True, "keep group 1 where group 3 is saturated")
    skip = Param(True, "skip this step")
