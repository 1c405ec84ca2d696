"""Fit a count rate to every ramp."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.ramp_fitting.ramp_fit_step import RampFitStep

__all__ = ["RampFitStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.ramp_fitting.ramp_fit_step import RampFitStep

        return RampFitStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
