"""The grating or prism of a NIRSpec exposure. Source: spec assign_wcs_spectroscopy.md, GWA tilt."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import Tabular1D
from stdatamodels.jwst.transforms.models import Rotation3DToGWA, Snell, Unitless2DirCos

from jwst.assign_wcs.reference_trees import entry_of, read_tree

__all__ = ["Disperser", "cosines", "glass_table", "read_disperser"]

log = logging.getLogger(__name__)

_PRISM_RANGE = (0.3e-6, 8.0e-6, 0.005e-6)


@dataclass(frozen=True)
class Disperser:
    """A grating or the prism, at the tilt of the grating wheel of an exposure.

    Attributes
    ----------
    angles : tuple of 4 float, deg
        theta_x, theta_y, theta_z and tilt_y: rotations about x, y, z and y.
    groove_density : float or None, 1/m
        None for the prism.
    prism : mapping or None
        Arguments of `stdatamodels.jwst.transforms.models.Snell`; None for a grating.
    """

    angles: tuple[float, float, float, float]
    groove_density: float | None
    prism: Mapping[str, Any] | None


def _tilt(value: float | None, sensor: Mapping[str, Any], keyword: str) -> float:
    """Correction of an angle for the reading of a sensor of the grating wheel, deg."""
    if value is None:
        log.warning(
            "The exposure has no reading of the grating wheel (%s): the wavelengths may be off by a few pixels", keyword
        )
        return 0.0
    model, zero = sensor["tilt_model"], sensor["zeroreadings"][0]
    return float(0.5 * (model(value) - model(zero)) / 3600.0)


def read_disperser(model: Any, reference: Any) -> Disperser:
    """Read the disperser of an exposure, at the tilt of the wheel.

    Parameters
    ----------
    model : data model
        With ``grating``, ``gwa_xtilt``, ``gwa_ytilt`` and, for the prism, ``gwa_tilt`` in ``meta.instrument``. Without
        a reading of a tilt the angle is as in the reference, with a warning.
    reference : str, Path or DisperserModel

    Returns
    -------
    Disperser

    Raises
    ------
    InputError
        The reference is absent, or none of this disperser.
    KeyError
        A prism exposure without its temperature (GWA_TILT).
    """
    tree = read_tree(reference, "disperser")
    instrument = model.meta.instrument
    angles = [float(entry_of(tree, f"theta_{axis}", "disperser")) for axis in "xyz"]
    angles[1] += _tilt(instrument.gwa_xtilt, entry_of(tree, "gwa_tiltx", "disperser"), "GWA_XTIL")
    angles[0] += _tilt(instrument.gwa_ytilt, entry_of(tree, "gwa_tilty", "disperser"), "GWA_YTIL")
    whole = (angles[0], angles[1], angles[2], float(entry_of(tree, "tilt_y", "disperser")))
    if str(instrument.grating).upper() != "PRISM":
        return Disperser(whole, float(entry_of(tree, "groovedensity", "disperser")), None)
    if instrument.gwa_tilt is None:
        raise KeyError(
            "Missing reference temperature (keyword GWA_TILT). The wavelengths of the prism depend on it: add the "
            "keyword, in kelvin (about 36)"
        )
    prism = {name: list(entry_of(tree, name, "disperser")) for name in ("kcoef", "lcoef", "tcoef")}
    values = {name: float(entry_of(tree, name, "disperser")) for name in ("angle", "tref", "pref")}
    more = {"temperature": float(instrument.gwa_tilt), "pressure": values["pref"]}
    return Disperser(whole, None, {**prism, **values, **more})


def cosines(disperser: Disperser) -> Any:
    """Tangents of angles to direction cosines in the frame of a disperser."""
    rotation = Rotation3DToGWA(list(disperser.angles), axes_order="xyzy", name="rotation")
    return Unitless2DirCos(name="unitless2directional_cosines") | rotation


def glass_table(prism: Mapping[str, Any]) -> Any:
    """Refraction index of the prism to wavelength.

    Parameters
    ----------
    prism : mapping
        Arguments of `stdatamodels.jwst.transforms.models.Snell`.

    Returns
    -------
    astropy.modeling.models.Tabular1D
        Linear between 0.3 and 8 micron in steps of 0.005 micron; metres, NaN outside.
    """
    wavelengths = np.arange(*_PRISM_RANGE)
    names = ("temperature", "tref", "pref", "pref", "kcoef", "lcoef", "tcoef")
    values = [np.array(prism[name], float) if name.endswith("coef") else prism[name] for name in names]
    index = Snell.compute_refraction_index(wavelengths, *values).ravel()
    return Tabular1D(points=(index[::-1],), lookup_table=wavelengths[::-1], bounds_error=False, fill_value=np.nan)
