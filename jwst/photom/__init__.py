"""Photometric calibration."""

from __future__ import annotations

__all__ = ["PhotomStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.photom.photom_step import PhotomStep

        return PhotomStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
