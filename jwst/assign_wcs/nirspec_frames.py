"""Coordinate frames of NIRSpec spectra. Source: spec assign_wcs_spectroscopy.md, assign_wcs_ifu.md §3.7."""

from __future__ import annotations

from typing import Any

from astropy import coordinates
from astropy import units as u
from gwcs import coordinate_frames as cf

__all__ = ["frames"]

_SPATIAL = {
    "slit_frame": ("slit_spatial", (u.one, u.one), ("x_slit", "y_slit")),
    "slicer": ("slicer_spatial", (u.one, u.one), ("x_slicer", "y_slicer")),
    "msa_frame": ("msa_spatial", (u.m, u.m), ("x_msa", "y_msa")),
    "oteip": ("oteip", (u.deg, u.deg), ("X_OTEIP", "Y_OTEIP")),
    "oteip_chromcorr": ("oteip", (u.deg, u.deg), ("X_OTEIP", "Y_OTEIP")),
    "v2v3": ("v2v3_spatial", (u.arcsec, u.arcsec), ("v2", "v3")),
    "v2v3vacorr": ("v2v3vacorr_spatial", (u.arcsec, u.arcsec), ("v2", "v3")),
}
_PLANES = {
    "coordinates": ((u.pix, u.pix), ("x", "y")),
    "detector": ((u.pix, u.pix), ("x", "y")),
    "sca": ((u.pix, u.pix), ("x", "y")),
    "gwa": ((u.rad, u.rad), ("alpha_in", "beta_in")),
}


def frames() -> dict[str, Any]:
    """All frames by name.

    Returns
    -------
    dict of str to gwcs.coordinate_frames.CoordinateFrame
        Pixels for the detector, direction cosines for the grating wheel; from the slit on two spatial axes and the
        wavelength in micron.
    """
    spectral = cf.SpectralFrame(axes_order=(2,), unit=(u.micron,), axes_names=("wavelength",), name="spectral")
    found: dict[str, Any] = {
        name: cf.Frame2D(name=name, axes_order=(0, 1), unit=unit, axes_names=axes)
        for name, (unit, axes) in _PLANES.items()
    }
    for name, (part, unit, axes) in _SPATIAL.items():
        plane = cf.Frame2D(name=part, axes_order=(0, 1), unit=unit, axes_names=axes)
        found[name] = cf.CompositeFrame([plane, spectral], name=name)
    sky = cf.CelestialFrame(name="sky", axes_order=(0, 1), reference_frame=coordinates.ICRS())
    found["world"] = cf.CompositeFrame([sky, spectral], name="world")
    return found
