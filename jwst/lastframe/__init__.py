"""Last frame of MIRI integrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.lastframe.lastframe_step import LastFrameStep

__all__ = ["LastFrameStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.lastframe.lastframe_step import LastFrameStep

        return LastFrameStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
