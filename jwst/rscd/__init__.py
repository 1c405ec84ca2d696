"""Reset switch charge decay of MIRI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.rscd.rscd_step import RscdStep

__all__ = ["RscdStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.rscd.rscd_step import RscdStep

        return RscdStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
