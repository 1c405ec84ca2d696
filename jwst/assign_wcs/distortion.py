"""Distortion and filter offset references: read once for each file, checked, and copied for each exposure."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jwst.assign_wcs.reference_trees import entry_of, read_tree
from stpipe.exceptions import InputError

__all__ = ["distortion_of", "filter_rows"]

log = logging.getLogger(__name__)

_KEPT = 32


class _Copies:
    """Makes copies of a transform. To unpickle takes a sixth of the time of a deep copy."""

    def __init__(self, transform: Any) -> None:
        self.transform = transform
        try:
            self.pickled: bytes | None = pickle.dumps(transform, pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError):
            self.pickled = None

    def copy(self) -> Any:
        return self.transform.copy() if self.pickled is None else pickle.loads(self.pickled)


def _checked(tree: Mapping[str, Any]) -> Any:
    """The transform of a distortion reference."""
    from astropy.modeling import Model

    transform = entry_of(tree, "model", "distortion")
    if not isinstance(transform, Model) or (transform.n_inputs, transform.n_outputs) != (2, 2):
        raise InputError(
            "The 'model' of the DISTORTION reference is no transform from two pixels to V2 and V3. "
            "Give a reference for images"
        )
    return transform


@lru_cache(maxsize=_KEPT)
def _read(path: str, reftype: str, written: int, size: int) -> tuple[dict[str, Any], _Copies | None]:
    """Contents of a file as it is now: a file that is written again is read again."""
    tree = read_tree(path, reftype)
    return tree, _Copies(_checked(tree)) if reftype == "distortion" else None


def _contents(reference: Any, reftype: str) -> tuple[dict[str, Any], _Copies | None]:
    if isinstance(reference, str | os.PathLike) and os.path.isfile(reference):
        state = os.stat(reference)
        return _read(os.path.abspath(reference), reftype, state.st_mtime_ns, state.st_size)
    return read_tree(reference, reftype), None


def _compare(model: Any, tree: Mapping[str, Any], reftype: str) -> None:
    """Warn where the reference says that it is for another instrument or detector."""
    theirs = tree.get("meta", {}).get("instrument", {})
    for name in ("name", "detector"):
        mine, other = getattr(model.meta.instrument, name), theirs.get(name)
        if mine and other and other not in ("N/A", "ANY") and mine != other:
            log.warning("The %s reference is for %s, and the exposure is of %s", reftype.upper(), other, mine)


def distortion_of(model: Any, reference: Any) -> Any:
    """Take the transform out of a distortion reference.

    Parameters
    ----------
    model : data model
        Exposure.
    reference : str, Path or data model
        DISTORTION reference.

    Returns
    -------
    astropy.modeling.Model
        (x, y) in pixels of the full detector from 0 to (V2, V3) in arcsec; the caller's own.

    Raises
    ------
    InputError
        There is no such reference, or no transform from two to two coordinates in it.
    """
    tree, copies = _contents(reference, "distortion")
    _compare(model, tree, "distortion")
    return _checked(tree).copy() if copies is None else copies.copy()


def filter_rows(model: Any, reference: Any) -> list[Mapping[str, Any]]:
    """Take the rows out of a filter offset reference.

    Parameters
    ----------
    model : data model
        Exposure.
    reference : str, Path or data model
        FILTEROFFSET reference.

    Returns
    -------
    list of mapping
        With the filter, the pupil if the instrument has one, and ``column_offset`` and ``row_offset`` in pixels.

    Raises
    ------
    InputError
        There is no such reference, or it has no such rows.
    """
    tree, _ = _contents(reference, "filteroffset")
    _compare(model, tree, "filteroffset")
    rows = entry_of(tree, "filters", "filteroffset")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError("The 'filters' of the FILTEROFFSET reference are no rows of names and values")
    return rows
