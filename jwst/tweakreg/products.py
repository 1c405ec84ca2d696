"""Catalogues as files. Source: spec tweakreg.md §2."""

from __future__ import annotations

from typing import Any

__all__ = ["TableFile"]


class TableFile:
    """A table that can be saved like a model.

    Parameters
    ----------
    table : astropy.table.Table
    """

    def __init__(self, table: Any) -> None:
        self.table = table

    def save(self, path: str) -> str:
        """Write a file of the type that its name tells, and return its path."""
        kind = "fits" if path.endswith(".fits") else "ascii.ecsv"
        self.table.write(path, format=kind, overwrite=True)
        return path
