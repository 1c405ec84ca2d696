"""Associations: which exposures are processed together, and into which products.

Associations are loaded (`load_asn`) and made of lists (`jwst.associations.asn_from_list`). The generator, which makes
them of pools, is not part of this release: its names can be imported, and raise a `NotBuiltError` when
they are used.
"""

from __future__ import annotations

from typing import Any

from jwst import __version__
from jwst.associations import asn_from_list
from jwst.associations.association import Association
from jwst.associations.exceptions import AssociationError, AssociationNotAConstraintError, AssociationNotValidError
from jwst.associations.load_asn import load_asn
from jwst.associations.main import Main, main
from jwst.associations.not_built import missing
from jwst.associations.registry import AssociationRegistry, RegistryMarker

__all__ = [
    "Association",
    "AssociationError",
    "AssociationNotAConstraintError",
    "AssociationNotValidError",
    "AssociationPool",
    "AssociationRegistry",
    "ListCategory",
    "Main",
    "ProcessItem",
    "ProcessList",
    "ProcessListQueue",
    "ProcessQueue",
    "ProcessQueueSorted",
    "RegistryMarker",
    "__version__",
    "asn_from_list",
    "generate",
    "libpath",
    "load_asn",
    "main",
]

_MISSING = frozenset(
    {
        "AssociationPool",
        "ListCategory",
        "ProcessItem",
        "ProcessList",
        "ProcessListQueue",
        "ProcessQueue",
        "ProcessQueueSorted",
        "generate",
        "libpath",
    }
)


def __getattr__(name: str) -> Any:
    """Make a name of the generator that can be imported."""
    if name not in _MISSING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = missing(name, __name__)
    return value
