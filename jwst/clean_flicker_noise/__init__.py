"""Read-to-read (1/f) noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.clean_flicker_noise.clean_flicker_noise_step import CleanFlickerNoiseStep

__all__ = ["CleanFlickerNoiseStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.clean_flicker_noise.clean_flicker_noise_step import CleanFlickerNoiseStep

        return CleanFlickerNoiseStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
