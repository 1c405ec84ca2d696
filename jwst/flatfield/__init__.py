"""Flat-field correction."""

from __future__ import annotations

__all__ = ["FlatFieldStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.flatfield.flat_field_step import FlatFieldStep

        return FlatFieldStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
