"""From the field of the telescope (V2, V3) to the sky. Source: spec assign_wcs_imaging.md §§3-4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.modeling.models import Identity, RotationSequence3D, Scale, Shift
from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

from jwst.assign_wcs.fits_wcs import create_fitswcs, fitswcs_transform_from_model, frame_from_model
from stpipe.exceptions import InputError, MissingMetadataError

__all__ = [
    "compute_roll_ref",
    "create_fitswcs",
    "dva_corr_model",
    "fitswcs_transform_from_model",
    "frame_from_model",
    "v23tosky",
]

_POINTING = ("v2_ref", "v3_ref", "roll_ref", "ra_ref", "dec_ref")


def dva_corr_model(va_scale: float | None, v2_ref: float | None = None, v3_ref: float | None = None) -> Any:
    """Differential velocity aberration: a scale about the reference point.

    Parameters
    ----------
    va_scale : float or None
        ``meta.velocity_aberration.scale_factor``; None or 1 is no change.
    v2_ref, v3_ref : float or None, arcsec
        Reference point; None counts as 0.

    Returns
    -------
    astropy.modeling.Model
        (V2, V3) to (V2, V3), arcsec.

    Raises
    ------
    InputError
        The scale is not positive.
    """
    if va_scale is None or va_scale == 1:
        return Identity(2)
    if va_scale <= 0:
        raise InputError(
            f"meta.velocity_aberration.scale_factor (VA_SCALE) is {va_scale}; it has to be positive, near 1"
        )
    scale = Scale(va_scale, name="dva_scale_v2") & Scale(va_scale, name="dva_scale_v3")
    if not v2_ref and not v3_ref:
        scale.name = "DVA_Correction"
        return scale
    shifts = ((1 - va_scale) * (v2_ref or 0.0), (1 - va_scale) * (v3_ref or 0.0))
    model = scale | Shift(shifts[0], name="dva_v2_shift") & Shift(shifts[1], name="dva_v3_shift")
    model.name = "DVA_Correction"
    return model


def v23tosky(input_model: Any, wrap_v2_at: float = 180, wrap_lon_at: float = 360) -> Any:
    """Rotation of the field of the telescope to the sky.

    Parameters
    ----------
    input_model : data model
        With ``v2_ref``, ``v3_ref`` (arcsec), ``roll_ref``, ``ra_ref`` and ``dec_ref`` (deg) in ``meta.wcsinfo``.
    wrap_v2_at, wrap_lon_at : float, deg
        Where V2 and the right ascension start again.

    Returns
    -------
    astropy.modeling.Model
        (V2, V3) in arcsec to (RA, Dec) in deg; its last parameters are the five angles.

    Raises
    ------
    MissingMetadataError
        The pointing is not known.
    """
    wcsinfo = input_model.meta.wcsinfo
    values = {name: getattr(wcsinfo, name) for name in _POINTING}
    absent = [f"meta.wcsinfo.{name}" for name, value in values.items() if value is None]
    if absent:
        raise MissingMetadataError(
            f"assign_wcs needs the pointing of the exposure; without a value: {', '.join(absent)}. "
            "Add the keywords (set_telescope_pointing of the public pipeline does), or skip assign_wcs"
        )
    angles = [values["v2_ref"] / 3600, -values["v3_ref"] / 3600, values["roll_ref"], values["dec_ref"]]
    rotation = RotationSequence3D([*angles, -values["ra_ref"]], axes_order="zyxyz")
    degrees = Scale(1 / 3600) & Scale(1 / 3600)
    model = (
        degrees
        | SphericalToCartesian(wrap_lon_at=wrap_v2_at)
        | rotation
        | CartesianToSpherical(wrap_lon_at=wrap_lon_at)
    )
    model.name = "v23tosky"
    return model


def compute_roll_ref(
    v2_ref: float, v3_ref: float, roll_ref: float, ra_ref: float, dec_ref: float, new_v2: float, new_v3: float
) -> float:
    """Position angle of V3 at another place of the field.

    Parameters
    ----------
    v2_ref, v3_ref : float, arcsec
        Reference point.
    roll_ref : float, deg
        Position angle there.
    ra_ref, dec_ref : float, deg
        Where the reference point is on the sky.
    new_v2, new_v3 : float, arcsec
        The other place.

    Returns
    -------
    float, deg
        In 0..360.
    """
    angles = np.deg2rad([-ra_ref, dec_ref, roll_ref, -v3_ref / 3600, v2_ref / 3600])
    z, y, x = (_turned(axis) for axis in (2, 1, 0))
    m = z(angles[0]) @ y(angles[1]) @ x(angles[2]) @ y(angles[3]) @ z(angles[4])
    v2, v3 = np.deg2rad([new_v2 / 3600, new_v3 / 3600])
    north = -(m[2, 0] * np.cos(v2) + m[2, 1] * np.sin(v2)) * np.sin(v3) + m[2, 2] * np.cos(v3)
    crossed = m[0, 0] * m[1, 2] - m[1, 0] * m[0, 2], m[0, 1] * m[1, 2] - m[1, 1] * m[0, 2]
    return float(np.rad2deg(np.arctan2(crossed[0] * np.cos(v2) + crossed[1] * np.sin(v2), north)) % 360.0)


def _turned(axis: int) -> Callable[[float], np.ndarray]:
    """Passive rotations about an axis: 0 for x, 1 for y, 2 for z."""
    first, second = (n for n in range(3) if n != axis)
    sign = -1.0 if axis == 1 else 1.0

    def rotation(angle: float) -> np.ndarray:
        matrix = np.eye(3)
        matrix[first, first] = matrix[second, second] = np.cos(angle)
        matrix[first, second] = sign * np.sin(angle)
        matrix[second, first] = -matrix[first, second]
        return matrix

    return rotation
