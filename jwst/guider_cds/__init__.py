"""Count rates of the fine guidance sensor."""

from __future__ import annotations

__all__ = ["GuiderCdsStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.guider_cds.guider_cds_step import GuiderCdsStep

        return GuiderCdsStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
