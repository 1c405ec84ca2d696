"""Subtraction of the dark current."""

from __future__ import annotations

__all__ = ["DarkCurrentStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.dark_current.dark_current_step import DarkCurrentStep

        return DarkCurrentStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
