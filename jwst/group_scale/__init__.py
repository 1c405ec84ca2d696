"""Undo a wrong on-board averaging divisor."""

from __future__ import annotations

__all__ = ["GroupScaleStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.group_scale.group_scale_step import GroupScaleStep

        return GroupScaleStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
