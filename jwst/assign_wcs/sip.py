"""Footprint and FITS approximation of the world coordinates of images. Source: spec assign_wcs_imaging.md §§7-8."""

from __future__ import annotations

import logging
import re
import warnings
from typing import Any

import numpy as np

__all__ = ["is_sky_like", "update_fits_wcsinfo", "update_s_region_imaging"]

log = logging.getLogger(__name__)

_DEGREES = range(1, 6)
_REPLACED = re.compile(r"naxis|cdelt[12]|pc[12]_[12]|[ab]p?_(order|\d+_\d+)")


def is_sky_like(frame: Any) -> bool:
    """Whether the first axes of a coordinate frame are angles.

    Parameters
    ----------
    frame : gwcs.coordinate_frames.CoordinateFrame

    Returns
    -------
    bool
        True if a unit is deg or arcsec.
    """
    from astropy import units as u

    return u.deg in frame.unit or u.arcsec in frame.unit


def update_s_region_imaging(model: Any) -> None:
    """Write the footprint of an image: the world coordinates of the corners of its bounding box.

    Parameters
    ----------
    model : data model
        With ``meta.wcs``. ``meta.wcsinfo.s_region`` is updated in place; it stays where a corner has no coordinates,
        and becomes None where the coordinates are not on the sky.
    """
    wcs = model.meta.wcs
    if not is_sky_like(wcs.output_frame):
        model.meta.wcsinfo.s_region = None
        return
    try:
        (left, right), (bottom, top) = wcs.bounding_box.bounding_box(order="F")
        corners = np.array([(left, bottom), (left, top), (right, top), (right, bottom)])
        ra, dec = wcs(*corners.T)
    except (ValueError, TypeError, AttributeError) as error:
        log.error("No footprint on the sky (S_REGION): %s", error)
        return
    sky = np.stack([np.mod(ra, 360.0), dec], axis=1)
    if not np.isfinite(sky).all():
        log.info("A corner has no world coordinates: the footprint on the sky (S_REGION) stays as it is")
        return
    model.meta.wcsinfo.s_region = "POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in sky.ravel())


def update_fits_wcsinfo(
    datamodel: Any,
    max_pix_error: float = 0.01,
    degree: int | None = None,
    max_inv_pix_error: float = 0.01,
    inv_degree: int | None = None,
    npoints: int = 12,
    crpix: tuple[float, float] | None = None,
    projection: str = "TAN",
    imwcs: Any = None,
    **kwargs: Any,
) -> Any:
    """Write a FITS approximation with SIP polynomials into the metadata of an image.

    Parameters
    ----------
    datamodel : data model
        ``meta.wcsinfo`` is updated in place.
    max_pix_error, max_inv_pix_error : float, pixel
        Largest errors, forward and back. Ignored where the degree is given.
    degree, inv_degree : int, optional
        Degrees of the polynomials; without them the lowest of 1 to 5 that will do.
    npoints : int
        Points along each axis that the polynomials are fitted to.
    crpix : (float, float), optional
        Reference pixel from 1; without it that of ``meta.wcsinfo``, and without that the middle of the bounding box.
    projection : str
        Three letters of the FITS standard.
    imwcs : gwcs.wcs.WCS, optional
        In place of ``meta.wcs``.
    **kwargs
        Passed on to `gwcs.wcs.WCS.to_fits_sip`.

    Returns
    -------
    astropy.io.fits.Header
        The approximation.

    Raises
    ------
    ValueError, RuntimeError
        There is none.
    """
    wcs = datamodel.meta.wcs if imwcs is None else imwcs
    info = datamodel.meta.wcsinfo
    if crpix is None and None not in (info.crpix1, info.crpix2):
        crpix = (info.crpix1, info.crpix2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        header = wcs.to_fits_sip(
            max_pix_error=max_pix_error,
            degree=_DEGREES if degree is None else degree,
            max_inv_pix_error=max_inv_pix_error,
            inv_degree=_DEGREES if inv_degree is None else inv_degree,
            npoints=npoints,
            crpix=crpix,
            projection=projection,
            **kwargs,
        )
    for message in dict.fromkeys(str(one.message) for one in caught):
        log.warning("SIP approximation: %s", message)
    _store(info, header)
    return header


def _store(info: Any, header: Any) -> None:
    """Replace the FITS keywords of ``meta.wcsinfo``; some are not in the schema."""
    node = info.instance
    for key in [key for key in node if _REPLACED.fullmatch(key)]:
        del node[key]
    node.update({key.lower(): value for key, value in header.items() if key and not key.startswith("NAXIS")})
