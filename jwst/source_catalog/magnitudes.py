"""Units of flux, and magnitudes. Source: spec source_catalog.md, 2 and 8."""

from __future__ import annotations

from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["AB_ZERO_POINT", "flux_scale", "flux_to_abmag", "image_unit"]

_UNITS = {"MJY/SR": "MJy/sr", "JY": "Jy"}

AB_ZERO_POINT = 8.9
"""AB magnitude of 1 Jy."""


def image_unit(model: Any) -> str:
    """Unit of data and errors of an image: ``MJy/sr`` or ``Jy``.

    Raises
    ------
    InputError
        It is another, or not the same.
    """
    units = {str(getattr(model.meta, key) or "not given") for key in ("bunit_data", "bunit_err")}
    known = {_UNITS.get(unit.replace(" ", "").upper()) for unit in units}
    if len(known) == 1 and None not in known:
        return str(known.pop())
    raise InputError(
        f"The units (BUNIT) of data and errors of {model.meta.filename or 'the image'} are "
        f"{model.meta.bunit_data or 'not given'} and {model.meta.bunit_err or 'not given'}; a catalogue needs MJy/sr. "
        "Run the step photom before the images are combined"
    )


def flux_scale(model: Any) -> float:
    """Flux in Jy of a pixel whose value is 1.

    Raises
    ------
    InputError
        The unit of the image is none that can be used, or its pixel area is needed and not known.
    """
    if image_unit(model) == "Jy":
        return 1.0
    area = model.meta.photometry.pixelarea_steradians
    if area is None or not np.isfinite(area) or area <= 0:
        raise InputError(
            f"The pixel area (PIXAR_SR) of {model.meta.filename or 'the image'} is "
            f"{'not given' if area is None else area}; fluxes need it. Set meta.photometry.pixelarea_steradians"
        )
    return 1.0e6 * float(area)


def flux_to_abmag(flux: np.ndarray, flux_err: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AB magnitudes of fluxes, and their errors.

    Parameters
    ----------
    flux, flux_err : ndarray of float, Jy

    Returns
    -------
    abmag, abmag_err : ndarray of float64, mag
        NaN for negative fluxes. The error is ``2.5 log10(1 + flux_err / flux)``.
    """
    flux, flux_err = np.asarray(flux, np.float64), np.asarray(flux_err, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        abmag = -2.5 * np.log10(flux) + AB_ZERO_POINT
        abmag_err = 2.5 * np.log10(1.0 + flux_err / flux)
    abmag[flux < 0], abmag_err[flux < 0] = np.nan, np.nan
    return abmag, abmag_err
