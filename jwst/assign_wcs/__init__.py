"""World coordinates of an exposure: from pixels to the sky and to wavelengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.assign_wcs.assign_wcs_step import AssignWcsStep

__all__ = ["AssignWcsStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.assign_wcs.assign_wcs_step import AssignWcsStep

        return AssignWcsStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
