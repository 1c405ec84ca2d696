"""Electromagnetic interference in MIRI ramps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.emicorr.emicorr_step import EmiCorrStep

__all__ = ["EmiCorrStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.emicorr.emicorr_step import EmiCorrStep

        return EmiCorrStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
