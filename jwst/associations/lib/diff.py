"""Differences between associations, in words; not part of this release, but ``asn1 == asn2`` compares two."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = [
    "compare_asn_files",
    "compare_asn_lists",
    "compare_asns",
    "compare_membership",
    "compare_product_membership",
]

_INSTEAD = "asn1 == asn2 says whether two associations have the same products and members"

compare_asn_files = missing("compare_asn_files", __name__, _INSTEAD)
compare_asn_lists = missing("compare_asn_lists", __name__, _INSTEAD)
compare_asns = missing("compare_asns", __name__, _INSTEAD)
compare_membership = missing("compare_membership", __name__, _INSTEAD)
compare_product_membership = missing("compare_product_membership", __name__, _INSTEAD)
