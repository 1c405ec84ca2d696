"""The rscd step: its name and parameters. Source: spec rscd.md."""

from __future__ import annotations

from jwst.stpipe.not_built import NotBuiltStep

__all__ = ["RscdStep"]


class RscdStep(NotBuiltStep):
    """Flag the first groups of MIRI integrations (not in this release)."""

    class_alias = "rscd"
    reference_file_types = ["rscd"]
