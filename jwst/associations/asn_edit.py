"""Members added to association files, or taken out; not part of this release."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = ["AsnFileWarning", "add", "reader", "remove", "writer"]

_INSTEAD = "load the file with load_asn, change the lists of members, and write it with json.dump"


class AsnFileWarning(Warning):
    """Something that was to be taken out of an association is not in it."""


add = missing("add", __name__, _INSTEAD)
remove = missing("remove", __name__, _INSTEAD)
reader = missing("reader", __name__, _INSTEAD)
writer = missing("writer", __name__, _INSTEAD)
