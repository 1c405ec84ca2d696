"""Alignment of exposures to each other and to a catalogue."""

from __future__ import annotations

__all__ = ["TweakRegStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.tweakreg.tweakreg_step import TweakRegStep

        return TweakRegStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
