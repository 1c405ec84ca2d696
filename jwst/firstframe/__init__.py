"""First frame of MIRI integrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.firstframe.firstframe_step import FirstFrameStep

__all__ = ["FirstFrameStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.firstframe.firstframe_step import FirstFrameStep

        return FirstFrameStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
