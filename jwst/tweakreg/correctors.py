"""World coordinates that can be corrected, one for each exposure. Source: spec tweakreg.md §§3 and 6."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = [
    "SipOptions",
    "directions",
    "exposure_name",
    "largest_move",
    "make_corrector",
    "move_of_centre",
    "undone",
    "update_world_coordinates",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SipOptions:
    """How the FITS approximation is made; see `jwst.assign_wcs.sip.update_fits_wcsinfo`."""

    max_pix_error: float = 0.01
    degree: int | None = None
    max_inv_pix_error: float = 0.01
    inv_degree: int | None = None
    npoints: int = 12


def make_corrector(model: Any, catalog: Any = None, group_id: Any = None) -> Any:
    """Make world coordinates that can be corrected.

    Parameters
    ----------
    model : ImageModel
        Stays as it is.
    catalog : astropy.table.Table, optional
        Its sources, with columns ``x`` and ``y``.
    group_id : hashable, optional
        Exposures with the same one move together.

    Returns
    -------
    tweakwcs.correctors.JWSTWCSCorrector

    Raises
    ------
    InputError
        There are no world coordinates, or they have no tangent plane.
    """
    from tweakwcs.correctors import JWSTWCSCorrector

    name = model.meta.filename or "the exposure"
    if model.meta.wcs is None:
        raise InputError(f"{name} has no world coordinates (meta.wcs): run assign_wcs on it first")
    angles = {key: getattr(model.meta.wcsinfo, key) for key in ("v2_ref", "v3_ref", "roll_ref")}
    absent = [f"meta.wcsinfo.{key}" for key, value in angles.items() if value is None]
    if absent:
        raise InputError(f"{name} cannot be aligned without the values of {', '.join(absent)}")
    meta = {"catalog": catalog, "name": exposure_name(model), "group_id": group_id}
    try:
        return JWSTWCSCorrector(model.meta.wcs, angles, meta)
    except ValueError as error:
        reason = " ".join(str(arg) for arg in error.args)
        raise InputError(f"The world coordinates of {name} cannot be corrected: {reason}") from error


def undone(corrector: Any) -> Any:
    """Give the corrector of an exposure as it was before any alignment."""
    meta = {key: corrector.meta[key] for key in ("catalog", "name", "group_id")}
    return type(corrector)(corrector.original_wcs, corrector.ref_angles, meta)


def exposure_name(model: Any) -> str:
    """Name of an exposure in catalogues: its file name without extension, and without ``_- `` at its ends."""
    return os.path.splitext(model.meta.filename or "")[0].strip("_- ")


def largest_move(corrector: Any) -> float:
    """Largest distance between the corners of a footprint before and after the correction.

    Parameters
    ----------
    corrector : tweakwcs.correctors.JWSTWCSCorrector

    Returns
    -------
    float, arcsec
    """
    before, after = (directions(wcs.footprint(axis_type="spatial")) for wcs in (corrector.original_wcs, corrector.wcs))
    chords = np.linalg.norm(before - after, axis=1)
    return float(np.rad2deg(2 * np.arcsin(np.minimum(chords / 2, 1))).max() * 3600)


def move_of_centre(corrector: Any) -> tuple[float, float]:
    """How far the centre of an exposure moves towards east and north, arcsec."""
    (left, right), (bottom, top) = corrector.original_wcs.bounding_box.bounding_box(order="F")
    centre = (left + right) / 2, (bottom + top) / 2
    (ra, dec), (new_ra, new_dec) = corrector.original_wcs(*centre), corrector.wcs(*centre)
    east = ((new_ra - ra + 180) % 360 - 180) * np.cos(np.deg2rad(dec))
    return float(3600 * east), float(3600 * (new_dec - dec))


def directions(sky: np.ndarray) -> np.ndarray:
    """Unit vectors of places on the sky.

    Parameters
    ----------
    sky : (n, 2) ndarray of float, deg

    Returns
    -------
    (n, 3) ndarray of float
    """
    ra, dec = np.deg2rad(sky).T
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def update_world_coordinates(model: Any, sip: SipOptions | None = None) -> None:
    """Write the footprint and the FITS approximation of new world coordinates into the metadata.

    Parameters
    ----------
    model : ImageModel
        With the new ``meta.wcs``; ``meta.wcsinfo`` is updated in place.
    sip : SipOptions, optional
        None: leave the keywords of the approximation as they are.
    """
    from jwst.assign_wcs.sip import update_fits_wcsinfo, update_s_region_imaging

    update_s_region_imaging(model)
    if sip is None:
        return
    try:
        update_fits_wcsinfo(
            model,
            max_pix_error=sip.max_pix_error,
            degree=sip.degree,
            max_inv_pix_error=sip.max_inv_pix_error,
            inv_degree=sip.inv_degree,
            npoints=sip.npoints,
        )
    except (ValueError, RuntimeError) as error:
        log.warning("The FITS keywords of the world coordinates of %s stay as they are: %s", model.meta.filename, error)
