"""Cosmic-ray jump detection."""

from __future__ import annotations

__all__ = ["JumpStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.jump.jump_step import JumpStep

        return JumpStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
