"""Thermal picture frame of NIRSpec."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.picture_frame.picture_frame_step import PictureFrameStep

__all__ = ["PictureFrameStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.picture_frame.picture_frame_step import PictureFrameStep

        return PictureFrameStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
