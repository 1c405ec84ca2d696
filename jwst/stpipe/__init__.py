"""The base of all JWST steps and pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.stpipe.core import JwstPipeline as Pipeline
    from jwst.stpipe.core import JwstStep as Step
    from jwst.stpipe.utilities import query_step_status, record_step_status

__all__ = ["Pipeline", "Step", "query_step_status", "record_step_status"]

_HOMES = {
    "Pipeline": ("jwst.stpipe.core", "JwstPipeline"),
    "Step": ("jwst.stpipe.core", "JwstStep"),
    "query_step_status": ("jwst.stpipe.utilities", "query_step_status"),
    "record_step_status": ("jwst.stpipe.utilities", "record_step_status"),
}


def __getattr__(name: str) -> object:
    """Import a public name from its home module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value
