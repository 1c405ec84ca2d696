"""Sky levels of overlapping images."""

from __future__ import annotations

__all__ = ["SkyMatchStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.skymatch.skymatch_step import SkyMatchStep

        return SkyMatchStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
