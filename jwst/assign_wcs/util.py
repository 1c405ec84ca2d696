"""Errors of the world coordinates of an exposure, and small helpers (spec jwst_base.md §1, assign_wcs_*.md)."""

from __future__ import annotations

from typing import Any

from stpipe.exceptions import InputError, StpipeExitException

__all__ = ["MSAFileError", "NoDataOnDetectorError", "velocity_factor", "wrap_ra"]

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
