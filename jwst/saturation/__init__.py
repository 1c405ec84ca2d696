"""Flag saturated samples and samples at the A/D floor."""

from __future__ import annotations

__all__ = ["SaturationStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.saturation.saturation_step import SaturationStep

        return SaturationStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
