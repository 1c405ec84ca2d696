"""Pools made of the headers of exposures; not part of this release."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = ["mkpool"]

mkpool = missing("mkpool", __name__)
