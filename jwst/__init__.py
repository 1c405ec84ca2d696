"""The JWST calibration pipeline: steps and pipelines that turn raw exposures into calibrated products."""

from __future__ import annotations

__all__ = ["__version__", "__version_commit__", "commit_of"]

__version__ = "0.1.0"


def commit_of(version: str) -> str:
    """Commit that a version of a development state names after ``+g``; empty for a release."""
    return version.partition("+g")[2].partition(".")[0]


__version_commit__ = commit_of(__version__)
