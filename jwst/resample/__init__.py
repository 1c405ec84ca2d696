"""Combination of images on one undistorted grid."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.resample.resample_step import ResampleStep

__all__ = ["ResampleStep", "resample", "resample_step", "resample_utils"]

_MODULES = frozenset(__all__) - {"ResampleStep"}


def __getattr__(name: str) -> object:
    if name == "ResampleStep":
        from jwst.resample.resample_step import ResampleStep

        return ResampleStep
    if name in _MODULES:
        return import_module(f"jwst.resample.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
