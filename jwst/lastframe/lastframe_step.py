"""The lastframe step: its name and parameters. Source: spec lastframe.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep

__all__ = ["LastFrameStep"]


class LastFrameStep(NotBuiltStep):
    """Flag the last group of MIRI integrations (not in this release)."""

    class_alias = "lastframe"
