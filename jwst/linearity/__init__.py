"""Correction of the non-linear response of the detectors."""

from __future__ import annotations

__all__ = ["LinearityStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.linearity.linearity_step import LinearityStep

        return LinearityStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
