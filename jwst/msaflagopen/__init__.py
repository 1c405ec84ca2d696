"""Shutters of NIRSpec that are stuck open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.msaflagopen.msaflagopen_step import MSAFlagOpenStep

__all__ = ["MSAFlagOpenStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.msaflagopen.msaflagopen_step import MSAFlagOpenStep

        return MSAFlagOpenStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
