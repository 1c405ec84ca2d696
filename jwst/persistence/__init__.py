"""Persistence: flags after saturation, and the trap model."""

from __future__ import annotations

__all__ = ["PersistenceStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.persistence.persistence_step import PersistenceStep

        return PersistenceStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
