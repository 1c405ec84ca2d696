"""A step framework for calibration pipelines: parameters, references, products and runs of `Step` and `Pipeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe.exceptions import Skip
    from stpipe.parameters import Param
    from stpipe.pipeline import Pipeline
    from stpipe.result_report import report
    from stpipe.step import Step

__version__ = "0.1.0"

__all__ = ["Param", "Pipeline", "Skip", "Step", "__version__", "report"]

_HOMES = {
    "Param": "stpipe.parameters",
    "Pipeline": "stpipe.pipeline",
    "Skip": "stpipe.exceptions",
    "Step": "stpipe.step",
    "report": "stpipe.result_report",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
