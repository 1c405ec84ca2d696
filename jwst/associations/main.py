"""The generator and its command ``asn_generate``; not part of this release."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = ["Main", "main"]

Main = missing("Main", __name__)
main = missing("main", __name__)
