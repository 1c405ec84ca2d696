"""Rescaling of rates taken with a non-standard gain."""

from __future__ import annotations

__all__ = ["GainScaleStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.gain_scale.gain_scale_step import GainScaleStep

        return GainScaleStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
