"""Reset transient of MIRI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.reset.reset_step import ResetStep

__all__ = ["ResetStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.reset.reset_step import ResetStep

        return ResetStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
