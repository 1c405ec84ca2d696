"""The JWST calibration pipeline: steps and pipelines that turn raw exposures into calibrated products."""

from __future__ import annotations

__version__ = "0.1.0"
__version_commit__ = ""

__all__ = ["__version__", "__version_commit__"]
