"""From the field of the telescope (V2, V3) to the sky. Source: spec assign_wcs_imaging.md §§3-4."""

from __future__ import annotations

from typing import Any

from astropy.modeling.models import Identity, RotationSequence3D, Scale, Shift
from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

from stpipe.exceptions import InputError, MissingMetadataError

__all__ = ["dva_corr_model", "v23tosky"]

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
