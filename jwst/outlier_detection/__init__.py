"""Outlier detection: cosmic rays and bad pixels that one exposure has and the others have not."""

from __future__ import annotations

__all__ = ["OutlierDetectionStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.outlier_detection.outlier_detection_step import OutlierDetectionStep

        return OutlierDetectionStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
