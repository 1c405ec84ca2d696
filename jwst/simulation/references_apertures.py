"""References of source catalogues: aperture corrections of the PSF that is drawn, and magnitudes of Vega."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from jwst.simulation.psf import SKY, apertures
from jwst.simulation.reference_request import REFERENCE_META
from jwst.simulation.references_photom import photometric_elements
from jwst.simulation.subarrays import subarray_names

__all__ = ["vega_offset", "write_apcorr", "write_vega_offsets"]

VEGA_FLUX = 667.0
VEGA_WAVELENGTH = 2.16
VEGA_SLOPE = 1.9
AB_FLUX = 3631.0
"""Of a source of magnitude 0, Jy."""
OPEN_WAVELENGTH = 2.5
_MODELS = {"NIRCAM": "NrcImgApcorrModel", "MIRI": "MirImgApcorrModel", "NIRISS": "NisImgApcorrModel"}
_KINDS = {"filter": "S12", "pupil": "S15", "subarray": "S17"}


def vega_offset(filters: tuple[str, ...]) -> float:
    """Return AB minus Vega magnitude in a filter.

    Parameters
    ----------
    filters : tuple of str
        Filter and pupil; of two filters that of the longer wavelength counts. None at all is white light.

    Returns
    -------
    float
        Of a star whose flux goes as a power of the wavelength and has that of Vega in K.
    """
    found = [re.match(r"F(\d+)", name) for name in filters]
    microns = max((int(match[1]) / 100 for match in found if match), default=OPEN_WAVELENGTH)
    flux = VEGA_FLUX * (microns / VEGA_WAVELENGTH) ** -VEGA_SLOPE
    return float(-2.5 * np.log10(flux / AB_FLUX))


def _rows(instrument: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    names, rows = photometric_elements(instrument)
    if instrument != "MIRI":
        return names, rows
    subarrays = [*subarray_names("MIRIMAGE"), "GENERIC"]
    return names, [(name, subarray) for name, _ in rows for subarray in subarrays]


def write_apcorr(path: Path, instrument: str, *, detector: str | None = None) -> None:
    """Write the aperture corrections of an instrument, for all filters.

    Parameters
    ----------
    path : Path
        FITS file.
    instrument : str
        Name in upper case.
    detector : str, optional
        FGS: the guider.
    """
    from stdatamodels.jwst import datamodels

    names, rows = _rows(instrument)
    values = ("eefraction", "radius", "apcorr", "skyin", "skyout")
    columns = [*((name, _KINDS[name]) for name in names), *((name, "f4") for name in values)]
    table = [(*row, hole.part, hole.radius, hole.correction, *SKY) for row in rows for hole in apertures()]
    kind = getattr(datamodels, _MODELS.get(instrument, "FgsImgApcorrModel"))
    with kind(apcorr_table=np.array(table, columns)) as model:
        for name, value in REFERENCE_META.items():
            setattr(model.meta, name, value)
        model.meta.reftype, model.meta.filename = "APCORR", path.name
        model.meta.instrument.name, model.meta.instrument.detector = instrument, detector
        model.save(path, overwrite=True)


def write_vega_offsets(path: Path, instrument: str) -> None:
    """Write the differences between AB and Vega magnitudes of an instrument.

    Parameters
    ----------
    path : Path
        ASDF file.
    instrument : str
        Name in upper case.
    """
    from astropy.table import Table
    from stdatamodels.jwst.datamodels import ABVegaOffsetModel

    keys: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    if instrument == "FGS":
        keys, rows = ("detector",), [(name, vega_offset(())) for name in ("GUIDER1", "GUIDER2")]
    else:
        names, elements = photometric_elements(instrument)
        keys = names[:1] if instrument == "MIRI" else names
        rows = [(*row[: len(keys)], vega_offset(row)) for row in elements]
    table = Table(rows=rows, names=(*keys, "abvega_offset"))
    with ABVegaOffsetModel() as model:
        model.abvega_offset = table
        for name, value in REFERENCE_META.items():
            setattr(model.meta, name, value)
        model.meta.reftype, model.meta.filename = "ABVEGAOFFSET", path.name
        model.meta.instrument.name = instrument
        model.save(path)
