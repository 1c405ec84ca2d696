"""Remove offsets and drifts with reference pixels."""

from __future__ import annotations

__all__ = ["RefPixStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.refpix.refpix_step import RefPixStep

        return RefPixStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
