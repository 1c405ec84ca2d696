"""Apertures and magnitude offset of an exposure, from its references. Source: spec source_catalog.md, References."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stpipe.exceptions import InputError, ParameterError

__all__ = ["ApertureParameters", "ReferenceData", "ReferenceRowsError", "check_percentages", "offset_table"]

log = logging.getLogger(__name__)

_APCORR_KEYS = {"NIRCAM": ("filter", "pupil"), "NIRISS": ("filter", "pupil"), "MIRI": ("filter", "subarray"), "FGS": ()}
_OFFSET_KEYS = {"NIRCAM": ("filter", "pupil"), "NIRISS": ("filter", "pupil"), "MIRI": ("filter",), "FGS": ("detector",)}
_APCORR_COLUMNS = ("eefraction", "radius", "apcorr", "skyin", "skyout")


class ReferenceRowsError(InputError):
    """A reference has no rows, or too many, for an exposure: there can be no catalogue."""


@dataclass(frozen=True, slots=True)
class ApertureParameters:
    """Circles and ring of the photometry.

    Attributes
    ----------
    aperture_ee : tuple of int, percent
        Encircled energy, increasing.
    aperture_radii, aperture_corrections : tuple of float
        Radii in pixels of the image, and factors from the flux inside to the total flux.
    bkg_aperture_inner_radius, bkg_aperture_outer_radius : float, pixels
        Ring of the local background.
    """

    aperture_ee: tuple[int, ...]
    aperture_radii: tuple[float, ...]
    aperture_corrections: tuple[float, ...]
    bkg_aperture_inner_radius: float
    bkg_aperture_outer_radius: float

    @classmethod
    def of(cls, values: ApertureParameters | Mapping[str, Any]) -> ApertureParameters:
        """Make them of a mapping with these names; one of this class comes back as it is."""
        if isinstance(values, ApertureParameters):
            return values
        return cls(
            tuple(int(percent) for percent in values["aperture_ee"]),
            tuple(float(radius) for radius in values["aperture_radii"]),
            tuple(float(factor) for factor in values["aperture_corrections"]),
            float(values["bkg_aperture_inner_radius"]),
            float(values["bkg_aperture_outer_radius"]),
        )

    def as_mapping(self) -> dict[str, Any]:
        """Return them as the catalogue has them."""
        return {
            "aperture_ee": list(self.aperture_ee),
            "aperture_radii": list(self.aperture_radii),
            "aperture_corrections": list(self.aperture_corrections),
            "bkg_aperture_inner_radius": self.bkg_aperture_inner_radius,
            "bkg_aperture_outer_radius": self.bkg_aperture_outer_radius,
        }


class ReferenceData:
    """What the references say of one image.

    Parameters
    ----------
    model : ImageModel
        The image.
    aperture_ee : sequence of int, percent
        Wanted encircled energies.
    apcorr : structured ndarray
        The table ``apcorr_table``.
    abvega_offset : Table or structured ndarray
        The table ``abvega_offset``.

    Attributes
    ----------
    aperture_params : ApertureParameters
    abvega_offset : float, mag
        AB minus Vega magnitude.

    Raises
    ------
    ParameterError
        The percentages do not increase, or are not between 1 and 99.
    ReferenceRowsError
        A table has no row, or several, for the image.
    InputError
        A table lacks a column; the instrument is not one of imaging.
    """

    def __init__(self, model: Any, aperture_ee: Sequence[int], *, apcorr: Any, abvega_offset: Any) -> None:
        percentages = check_percentages(aperture_ee)
        instrument = str(model.meta.instrument.name or "").upper()
        if instrument not in _APCORR_KEYS:
            raise InputError(
                f"The instrument (INSTRUME) of {_name(model)} is {instrument or 'not given'}; sources are catalogued "
                f"in images of {', '.join(_APCORR_KEYS)}"
            )
        rows = _select(apcorr, _configuration(model, _APCORR_KEYS[instrument]), "aperture corrections (apcorr)")
        scale = _pixel_scale_ratio(model)
        self.aperture_params = _apertures(rows, percentages, scale)
        self.abvega_offset = _offset(abvega_offset, _configuration(model, _OFFSET_KEYS[instrument]))


def check_percentages(aperture_ee: Sequence[int]) -> tuple[int, ...]:
    """Check encircled energies, and return them as a tuple.

    Raises
    ------
    ParameterError
        They do not increase, or are not between 1 and 99.
    """
    values = tuple(int(value) for value in aperture_ee)
    if any(not 0 < value < 100 for value in values) or any(a >= b for a, b in zip(values, values[1:])):
        raise ParameterError(
            f"aperture_ee1, aperture_ee2 and aperture_ee3 are {', '.join(map(str, values))}; they must increase, and "
            "lie between 1 and 99 percent"
        )
    return values


def offset_table(source: Any) -> Any:
    """Read the table of magnitude offsets.

    Parameters
    ----------
    source : str, Path or ABVegaOffsetModel
        An ASDF reference file, or a reference model in memory.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        It cannot be read, or has no such table.
    """
    from stdatamodels.jwst.datamodels import ABVegaOffsetModel

    if not isinstance(source, str | os.PathLike):
        return _offsets_of(source, "The abvegaoffset reference in memory")
    try:
        with ABVegaOffsetModel(source) as reference:
            return _offsets_of(reference, f"{source}")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, AttributeError, AssertionError, TypeError) as error:
        raise InputError(f"The abvegaoffset reference {source} cannot be read: {error}") from error


def _offsets_of(reference: Any, name: str) -> Any:
    table: Any = getattr(reference, "abvega_offset", None)
    if "abvega_offset" not in getattr(table, "colnames", ()):
        raise InputError(f"{name} has no table abvega_offset with a column of that name; give another with an override")
    return table.copy()


def _name(model: Any) -> str:
    return str(model.meta.filename or "the image")


def _configuration(model: Any, keys: Sequence[str]) -> dict[str, str | None]:
    """What rows are chosen by."""
    return {key: model.meta.subarray.name if key == "subarray" else getattr(model.meta.instrument, key) for key in keys}


def _pixel_scale_ratio(model: Any) -> float:
    """Size of a pixel of the image in pixels of the detector."""
    ratio = getattr(getattr(model.meta, "resample", None), "pixel_scale_ratio", None)
    if ratio is None:
        log.warning(
            "%s does not say how large its pixels are (PXSCLRT); they are taken to be of the size of the detector's",
            _name(model),
        )
        return 1.0
    if not np.isfinite(ratio) or ratio <= 0:
        raise InputError(f"The pixel scale ratio (PXSCLRT) of {_name(model)} is {ratio}; it must be greater than 0")
    return float(ratio)


def _select(table: Any, wanted: Mapping[str, str | None], what: str) -> Any:
    """Rows of a table whose keys are all as wanted; there is at least one."""
    names = getattr(table, "colnames", None) or (table.dtype.names if table is not None else None) or ()
    missing = [key for key in wanted if key not in names]
    if missing:
        raise InputError(f"The reference of {what} has no column {', '.join(missing)}; give another with an override")
    chosen = np.ones(len(table), bool)
    for key, value in wanted.items():
        chosen &= np.char.strip(np.asarray(table[key]).astype(str)) == ("" if value is None else str(value).strip())
    if not chosen.any():
        setting = ", ".join(f"{key} {value}" for key, value in wanted.items()) or "this instrument"
        raise ReferenceRowsError(f"the reference of {what} has no row for {setting}")
    return table[chosen]


def _apertures(rows: Any, percentages: tuple[int, ...], scale: float) -> ApertureParameters:
    """Radii and corrections for percentages, in pixels of the image."""
    missing = [name for name in _APCORR_COLUMNS if name not in (rows.dtype.names or ())]
    if missing:
        raise InputError(
            f"The reference of aperture corrections (apcorr) has no column {', '.join(missing)}; give another with "
            "override_apcorr"
        )
    known = np.round(np.asarray(rows["eefraction"], np.float64) * 100.0)
    found = []
    for percent in percentages:
        index = np.flatnonzero(known == percent)
        if index.size != 1:
            raise ReferenceRowsError(
                f"the reference of aperture corrections (apcorr) has {index.size} rows for an encircled energy of "
                f"{percent} percent; it knows {', '.join(f'{value:g}' for value in np.unique(known))}"
            )
        found.append(rows[index[0]])
    radii = tuple(_decimal(row["radius"]) / scale for row in found)
    inner, outer = (_one_value(rows, name) / scale for name in ("skyin", "skyout"))
    _check_sizes(radii, inner, outer)
    return ApertureParameters(percentages, radii, tuple(_decimal(row["apcorr"]) for row in found), inner, outer)


def _check_sizes(radii: Sequence[float], inner: float, outer: float) -> None:
    if not all(np.isfinite(radius) and radius > 0 for radius in radii) or not 0 < inner < outer < np.inf:
        raise InputError(
            f"The reference of aperture corrections (apcorr) gives radii of {', '.join(f'{r:g}' for r in radii)} "
            f"pixels and a ring of background from {inner:g} to {outer:g}; all must be greater than 0, and the ring "
            "not empty. Give another with override_apcorr"
        )


def _one_value(rows: Any, name: str) -> float:
    """Value of a column that must be the same in all rows."""
    values = np.unique(rows[name])
    if values.size != 1:
        raise ReferenceRowsError(
            f"the reference of aperture corrections (apcorr) has {values.size} values of {name} for this image: "
            f"{', '.join(f'{value:g}' for value in values)}"
        )
    return _decimal(values[0])


def _decimal(value: Any) -> float:
    """A number as the table was written in decimals: 3.1 where single precision has 3.0999999."""
    return float(str(value))


def _offset(table: Any, wanted: Mapping[str, str | None]) -> float:
    """The offset of one configuration."""
    rows = _select(table, wanted, "magnitude offsets (abvegaoffset)")
    if len(rows) != 1:
        setting = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise ReferenceRowsError(
            f"the reference of magnitude offsets (abvegaoffset) has {len(rows)} rows for {setting}"
        )
    return _decimal(rows["abvega_offset"][0])
