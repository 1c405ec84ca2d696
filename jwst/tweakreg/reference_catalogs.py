"""Catalogues of true places: files of users, and Gaia from the catalogue service. Source: spec tweakreg.md §5."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stpipe.exceptions import InputError, ParameterError, StpipeException

__all__ = [
    "GAIA_CATALOGS",
    "CatalogServiceError",
    "ReferenceColumnsError",
    "Region",
    "find_region",
    "read_gaia",
    "read_table_of_places",
]

log = logging.getLogger(__name__)

GAIA_CATALOGS = ("GAIADR3", "GAIADR2", "GAIADR1", "GAIAREFCAT", "GAIADR3_S3")

_SERVICE = "https://gsss.stsci.edu/webservices"
_TIMEOUT = 30.0
_PATIENCE = 120.0
_CHUNK = 1 << 16


class CatalogServiceError(StpipeException, OSError):
    """The catalogue service cannot be asked."""


class ReferenceColumnsError(StpipeException, KeyError):
    """A reference catalogue does not say where its sources are."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Region:
    """Part of the sky, and when it was seen.

    Parameters
    ----------
    ra, dec : float, deg
    radius : float, deg
    date : str
        ``YYYY-MM-DD``; empty where it is not known.
    """

    ra: float
    dec: float
    radius: float
    date: str


def find_region(worlds: Sequence[Any], wcsinfo: Mapping[str, float], date: str) -> Region:
    """Circle about the mosaic that exposures would make.

    Parameters
    ----------
    worlds : sequence of gwcs.wcs.WCS
        World coordinates of the exposures.
    wcsinfo : mapping of str to float
        ``v2_ref``, ``v3_ref``, ``ra_ref``, ``dec_ref``, ``roll_ref``, ``v3yangle`` and ``vparity`` of the first one.
    date : str
        Day of the observation.

    Returns
    -------
    Region
    """
    from jwst.resample.grid import make_grid
    from jwst.tweakreg.correctors import directions

    corners = [wcs.footprint(axis_type="spatial").ravel() for wcs in worlds]
    footprints = ["POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in place) for place in corners]
    grid = make_grid(footprints, worlds[0], wcsinfo)
    ny, nx = grid.shape
    centre = np.array(grid.wcs((nx - 1) / 2, (ny - 1) / 2))
    edges = directions(grid.wcs.footprint(axis_type="spatial")) - directions(centre[None])
    radius = np.rad2deg(2 * np.arcsin(np.linalg.norm(edges, axis=1).max() / 2))
    return Region(float(centre[0] % 360), float(centre[1]), float(radius), date)


def read_table_of_places(path: str) -> Any:
    """Read a catalogue of a user.

    Parameters
    ----------
    path : str
        A table with columns ``RA`` and ``DEC`` (deg) in any case, or ``sky_centroid``, as catalogues of sources have.

    Returns
    -------
    astropy.table.Table
        With columns ``RA`` and ``DEC``, deg.

    Raises
    ------
    ParameterError
        There is no such file.
    InputError
        It is no table.
    ReferenceColumnsError
        It does not have one column each for right ascension and declination (a KeyError).
    """
    from jwst.tweakreg.custom_catalogs import read_table

    if not os.path.isfile(path):
        raise ParameterError(
            f"abs_refcat is {path!r}: there is no such file, and it is not one of the catalogues "
            f"{', '.join(GAIA_CATALOGS)}"
        )
    table = read_table(path, "The reference catalogue (abs_refcat)")
    columns = {wanted: [name for name in table.colnames if name.upper() == wanted] for wanted in ("RA", "DEC")}
    if any(columns.values()):
        _rename(table, columns, path)
    elif "sky_centroid" in table.colnames:
        sky = table["sky_centroid"]
        table["RA"], table["DEC"] = sky.ra.deg, sky.dec.deg
        table.remove_column("sky_centroid")
    else:
        raise ReferenceColumnsError(
            f"The reference catalogue {path} has no columns RA and DEC (deg), and no sky_centroid; "
            f"it has {', '.join(table.colnames)}"
        )
    table.meta["name"] = os.path.splitext(os.path.basename(path))[0]
    return table


def _rename(table: Any, columns: dict[str, list[str]], path: str) -> None:
    """Name the columns of places RA and DEC."""
    for wanted, found in columns.items():
        if len(found) != 1:
            what = f"{len(found)} columns ({', '.join(found)})" if found else "no column"
            raise ReferenceColumnsError(f"The reference catalogue {path} has {what} for {wanted}; it has to have one")
        if found[0] != wanted:
            table.rename_column(found[0], wanted)
    if "sky_centroid" in table.colnames:
        log.warning("The column sky_centroid of %s is not used, because there are RA and DEC", path)
        table.remove_column("sky_centroid")


def read_gaia(name: str, region: Region) -> Any:
    """Ask the catalogue service for the stars of Gaia in a region, at the time of the observation.

    Parameters
    ----------
    name : str
        One of `GAIA_CATALOGS`, in any case.
    region : Region

    Returns
    -------
    astropy.table.Table
        Columns ``RA``, ``DEC`` (deg), ``mag``, ``objID`` and ``epoch``; the brightest last. Stars without proper
        motion are left out.

    Raises
    ------
    CatalogServiceError
        The service cannot be asked (an OSError).
    InputError
        The day of the observation is not known.
    """
    name = name.upper()
    table = _parsed(_asked(_address(name, region)))
    if not {"ra", "dec"} <= {column.lower() for column in table.colnames}:
        raise CatalogServiceError(f"The answer of the catalogue service has no places, but {table.colnames[:5]}")
    for column in ("pmra", "pmdec"):
        if column in table.colnames:
            table = table[~np.ma.getmaskarray(table[column]) & np.isfinite(np.ma.filled(table[column], np.nan))]
    if len(table) == 0:
        return table
    for old, new in (("ra", "RA"), ("dec", "DEC")):
        if old in table.colnames:
            table.rename_column(old, new)
    table = table[[column for column in ("RA", "DEC", "mag", "objID", "epoch") if column in table.colnames]]
    if "mag" in table.colnames:
        table.sort("mag", reverse=True)
    table.meta |= {"name": name, "catalog": name}
    log.info("%s has %d stars within %.1f arcmin of the exposures", name, len(table), 60 * region.radius)
    return table


def _address(name: str, region: Region) -> str:
    """Address of a question to the service."""
    from urllib.parse import urlencode

    from astropy.time import Time

    if not region.date:
        raise InputError("The places of the stars of Gaia need the day of the observation (meta.observation.date)")
    base = os.environ.get("ASTROMETRIC_CATALOG_URL") or _SERVICE
    epoch = Time(region.date).decimalyear
    question = {"RA": region.ra, "DEC": region.dec, "EPOCH": epoch, "SR": region.radius, "FORMAT": "CSV", "CAT": name}
    return f"{base.rstrip('/')}/vo/CatalogSearch.aspx?{urlencode(question)}"


def _asked(address: str) -> str:
    """Answer of the service; every wait has an end."""
    from urllib.request import urlopen

    started = time.monotonic()
    try:
        with urlopen(address, timeout=_TIMEOUT) as answer:
            parts = []
            while part := answer.read1(_CHUNK):
                parts.append(part)
                if time.monotonic() - started > _PATIENCE:
                    raise TimeoutError(f"no complete answer in {_PATIENCE:g} s")
    except (OSError, ValueError) as error:
        message = (
            f"The catalogue service cannot be asked ({error}): {address}. Try again with a network, set "
            "ASTROMETRIC_CATALOG_URL to another service, or give the path of a catalogue with RA and DEC as abs_refcat"
        )
        log.warning("%s", message)
        raise CatalogServiceError(message) from error
    return b"".join(parts).decode("utf-8", "replace")


def _parsed(text: str) -> Any:
    """Table of an answer; no rows where the service has no records."""
    from astropy.table import Table

    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or "no data records" in text.lower():
        return Table(names=("RA", "DEC"))
    try:
        return Table.read(lines, format="ascii.csv", fill_values=[("", "0")])
    except Exception as error:
        raise CatalogServiceError(f"The answer of the catalogue service cannot be read: {lines[0][:80]!r}") from error
