"""Exposures aligned group after group, in their order: what ``tweakwcs.align_wcs`` does, without any outlines.

tweakwcs finds the outline of every catalogue on the sphere, and unites and intersects outlines. They matter only for
the order, where the catalogue of reference grows; they take most of its time. Matching and fitting are its own.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

__all__ = ["align_in_order"]

_UNKNOWN = "FAILED: Unknown error"
_EMPTY = "FAILED: empty source catalog"


def align_in_order(correctors: Sequence[Any], refcat: Any = None, **fit: Any) -> bool:
    """Align groups of exposures to the first of them, or to a catalogue.

    Parameters
    ----------
    correctors : sequence of tweakwcs.correctors.JWSTWCSCorrector
        Corrected in place; what became of each is in ``meta["fit_info"]["status"]``.
    refcat : astropy.table.Table, optional
        Columns ``RA`` and ``DEC``, deg.
    **fit
        ``minobj``, ``match``, ``fitgeom``, ``nclip``, ``sigma`` and ``clip_accum`` of ``tweakwcs.align_wcs``.

    Returns
    -------
    bool
        False: too few groups have sources, and nothing was done.
    """
    kinds = _catalogs()
    groups = _groups(correctors, kinds)
    if len(groups) < (2 if refcat is None else 1):
        return False
    if refcat is None:
        first = groups.pop(0)
        reference = kinds.Reference(first.catalog, name=first[0].name)
        for member in first:
            member.corrector.meta["fit_info"] = {"status": "REFERENCE"}
    else:
        reference = kinds.Reference(refcat, name=refcat.meta.get("name", "Unnamed"))
    for group in groups:
        group.align_to_ref(refcat=reference, ref_tpwcs=_fixed(group[0].corrector), **fit)
        for member in group:
            member.corrector.meta["fit_info"] = member.fit_info
    return True


def _groups(correctors: Sequence[Any], kinds: SimpleNamespace) -> list[Any]:
    """Groups that have sources, in order of their first members."""
    members: dict[Any, list[Any]] = {}
    for number, corrector in enumerate(correctors):
        meta = corrector.meta
        image = kinds.Image(meta["catalog"], corrector, name=meta.get("name"), group_id=meta.get("group_id"))
        image.fit_status = _UNKNOWN
        alone = image.group_id is None
        members.setdefault((alone, number if alone else image.group_id), []).append(image)
    groups = []
    for (_, name), images in members.items():
        group = kinds.Group(images, name=f"GROUP ID: {name}")
        if len(group.catalog):
            groups.append(group)
            continue
        for image in images:
            image.corrector.meta["fit_info"] = {"status": _EMPTY}
    return groups


def _fixed(corrector: Any) -> Any:
    """A corrector that keeps its tangent plane when the given one is corrected, and shares the rest with it.

    A correction replaces all but the transform to the tangent plane, which it changes in place.
    """
    plane = copy.copy(corrector)
    plane._partial_tpcorr = copy.deepcopy(corrector._partial_tpcorr)
    return plane


@functools.cache
def _catalogs() -> SimpleNamespace:
    """Catalogues of tweakwcs that have no outlines."""
    from tweakwcs.wcsimage import RefCatalog, WCSGroupCatalog, WCSImageCatalog

    class Image(WCSImageCatalog):
        def calc_bounding_polygon(self) -> None:
            """Do nothing: it is not needed."""

    class Group(WCSGroupCatalog):
        def update_bounding_polygon(self) -> None:
            """Do nothing: it is not needed."""

    class Reference(RefCatalog):
        def calc_bounding_polygon(self) -> None:
            """Do nothing: it is not needed."""

    return SimpleNamespace(Image=Image, Group=Group, Reference=Reference)
