"""Detection and photometry of sources in a combined image."""

from __future__ import annotations

__all__ = ["SourceCatalogStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.source_catalog.source_catalog_step import SourceCatalogStep

        return SourceCatalogStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
