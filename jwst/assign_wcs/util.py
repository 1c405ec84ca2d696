"""Errors of the world coordinates of an exposure, and small helpers (spec jwst_base.md §1, assign_wcs_*.md)."""

from __future__ import annotations

from typing import Any

from jwst.assign_wcs.sip import is_sky_like, update_fits_wcsinfo, update_s_region_imaging
from stpipe.exceptions import InputError, StpipeExitException

__all__ = [
    "MSAFileError",
    "NoDataOnDetectorError",
    "calc_rotation_matrix",
    "is_sky_like",
    "update_fits_wcsinfo",
    "update_s_region_imaging",
    "velocity_correction",
    "velocity_factor",
    "wrap_ra",
]

NO_DATA_ON_DETECTOR = 64
SPEED_OF_LIGHT = 299792458.0


class NoDataOnDetectorError(StpipeExitException):
    """No light of the science target falls on this detector: there is nothing to calibrate.

    ``strun`` ends with exit status 64, which operations take for "no data" and not for a failure.

    Parameters
    ----------
    message : str, optional
        What was found.
    """

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            NO_DATA_ON_DETECTOR, message or "The world coordinates say that there is no science data on the detector."
        )


class MSAFileError(InputError):
    """The MSA metadata file (keyword MSAMETFL) of a NIRSpec exposure is missing, or does not describe the exposure."""


def velocity_factor(velosys: float | None) -> float | None:
    """Factor from observed to barycentric wavelengths.

    Parameters
    ----------
    velosys : float or None, m/s
        ``meta.wcsinfo.velosys``, the barycentric velocity of the telescope.

    Returns
    -------
    float or None
        ``1 / (1 + v/c)``; None where the velocity is not known (spec assign_wcs_spectroscopy.md, common pieces).
    """
    return None if velosys is None else 1.0 / (1.0 + velosys / SPEED_OF_LIGHT)


def velocity_correction(velosys: float | None) -> Any:
    """Transform from observed to barycentric wavelengths.

    Parameters
    ----------
    velosys : float or None, m/s
        Barycentric velocity of the telescope; None is no change.

    Returns
    -------
    astropy.modeling.Model
        One input, one output, with an inverse.
    """
    from astropy.modeling.models import Identity, Scale

    factor = velocity_factor(velosys)
    return Identity(1) if factor is None else Scale(factor, name="velocity_correction")


def calc_rotation_matrix(roll_ref: float, v3i_yangle: float, vparity: int = 1) -> list[float]:
    """Rotation from the ideal frame of an aperture to the sky.

    Parameters
    ----------
    roll_ref : float, rad
        Position angle of V3 at the aperture.
    v3i_yangle : float, rad
        Angle from V3 to the y axis of the aperture.
    vparity : int
        1, or -1 where the x axis runs against V2.

    Returns
    -------
    list of float
        PC1_1, PC1_2, PC2_1, PC2_2.

    Raises
    ------
    InputError
        ``vparity`` is neither 1 nor -1.
    """
    from math import cos, sin

    if vparity not in (1, -1):
        raise InputError(f"vparity is {vparity!r}; it has to be 1 or -1")
    angle = roll_ref - vparity * v3i_yangle
    return [vparity * cos(angle), sin(angle), -vparity * sin(angle), cos(angle)]


def wrap_ra(ravalues: Any) -> Any:
    """Undo jumps of right ascension at 0/360.

    Parameters
    ----------
    ravalues : ndarray of float, deg
        In 0..360; NaN stay.

    Returns
    -------
    ndarray of float, deg
        Values more than 180 deg away from the median are moved by 360 deg towards it.
    """
    import numpy as np

    values = np.asanyarray(ravalues, float)
    middle = np.nanmedian(values)
    return values - 360.0 * (values - middle > 180) + 360.0 * (middle - values > 180)
