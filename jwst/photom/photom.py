"""Photometric calibration of data models.

The arithmetic is in `jwst.photom.photom_arrays`; here conversion factor and pixel area of an exposure are found.
Source: spec photom.md.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated
from jwst.lib.invalid import sync_invalid
from jwst.lib.reference import Reference, open_reference
from jwst.photom.photom_arrays import VARIANCES, convert
from jwst.photom.time_dependence import CORRECTIONS
from stpipe.exceptions import InputError, NotBuiltError

__all__ = [
    "MICROJANSKYS",
    "DataModelTypeError",
    "DataSet",
    "MatchFitsTableRowError",
    "calibrate",
    "find_row",
    "is_imaging",
    "is_spectral",
    "not_built_text",
    "raise_not_built",
]

log = logging.getLogger(__name__)

MICROJANSKYS = 23.50443053909789
"""MJy/sr in microjansky per square arcsecond."""

RATE_UNIT, CALIBRATED_UNIT = "DN/s", "MJy/sr"

_KEYS = {
    "NIRCAM": ({"filter", "pupil", "subarray"}, {"filter", "pupil"}),
    "MIRI": ({"filter", "subarray"},),
    "NIRISS": ({"filter", "pupil"},),
    "FGS": (set[str](),),
}
_SPECTRAL = ("LRS-FIXEDSLIT", "LRS-SLITLESS", "MRS", "WFSS", "TSGRISM")
_AREA_KEYS = {"pixelarea_steradians": "PIXAR_SR", "pixelarea_arcsecsq": "PIXAR_A2"}


class MatchFitsTableRowError(InputError):
    """More than one row of a table belongs to an exposure."""


class DataModelTypeError(InputError):
    """An exposure is of a class that its mode is not calibrated in."""


class DataSet:
    """An exposure that is to be calibrated.

    Parameters
    ----------
    model : ImageModel or CubeModel
        Changed in place.
    inverse : bool, optional
        Undo an earlier calibration.
    source_type : str, optional
        Of spectra; not used for images.
    apply_time_correction : bool, optional
        Use the tables of time dependence.
    """

    def __init__(
        self, model: Any, inverse: bool = False, source_type: str | None = None, apply_time_correction: bool = True
    ) -> None:
        self.input = model
        self.inverse = inverse
        self.source_type = source_type
        self.apply_time_correction = apply_time_correction

    def apply_photom(self, photom_path: Any, area_path: Any) -> Any:
        """Calibrate the exposure.

        Parameters
        ----------
        photom_path, area_path : str or data model
            References; "N/A" for no pixel areas.

        Returns
        -------
        data model
            The exposure.
        """
        with open_reference(photom_path, self.input, "photom") as photom:
            if area_path is None or (isinstance(area_path, str) and area_path == "N/A"):
                calibrate(self.input, photom, None, inverse=self.inverse, timed=self.apply_time_correction)
            else:
                with open_reference(area_path, self.input, "area") as area:
                    calibrate(self.input, photom, area, inverse=self.inverse, timed=self.apply_time_correction)
        return self.input


def is_imaging(model: Any) -> bool:
    """Whether an exposure is an image, or a cube of images, of a mode with one factor for all pixels."""
    plain = type(model).__name__ in ("ImageModel", "CubeModel")
    return plain and not is_spectral(model.meta.instrument.name, model.meta.exposure.type)


def is_spectral(instrument: str | None, exp_type: str | None) -> bool:
    """Whether exposures of a type are calibrated as spectra, with factors that depend on wavelength."""
    return instrument not in _KEYS or (exp_type or "").endswith(_SPECTRAL)


def calibrate(
    model: Any, photom: Reference, area: Reference | None, *, inverse: bool = False, timed: bool = True
) -> None:
    """Convert an imaging exposure to MJy/sr, in place.

    Parameters
    ----------
    model : ImageModel or CubeModel
        In DN/s. Its ``area``, units and ``meta.photometry`` are written too.
    photom : jwst.lib.reference.Reference
        With ``phot_table``.
    area : jwst.lib.reference.Reference, optional
        Pixel areas.
    inverse : bool, optional
        Divide instead.
    timed : bool, optional
        Use the tables of time dependence.

    Raises
    ------
    DataModelTypeError
        A mode that is not calibrated as this kind of product (cubes and SOSS images of NIRISS); areas are written.
    MatchFitsTableRowError
        Several rows of the table belong to the exposure.
    InputError
        The exposure is calibrated already, has no arrays or no time, or a reference is unusable.
    NotBuiltError
        Spectra.

    Notes
    -----
    Where no row belongs to the exposure its data stay as they are, with a WARNING.
    """
    if not is_imaging(model):
        raise_not_built(model)
    _check_units(model, inverse)
    with unvalidated(model):
        if model.meta.exposure.type != "NIS_SOSS":
            _attach_area(model, photom, area)
        if model.meta.instrument.name == "NIRISS" and (
            type(model).__name__ == "CubeModel" or model.meta.exposure.type == "NIS_SOSS"
        ):
            raise DataModelTypeError(f"NIRISS {model.meta.exposure.type} is not calibrated as {type(model).__name__}")
        factor = _factor(model, photom, timed=timed)
        if factor is not None:
            _apply(model, factor, inverse=inverse)
            sync_invalid(model)


def raise_not_built(model: Any) -> None:
    """Refuse spectra.

    Raises
    ------
    NotBuiltError
        Always.
    """
    raise NotBuiltError(not_built_text(model.meta.exposure.type, type(model).__name__))


def not_built_text(exp_type: str | None, kind: str = "spectra") -> str:
    """What is missing for spectra, and how to do without it."""
    return (
        f"The photometric calibration of {exp_type} ({kind}) is not part of this release, only that of images. "
        "Switch the step off: steps={'photom': {'skip': True}}"
    )


def find_row(table: np.ndarray, match: Mapping[str, str]) -> int | None:
    """Find the row of a table whose texts are those of an exposure.

    Parameters
    ----------
    table : (n,) structured ndarray
        Columns of text may be of any case.
    match : mapping of column to str

    Returns
    -------
    int or None
        None where there is no such row, with a WARNING.

    Raises
    ------
    MatchFitsTableRowError
        There are several.
    InputError
        The table lacks a column.
    """
    found = np.ones(len(table), bool)
    columns = {name.lower(): name for name in table.dtype.names or ()}
    for name, value in match.items():
        if name not in columns:
            raise InputError(f"The photometric table has no column {name!r}, only {', '.join(columns)}")
        texts = np.char.strip(np.asarray(table[columns[name]]).astype(str))
        found &= np.char.upper(texts) == value.upper()
    rows = np.flatnonzero(found)
    said = ", ".join(f"{name} {value}" for name, value in match.items())
    if len(rows) > 1:
        raise MatchFitsTableRowError(f"{len(rows)} rows of the photometric table belong to {said}; one is expected")
    if not len(rows):
        log.warning("No row of the photometric table belongs to %s", said)
        return None
    return int(rows[0])


def _check_units(model: Any, inverse: bool) -> None:
    """Refuse an exposure that is calibrated already, whose values would be multiplied a second time."""
    if model.meta.bunit_data == CALIBRATED_UNIT and not inverse:
        raise InputError(
            f"{model.meta.filename or 'The exposure'} is in {CALIBRATED_UNIT} already: it was calibrated before. Start "
            "from the rate file, or undo the calibration first with inverse=True and the same reference"
        )


def _attach_area(model: Any, photom: Reference, area: Reference | None) -> None:
    """Write pixel areas into an exposure: from the area reference; without one the nominal area of photom."""
    source = photom if area is None else area
    if area is not None:
        model.area = _area_of(model, area)
    for name, keyword in _AREA_KEYS.items():
        value = source.meta(f"photometry.{name}")
        if value is None:
            log.warning("%s is missing in the reference %s", keyword, source.name)
        setattr(model.meta.photometry, name, value)


def _area_of(model: Any, area: Reference) -> np.ndarray:
    """The part of the pixel areas that covers an exposure."""
    from jwst.lib.subarray import science_subarray

    where, shape = science_subarray(model), area.shape()
    rows = slice(where.ystart - 1, where.ystart - 1 + where.ysize)
    columns = slice(where.xstart - 1, where.xstart - 1 + where.xsize)
    if shape is None or len(shape) != 2 or rows.stop > shape[0] or columns.stop > shape[1]:
        raise InputError(
            f"The area reference {area.name} (shape {shape}) does not cover rows {rows.start}:{rows.stop} and columns "
            f"{columns.start}:{columns.stop} of the detector. Give another one with override_area, or 'N/A' for none"
        )
    values = area.rectangle("data", rows, columns)
    assert values is not None
    return values


def _factor(model: Any, photom: Reference, *, timed: bool) -> np.float32 | np.float64 | None:
    """Conversion factor of an exposure, (MJy/sr)/(DN/s); None where no row of the table belongs to it."""
    table = photom.table("phot_table")
    if table is None or not len(table):
        raise InputError(f"{photom.name} has no photometric table (PHOTOM): it is no photom reference")
    row = _row_of(model, table)
    if row is None:
        return None
    factor = np.float32(_column(table, "photmjsr", photom.name)[row])
    change = _time_correction(model, photom, table)[row] if timed else np.float64(1)
    result = factor if change == 1 else factor / change
    if not np.isfinite(result):
        raise InputError(f"Row {row} of the photom reference {photom.name} gives the conversion factor {result}")
    log.info("PHOTMJSR value: %g", result)
    return result


def _row_of(model: Any, table: np.ndarray) -> int | None:
    """The row of a photometric table that belongs to an exposure."""
    columns = {name.lower() for name in table.dtype.names or ()}
    keys = next((keys for keys in _KEYS[model.meta.instrument.name] if keys <= columns), None)
    if keys is None:
        wanted = ", ".join(sorted(_KEYS[model.meta.instrument.name][-1]))
        raise InputError(f"The photometric table has no columns {wanted}; it has {', '.join(sorted(columns))}")
    if not keys:
        return 0
    values = {**dict(model.meta.instrument.instance), "subarray": model.meta.subarray.name}
    match = {key: str(values.get(key) or "").upper() for key in sorted(keys)}
    if model.meta.instrument.name != "MIRI":
        return find_row(table, match)
    row = find_row(table, match) if _has(table, match["subarray"]) else None
    return find_row(table, match | {"subarray": "GENERIC"}) if row is None else row


def _has(table: np.ndarray, subarray: str) -> bool:
    """Whether a subarray is named in a table."""
    texts = table[next(name for name in table.dtype.names or () if name.lower() == "subarray")]
    return bool((np.char.upper(np.char.strip(np.asarray(texts).astype(str))) == subarray).any())


def _column(table: np.ndarray, name: str, where: str) -> np.ndarray:
    """A column of a table by its name in lower case."""
    for own in table.dtype.names or ():
        if own.lower() == name:
            return table[own]
    raise InputError(f"{where} has a table without the column {name!r}")


def _time_correction(model: Any, photom: Reference, table: np.ndarray) -> np.ndarray:
    """What the factor of each row is divided by at the time of the exposure, float64."""
    result = np.ones(len(table))
    for name, correction in CORRECTIONS.items():
        coefficients = photom.table(name)
        if coefficients is None or not len(coefficients):
            continue
        _check_rows(table, coefficients, f"table {name} of {photom.name}")
        time = model.meta.exposure.mid_time
        if time is None:
            raise InputError(
                f"The exposure has no mid_time (EXPMID), which {name} of {photom.name} needs. Set it (MJD), or switch "
                "the correction off with apply_time_correction=False"
            )
        names = [column for column in coefficients.dtype.names or () if coefficients[column].dtype.kind == "f"]
        result *= correction({column.lower(): coefficients[column] for column in names}, float(time))
    return result


def _check_rows(table: np.ndarray, coefficients: np.ndarray, what: str) -> None:
    """Refuse a table of time dependence whose rows are not those of the photometric table."""
    own = {name.lower(): table[name] for name in table.dtype.names or () if table[name].dtype.kind in "SU"}
    equal = len(table) == len(coefficients) and all(
        np.array_equal(np.char.strip(own[name.lower()].astype(str)), np.char.strip(coefficients[name].astype(str)))
        for name in coefficients.dtype.names or ()
        if name.lower() in own
    )
    if not equal:
        raise InputError(f"The rows of the {what} are not those of its photometric table")


def _apply(model: Any, factor: np.float32 | np.float64, *, inverse: bool) -> None:
    """Convert the arrays of a model, and say so in its metadata."""
    planes = {name: _plane(model, name) for name in ("data", "err", *VARIANCES)}
    convert({name: plane for name, plane in planes.items() if plane is not None}, factor, inverse=inverse)
    model.meta.photometry.conversion_megajanskys = factor
    model.meta.photometry.conversion_microjanskys = factor * MICROJANSKYS
    model.meta.bunit_data = model.meta.bunit_err = RATE_UNIT if inverse else CALIBRATED_UNIT


def _plane(model: Any, name: str) -> np.ndarray | None:
    """A plane as an array of float32, of any byte order, that can be written to; None where there is none."""
    plane = getattr(model, name, None)
    if plane is None or plane.size == 0:
        return None
    if plane.dtype.newbyteorder("=") != np.float32 or not plane.flags.writeable:
        plane = np.array(plane, np.float32)
        setattr(model, name, plane)
    return plane
