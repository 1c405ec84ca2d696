"""Transforms of one slit or slice, between the grating wheel and the aperture.

Source: spec assign_wcs_spectroscopy.md, Transforms 3-4; assign_wcs_ifu.md §3.5. The slits of an exposure differ only in
their place in the MSA plane (and slices in their post-optics), so that what they share is made once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import Const1D, Identity, Mapping, Scale, Shift, Tabular1D
from gwcs.spectroscopy import AnglesFromGratingEquation3D, WavelengthFromGratingEquation
from stdatamodels.jwst.transforms.models import Logical, RefractionIndexFromPrism, Snell

from jwst.assign_wcs.nirspec_optics import Optics

__all__ = ["Aperture", "SlitMaker", "SlitModels", "aperture_model", "edge_table", "edges_of", "lit_pixels"]

_POINTS = 1000
_METRE = 1e6


@dataclass(frozen=True)
class Aperture:
    """A slit or slice.

    Attributes
    ----------
    location : astropy.modeling.Model
        Units of the slit to metres: (x, y) to (x, y).
    post : astropy.modeling.Model or None
        Slicer to MSA plane: (x, y, wavelength in m) to (x, y), metres; None for slits, which are in that plane.
    limits : tuple of float
        Lower and upper end along the slit, in units of its height.
    """

    location: Any
    post: Any | None
    limits: tuple[float, float]


@dataclass(frozen=True)
class SlitModels:
    """Transforms of a slit.

    Attributes
    ----------
    from_gwa : astropy.modeling.Model
        Direction cosines to (x_slit, y_slit, wavelength), with its inverse.
    to_gwa : astropy.modeling.Model
        The inverse.
    location : astropy.modeling.Model
        (x_slit, y_slit) to metres.
    """

    from_gwa: Any
    to_gwa: Any
    location: Any


def aperture_model(place: np.ndarray, frame: Any) -> Any:
    """Units of an aperture to its plane.

    Parameters
    ----------
    place : (4,) ndarray of float, m
        XC, YC, SIZEX, SIZEY.
    frame : astropy.modeling.Model
        The quadrant, or the slicer, to the plane.

    Returns
    -------
    astropy.modeling.Model
        (x, y) to (x, y), m.
    """
    x, y, width, height = (float(value) for value in place)
    return Scale(width) & Scale(height) | Shift(x) & Shift(y) | frame


def edge_table(aperture: Aperture, optics: Optics) -> tuple[np.ndarray, np.ndarray]:
    """Direction of light against place along the slit.

    Parameters
    ----------
    aperture : Aperture
    optics : Optics

    Returns
    -------
    beta, y_slit : (1000,) ndarray of float
        Second direction cosine, increasing, and place in units of the slit.
    """
    along = np.linspace(*aperture.limits, _POINTS)
    x, y = aperture.location(np.zeros(_POINTS), along)
    if aperture.post is not None:
        x, y = aperture.post(x, y, np.full(_POINTS, _middle(optics)))
    beta = optics.incoming(x, y)[1]
    return (beta, along) if beta[0] <= beta[-1] else (beta[::-1], along[::-1])


def _middle(optics: Optics) -> float:
    """Wavelength that the place along a slice is found with, m."""
    return optics.wavelengths[0] + (optics.wavelengths[1] - optics.wavelengths[0]) * 0.5


class SlitMaker:
    """Makes the transforms of the slits or slices of one exposure.

    Parameters
    ----------
    optics : Optics

    Notes
    -----
    Joining astropy models takes time for each parameter of both, so that what all slits share is joined once.
    """

    def __init__(self, optics: Optics) -> None:
        self._optics = optics
        self._arriving = Identity(2) & optics.incoming & Identity(1) | _dispersion(optics)
        self._leaving = optics.incoming & Identity(1) | _diffraction(optics)
        self._ends: dict[tuple[float, float], Any] = {}

    def models(self, aperture: Aperture) -> SlitModels:
        """Make the transforms of one slit or slice.

        Parameters
        ----------
        aperture : Aperture

        Returns
        -------
        SlitModels
        """
        beta, along = edge_table(aperture, self._optics)
        table = Tabular1D(points=(beta,), lookup_table=along, bounds_error=False, fill_value=np.nan, name="tabular")
        to_place = Mapping((0, 1, 0), n_inputs=3) | Scale(0.0) & (Scale(-1.0) | table) & Identity(1)
        in_plane = Identity(2) & self._in_plane(aperture) & Identity(1)
        forward = (to_place | Mapping((0, 1, 0, 1, 2)) | in_plane) | self._to_slit(aperture.limits)
        forward.inverse = backward = self.to_gwa(aperture)
        return SlitModels(forward, backward, aperture.location)

    def to_gwa(self, aperture: Aperture) -> Any:
        """Make the transform of a slit to the grating wheel.

        Parameters
        ----------
        aperture : Aperture

        Returns
        -------
        astropy.modeling.Model
            (x_slit, y_slit, wavelength in m) to direction cosines after the disperser.
        """
        if aperture.post is None:
            return aperture.location & Identity(1) | self._leaving
        before = aperture.location & Identity(1) | Mapping((0, 1, 2, 2))
        return before | (aperture.post & Identity(1) | self._leaving)

    def _to_slit(self, limits: tuple[float, float]) -> Any:
        """From the MSA plane to the wavelength, for slits with these ends."""
        if limits not in self._ends:
            self._ends[limits] = self._arriving | _inside(limits)
        return self._ends[limits]

    def _in_plane(self, aperture: Aperture) -> Any:
        """(x_slit, y_slit) to the MSA plane, at one wavelength."""
        if aperture.post is None:
            return aperture.location
        at = Mapping((0, 1, 0)) | Identity(2) & Const1D(_middle(self._optics))
        return (aperture.location | at) | aperture.post


def _dispersion(optics: Optics) -> Any:
    """(x, y, three incoming cosines, alpha_out) to (x, y, wavelength)."""
    factors = Identity(1)
    if optics.velocity is not None:
        factors = Scale(optics.velocity, name="velocity_correction")
    if optics.lamp:
        factors = factors | Scale(_METRE)
    if optics.disperser.prism is None:
        grating = WavelengthFromGratingEquation(
            optics.disperser.groove_density, optics.order, name="lambda_from_gratingeq"
        )
        return Mapping((0, 1, 2, 5), n_inputs=6) | Identity(2) & (grating | Scale(-1.0) | factors)
    index = RefractionIndexFromPrism(optics.disperser.prism["angle"], name="n_prism")
    return Mapping((0, 1, 2, 3, 5), n_inputs=6) | Identity(2) & (index | optics.prism_table | factors)


def _diffraction(optics: Optics) -> Any:
    """(three incoming cosines, wavelength in m) to directions after the disperser."""
    factor = Identity(4)
    if optics.velocity is not None:
        factor = Identity(3) & Scale(1.0 / optics.velocity, name="inv_vel_correction")
    if optics.disperser.prism is not None:
        return factor | Mapping((3, 0, 1, 2)) | Snell(**optics.disperser.prism, name="snell_law")
    grating = AnglesFromGratingEquation3D(optics.disperser.groove_density, optics.order, name="alpha_from_greq")
    return factor | Mapping((3, 0, 1), n_inputs=4) | Identity(1) & Scale(-1.0) & Identity(1) | grating


def _inside(limits: tuple[float, float]) -> Any:
    """Make place and wavelength NaN where the place is beyond the ends of the slit."""
    mask = Logical("GT", limits[1], np.nan) | Logical("LT", limits[0], np.nan) | Scale(0.0)
    total = Mapping((0,), n_inputs=2) + Mapping((1,), n_inputs=2)
    again = Mapping((0,), n_inputs=2) + Mapping((1,), n_inputs=2)
    return (
        Mapping((0, 1, 2, 1)) | Identity(3) & mask | Mapping((0, 1, 3, 2, 3), n_inputs=4) | Identity(1) & total & again
    )


def lit_pixels(model: Any, to_gwa: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find the pixels that have a wavelength.

    Parameters
    ----------
    model : astropy.modeling.Model
        Of a slit, from the grating wheel; of the released pipeline too.
    to_gwa : astropy.modeling.Model
        Pixels to the grating wheel.
    x, y : (rows, columns) ndarray of float
        Pixels.

    Returns
    -------
    (rows, columns) ndarray of bool

    Notes
    -----
    With a grating these are the pixels inside the table of the ends of the slit; the prism has none beyond its glass.
    """
    if not x.size:
        return np.zeros(x.shape, bool)
    directions = to_gwa(x, y)
    if any(isinstance(part, RefractionIndexFromPrism) for part in model):
        return np.isfinite(model(*directions)[2])
    beta = edges_of(model).points[0]
    return (-directions[1] >= np.min(beta)) & (-directions[1] <= np.max(beta))


def edges_of(model: Any) -> Tabular1D:
    """Table of the direction of light against the place along a slit, in its transform from the grating wheel."""
    return next(part for part in model if isinstance(part, Tabular1D))
