"""The reset step: its name and parameters. Source: spec reset.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep

__all__ = ["ResetStep"]


class ResetStep(NotBuiltStep):
    """Subtract the reset transient of MIRI (not in this release)."""

    class_alias = "reset"
    reference_file_types = ["reset"]
