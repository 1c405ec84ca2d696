"""Write the world coordinates of NIRSpec exposures into their models.

Source: spec assign_wcs_spectroscopy.md and assign_wcs_ifu.md.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from jwst.assign_wcs.assign_wcs import SLIT_REFERENCES
from jwst.assign_wcs.nirspec_ifu import Footprint, ifu_coordinates
from jwst.assign_wcs.nirspec_slits import get_open_slits
from jwst.assign_wcs.nirspec_wcs import wcs_of_slits
from jwst.assign_wcs.reference_trees import read_all
from jwst.assign_wcs.util import NoDataOnDetectorError, wrap_ra
from jwst.lib.assignment import unvalidated

__all__ = ["assign_ifu", "assign_slits", "s_region"]

log = logging.getLogger(__name__)

_ALONG_ROWS = 1


def assign_slits(model: Any, references: Mapping[str, Any], slit_y_range: tuple[float, float]) -> None:
    """Write the world coordinates of an exposure through slits into its model.

    Parameters
    ----------
    model : ImageModel or CubeModel
        Updated in place.
    references : mapping of str to (str, Path or data model)
    slit_y_range : (float, float)
        Ends of a slit in units of its height.

    Raises
    ------
    NoDataOnDetectorError
        No open slit is on the detector.
    """
    references = read_all(references, SLIT_REFERENCES)
    slits = get_open_slits(model, references, slit_y_range)
    if not slits:
        raise NoDataOnDetectorError(f"No open slits fall on detector {model.meta.instrument.detector}.")
    log.info("World coordinates of %d slits", len(slits))
    found = wcs_of_slits(model, references, slits)
    with unvalidated(model):  # to validate coordinates is to write all their transforms
        model.meta.wcs = found
    _describe(model)


def assign_ifu(model: Any, references: Mapping[str, Any], slit_y_range: tuple[float, float], *, by_slice: bool) -> None:
    """Write the world coordinates of an IFU exposure into its model.

    Parameters
    ----------
    model : IFUImageModel
        Updated in place: ``meta.wcs``, ``regions``, footprint.
    references : mapping of str to (str, Path or data model)
    slit_y_range : (float, float)
        Ends of a slice in units of its height.
    by_slice : bool
        Coordinates that are called with the number of the slice. Exposures of lamps (NRS_LAMP, NRS_AUTOWAVE,
        NRS_AUTOFLAT) have them always.
    """
    on_sky = model.meta.exposure.type == "NRS_IFU"
    found = ifu_coordinates(model, references, slit_y_range=slit_y_range, by_slice=by_slice or not on_sky)
    with unvalidated(model):  # to validate coordinates is to write all their transforms
        model.meta.wcs = found.wcs
        if found.regions is not None:
            model.regions = found.regions
    _describe(model)
    wcsinfo = model.meta.wcsinfo
    wcsinfo.s_region = s_region(found.footprint)
    if on_sky:
        wcsinfo.spectral_region = found.footprint.wavelengths


def _describe(model: Any) -> None:
    """Write what all spectra of NIRSpec have in common."""
    model.meta.wcsinfo.specsys = "BARYCENT"
    model.meta.wcsinfo.dispersion_direction = _ALONG_ROWS


def s_region(footprint: Footprint) -> str | None:
    """Rectangle on the sky around an exposure.

    Parameters
    ----------
    footprint : Footprint

    Returns
    -------
    str or None
        ``POLYGON ICRS``, with RA and Dec of four corners in deg; None for lamps.
    """
    if footprint.ra is None or footprint.dec is None:
        return None
    ra = wrap_ra(footprint.ra)
    low, high = float(np.min(ra)) % 360.0, float(np.max(ra)) % 360.0
    bottom, top = float(np.min(footprint.dec)), float(np.max(footprint.dec))
    corners = (low, bottom, high, bottom, high, top, low, top)
    return "POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in corners)
