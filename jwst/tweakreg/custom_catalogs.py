"""Catalogues that users bring for their exposures. Source: spec tweakreg.md §2."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stpipe.exceptions import InputError, ParameterError

__all__ = ["CustomCatalogs", "for_alignment", "read_catfile", "read_table"]

log = logging.getLogger(__name__)

_NAMES = {"x": ("x", "xcentroid", "x_centroid"), "y": ("y", "ycentroid", "y_centroid")}
_KEPT = ("id", "x", "y", "flux")


@dataclass(frozen=True)
class CustomCatalogs:
    """Which exposure has a catalogue of its user, and where.

    Parameters
    ----------
    listed : mapping of str to str
        Paths by file name of the exposure; an empty text asks for a catalogue made here.
    folder : str
        Where relative names in the metadata of exposures start.
    """

    listed: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    def path_for(self, model: Any) -> str:
        """Path of the catalogue of an exposure; empty where there is none."""
        name = os.path.basename(model.meta.filename or "")
        if name in self.listed:
            return self.listed[name]
        given = (model.meta.tweakreg_catalog or "").strip()
        return os.path.join(self.folder, os.path.expanduser(given)) if given else ""


def read_catfile(path: str) -> dict[str, str]:
    """Read a list of exposures and their catalogues.

    Parameters
    ----------
    path : str
        A text with one exposure per line: the name of its file and that of its catalogue, relative to the folder of the
        list. Without a second name the catalogue is made here. Lines with ``#`` and empty ones are not read.

    Returns
    -------
    dict of str to str
        Paths of catalogues by file name of the exposure; an empty text where there is none.

    Raises
    ------
    ParameterError
        The file cannot be read, or a line has more than two columns (a ValueError).
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.split() for line in file if line.strip() and not line.lstrip().startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"The list of catalogues (catfile) {path} cannot be read: {error}") from error
    wrong = next((line for line in lines if len(line) > 2), None)
    if wrong is not None:
        raise ParameterError(
            f"The list of catalogues (catfile) {path} has a line with {len(wrong)} columns: {' '.join(wrong)!r}; give "
            "the file name of an exposure and that of its catalogue"
        )
    if not lines:
        log.warning("The list of catalogues (catfile) %s is empty: all catalogues are made here", path)
    folder = os.path.dirname(path)
    return {
        os.path.basename(line[0]): os.path.join(folder, os.path.expanduser(line[1])) if len(line) > 1 else ""
        for line in lines
    }


def read_table(path: str, what: str) -> Any:
    """Read a table of any format that astropy knows.

    Parameters
    ----------
    path : str
    what : str
        What it is, for the error.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError
        There is no such file, or it is no table.
    """
    if not os.path.isfile(path):
        raise InputError(f"{what} {path} does not exist")
    from astropy.table import QTable, Table

    from jwst.tweakreg.starfinders import quiet

    try:
        with quiet(what):
            table = Table.read(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise InputError(f"{what} {path} cannot be read as a table: {reason[0]}") from error
    return Table(table) if isinstance(table, QTable) else table


def for_alignment(catalog: Any, wcs: Any, name: str) -> Any:
    """Prepare a catalogue of an exposure for alignment.

    Parameters
    ----------
    catalog : astropy.table.Table
        With places of sources in columns ``x`` and ``y``, ``xcentroid`` and ``ycentroid``, or ``x_centroid`` and
        ``y_centroid``; pixels from 0. Stays as it is.
    wcs : gwcs.wcs.WCS
        Of the exposure; only sources inside its bounding box are kept.
    name : str
        Of the catalogue.

    Returns
    -------
    astropy.table.Table
        Columns ``id``, ``x``, ``y``, ``flux`` as far as there are any.

    Raises
    ------
    InputError
        The catalogue does not say where the sources are (a ValueError).
    """
    from astropy.table import Table

    columns: dict[str, Any] = {}
    for wanted, names in _NAMES.items():
        found = next((one for one in names if one in catalog.colnames), None)
        if found is None:
            raise InputError(
                f"The catalogue {name} does not say where its sources are: it has none of the columns "
                f"{', '.join(names)}, but {', '.join(catalog.colnames) or 'no columns'}"
            )
        columns[wanted] = catalog[found]
    columns |= {one: catalog[one] for one in ("id", "flux") if one in catalog.colnames}
    table = Table({one: columns[one] for one in _KEPT if one in columns})
    table = table[_inside(table, wcs)]
    table.meta["name"] = name
    return table


def _inside(table: Any, wcs: Any) -> np.ndarray:
    """Sources that lie in the bounding box, and not on its edge."""
    x, y = (np.ma.filled(np.ma.asarray(table[axis], np.float64), np.nan) for axis in ("x", "y"))
    if wcs.bounding_box is None:
        return np.isfinite(x) & np.isfinite(y)
    (left, right), (bottom, top) = wcs.bounding_box.bounding_box(order="F")
    return (x > left) & (x < right) & (y > bottom) & (y < top)
