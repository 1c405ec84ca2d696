"""Background subtraction."""

from __future__ import annotations

__all__ = ["BackgroundStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.background.background_step import BackgroundStep

        return BackgroundStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
