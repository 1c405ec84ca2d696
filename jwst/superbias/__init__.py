"""Subtract the detector bias."""

from __future__ import annotations

__all__ = ["SuperBiasStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.superbias.superbias_step import SuperBiasStep

        return SuperBiasStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
