"""The microshutter array: its reference, which shutters are stuck, and the file that says which are open."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jwst.simulation.nirspec_optics_table import FIXED_SLITS, MSA

__all__ = [
    "SLITLETS",
    "STUCK",
    "Slitlet",
    "StuckShutter",
    "metafile_name",
    "microshutters",
    "write_metafile",
    "write_operability",
]

_COLUMNS = [("NO", "<i4"), ("XC", "<f4"), ("YC", "<f4"), ("SIZEX", "<f4"), ("SIZEY", "<f4")]


@dataclass(frozen=True)
class StuckShutter:
    """A shutter that does not move.

    Parameters
    ----------
    quadrant, x, y : int
        From 1; x counts along the dispersion.
    state : str
        "open" or "closed".
    """

    quadrant: int
    x: int
    y: int
    state: str = "open"


@dataclass(frozen=True)
class Slitlet:
    """Open shutters that belong together.

    Parameters
    ----------
    quadrant, x : int
        Quadrant, and place of the shutters along the dispersion.
    rows : tuple of int
        Places of the shutters across the dispersion.
    source : int
        Number of the source in the middle shutter; 0 for a slitlet with background alone.
    fixed_slit : str
        Name of a fixed slit, which is planned with the shutters.
    """

    quadrant: int
    x: int
    rows: tuple[int, ...]
    source: int = 0
    fixed_slit: str = ""


STUCK = (
    StuckShutter(1, 110, 60),
    StuckShutter(2, 250, 120),
    StuckShutter(3, 200, 86),
    StuckShutter(4, 300, 30),
    StuckShutter(3, 100, 30, "closed"),
)
"""Shutters in the operability reference."""

SLITLETS = (
    Slitlet(1, 180, (40, 41, 42), 1),
    Slitlet(2, 90, (100, 101, 102), 2),
    Slitlet(3, 200, (85, 86, 87), 3),
    Slitlet(4, 150, (60, 61, 62, 63)),
)
"""Slitlets of a simulated exposure."""


def _shutters() -> np.ndarray:
    """Table of the shutters of a quadrant, from its first shutter, m."""
    data = np.zeros(MSA.columns * MSA.rows, _COLUMNS)
    number = np.arange(len(data))
    data["NO"] = number + 1
    data["XC"], data["YC"] = (number % MSA.columns) * MSA.pitch[0], (number // MSA.columns) * MSA.pitch[1]
    data["SIZEX"], data["SIZEY"] = MSA.opening
    return data


def _slits() -> np.ndarray:
    """Table of the fixed slits."""
    rows = [(number, slit.x, slit.y, slit.width, slit.height) for number, slit in enumerate(FIXED_SLITS, start=1)]
    return np.array(rows, _COLUMNS)


def microshutters() -> Any:
    """Make the reference of the array.

    Returns
    -------
    MSAModel
        Q1 to Q4 are the quadrants, Q5 has the fixed slits.
    """
    from astropy.modeling.models import Rotation2D, Shift
    from stdatamodels.jwst.datamodels import MSAModel

    places = zip((*MSA.corners, (0.0, 0.0)), (*MSA.turns, 0.0))
    models = {f"Q{i}": Rotation2D(turn) | Shift(x) & Shift(y) for i, ((x, y), turn) in enumerate(places, start=1)}
    return MSAModel(models=models, data=dict.fromkeys(models, _shutters()) | {"Q5": _slits()})


def write_operability(path: str | Path, shutters: Iterable[StuckShutter] = STUCK) -> None:
    """Write a reference of stuck shutters ("msaoper").

    Parameters
    ----------
    path : str or Path
        A JSON file; an old one is replaced.
    shutters : iterable of StuckShutter
    """
    entries = [
        {"Q": s.quadrant, "x": s.x, "y": s.y, "state": s.state, "TA state": s.state, "Internal state": "normal"}
        for s in shutters
    ]
    content = {"meta": {"reftype": "MSAOPER", "instrument": "NIRSPEC", "pedigree": "DUMMY"}, "msaoper": entries}
    Path(path).write_text(json.dumps(content, indent=1) + "\n")


def metafile_name(root: str) -> str:
    """Name of the file that says which shutters are open, for an exposure with a name such as jw0123_02101_00001."""
    return f"{root.partition('_')[0]}_01_msa.fits"


def _rows(number: int, slitlet: Slitlet) -> list[tuple[Any, ...]]:
    """Rows of the table of shutters for a slitlet."""
    middle = slitlet.rows[len(slitlet.rows) // 2]
    rows = []
    for row in slitlet.rows:
        primary = slitlet.source > 0 and row == middle
        place = (0.5, 0.5) if primary else (np.nan, np.nan)
        shutter = (slitlet.quadrant, slitlet.x, row, slitlet.source, "N" if primary else "Y", "OPEN")
        rows.append((number, 1, *shutter, *place, 1, "Y" if primary else "N", slitlet.fixed_slit or "NONE"))
    return rows


def write_metafile(path: str | Path, slitlets: Iterable[Slitlet] = SLITLETS) -> None:
    """Write the file that says which shutters are open (MSAMETFL), for configuration 1 and dither 1.

    Parameters
    ----------
    path : str or Path
        A FITS file; an old one is replaced.
    slitlets : iterable of Slitlet
        Slitlet n gets the number n, from 1.
    """
    from astropy.io import fits

    slitlets = tuple(slitlets)
    kinds = ["slitlet_id", "msa_metadata_id", "shutter_quadrant", "shutter_row", "shutter_column", "source_id"]
    dtype = [(name, "<i2") for name in kinds]
    dtype += [("background", "S1"), ("shutter_state", "S6")]
    dtype += [(f"estimated_source_in_shutter_{axis}", "<f4") for axis in "xy"]
    dtype += [("dither_point_index", "<i2"), ("primary_source", "S1"), ("fixed_slit", "S10")]
    rows = [row for number, slitlet in enumerate(slitlets, start=1) for row in _rows(number, slitlet)]
    sources = [
        (1, slitlet.source, f"1_{slitlet.source}", f"{slitlet.source}", 80.4875, -69.4975, "none", 1.0)
        for slitlet in slitlets
        if slitlet.source
    ]
    kinds_of_sources = [("program", "<i4"), ("source_id", "<i4"), ("source_name", "S15"), ("alias", "S31")]
    kinds_of_sources += [("ra", "<f8"), ("dec", "<f8"), ("preimage_id", "S30"), ("stellarity", "<f8")]
    tables = {"SHUTTER_INFO": np.array(rows, dtype), "SOURCE_INFO": np.array(sources, kinds_of_sources)}
    hdus = [fits.BinTableHDU(table, name=name) for name, table in tables.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
