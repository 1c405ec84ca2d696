"""World coordinates that move with a target of the solar system."""

from __future__ import annotations

__all__ = ["AssignMTWcsStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.assign_mtwcs.assign_mtwcs_step import AssignMTWcsStep

        return AssignMTWcsStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
