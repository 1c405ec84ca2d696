"""Copies of associations with their members; not part of this release."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = ["asn_gather"]

asn_gather = missing("asn_gather", __name__, "copy the members to one folder, and change their names with update_path")
