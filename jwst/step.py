"""All step classes of this package; each is imported when it is first asked for."""

from __future__ import annotations

from jwst.stpipe.integration import STEPS

__all__ = [entry.name for entry in STEPS]  # noqa: PLE0604

_MODULES = {entry.name: f"jwst.{entry.module}" for entry in STEPS}


def __getattr__(name: str) -> object:
    """Import a step class."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
