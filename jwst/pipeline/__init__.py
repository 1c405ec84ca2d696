"""All pipeline classes of this package; each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwst.stpipe.integration import PIPELINES

if TYPE_CHECKING:
    from jwst.pipeline.calwebb_dark import DarkPipeline
    from jwst.pipeline.calwebb_detector1 import Detector1Pipeline
    from jwst.pipeline.calwebb_guider import GuiderPipeline
    from jwst.pipeline.calwebb_image2 import Image2Pipeline
    from jwst.pipeline.calwebb_image3 import Image3Pipeline

__all__ = ["DarkPipeline", "Detector1Pipeline", "GuiderPipeline", "Image2Pipeline", "Image3Pipeline"]

_MODULES = {entry.name: f"jwst.{entry.module}" for entry in PIPELINES}


def __getattr__(name: str) -> object:
    """Import a pipeline class."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
