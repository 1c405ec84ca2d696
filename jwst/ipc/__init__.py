"""Correct inter-pixel capacitance."""

from __future__ import annotations

__all__ = ["IPCStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.ipc.ipc_step import IPCStep

        return IPCStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
