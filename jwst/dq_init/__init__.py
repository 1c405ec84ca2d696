"""Initialise the data quality from the bad-pixel mask."""

from __future__ import annotations

__all__ = ["DQInitStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.dq_init.dq_init_step import DQInitStep

        return DQInitStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
