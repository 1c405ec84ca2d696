"""What the references say about the optics of NIRSpec. Source: spec assign_wcs_spectroscopy.md, NIRSpec slit chain."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.assign_wcs.nirspec_disperser import Disperser, cosines, glass_table, read_disperser
from jwst.assign_wcs.reference_trees import entry_of, read_tree
from stpipe.exceptions import InputError

__all__ = ["Optics", "Quadrant", "is_lamp", "places_of", "read_optics", "read_quadrant", "wave_range"]

log = logging.getLogger(__name__)

LAMP_TYPES = ("NRS_LAMP", "NRS_AUTOWAVE", "NRS_AUTOFLAT")
_ANY_RANGE = (-1, (6.0e-7, 5.3e-6))


@dataclass(frozen=True)
class Optics:
    """What an exposure went through, from the detector to the aperture.

    Attributes
    ----------
    to_gwa, incoming : astropy.modeling.Model
        Pixels of the detector, and metres in the MSA plane, to direction cosines at the grating wheel.
    prism_table : astropy.modeling.Model or None
        Refraction index to wavelength in m; None for a grating.
    disperser : Disperser
    order : int
        Spectral order.
    wavelengths : tuple of float, m
        Range.
    velocity : float or None
        Factor from observed to barycentric wavelengths.
    lamp : bool
        Light of a lamp of the instrument, so that there is no sky.
    """

    to_gwa: Any
    incoming: Any
    prism_table: Any | None
    disperser: Disperser
    order: int
    wavelengths: tuple[float, float]
    velocity: float | None
    lamp: bool


@dataclass(frozen=True)
class Quadrant:
    """Apertures of one quadrant of the MSA.

    Attributes
    ----------
    model : astropy.modeling.Model
        Quadrant to MSA, metres.
    places : (n, 4) ndarray of float, m
        Centre and size of each aperture: XC, YC, SIZEX, SIZEY.
    """

    model: Any
    places: np.ndarray


def is_lamp(model: Any) -> bool:
    """Whether an exposure is one of a lamp, or has its filter closed."""
    return model.meta.instrument.filter == "OPAQUE" or model.meta.exposure.type in LAMP_TYPES


def wave_range(model: Any, reference: Any) -> tuple[int, tuple[float, float]]:
    """Spectral order and wavelengths of an exposure.

    Parameters
    ----------
    model : data model
        Exposure.
    reference : str, Path or WavelengthrangeModel

    Returns
    -------
    order : int
    wavelengths : tuple of float, m
        A combination that the reference does not have takes the first one with the same grating, and without that
        order -1 and 0.6 to 5.3 micron; both with a warning.
    """
    tree = read_tree(reference, "wavelengthrange")
    selectors = list(entry_of(tree, "waverange_selector", "wavelengthrange"))
    instrument = model.meta.instrument
    lamp = is_lamp(model)
    key = f"{instrument.lamp_state if lamp else instrument.filter}_{instrument.grating}"
    if key in selectors:
        index = selectors.index(key)
    else:
        same = [i for i, name in enumerate(selectors) if name.endswith(f"_{instrument.grating}")]
        instead = f"that of {selectors[same[0]]}" if same else "order -1 and 0.6 to 5.3 micron"
        log.warning("The WAVELENGTHRANGE reference has no combination %s; %s is used", key, instead)
        if not same:
            return _ANY_RANGE
        index = same[0]
    low, high = tree["wavelengthrange"][index]
    return int(tree["order"][index]), (float(low), float(high))


def read_optics(model: Any, reference_files: Mapping[str, Any]) -> Optics:
    """Read what an exposure went through; also writes order and wavelengths into ``meta.wcsinfo``.

    Parameters
    ----------
    model : data model
        Exposure.
    reference_files : mapping of str to (str, Path or data model)
        References by type: camera, collimator, disperser, fpa and wavelengthrange are used.

    Returns
    -------
    Optics

    Raises
    ------
    InputError
        A reference is absent, cannot be read or lacks an entry; or the detector is none of NIRSpec.
    KeyError
        A prism exposure without its temperature (GWA_TILT).
    """
    from jwst.assign_wcs.util import velocity_factor

    detector = str(model.meta.instrument.detector).lower()
    if detector not in ("nrs1", "nrs2"):
        raise InputError(f"The detector (DETECTOR) is {model.meta.instrument.detector}; NIRSpec has NRS1 and NRS2")
    order, wavelengths = wave_range(model, reference_files.get("wavelengthrange"))
    wcsinfo = model.meta.wcsinfo
    wcsinfo.waverange_start, wcsinfo.waverange_end, wcsinfo.spectral_order = *wavelengths, order
    keys = {"fpa": f"{detector}_model", "camera": "model", "collimator": "model"}
    fpa, camera, collimator = (
        entry_of(read_tree(reference_files.get(kind), kind), key, kind) for kind, key in keys.items()
    )
    disperser = read_disperser(model, reference_files.get("disperser"))
    return Optics(
        to_gwa=fpa | camera | cosines(disperser),
        incoming=collimator.inverse | cosines(disperser),
        prism_table=None if disperser.prism is None else glass_table(disperser.prism),
        disperser=disperser,
        order=order,
        wavelengths=wavelengths,
        velocity=velocity_factor(wcsinfo.velosys),
        lamp=is_lamp(model),
    )


def read_quadrant(tree: Mapping[str, Any], number: int) -> Quadrant:
    """Take one quadrant out of an MSA reference.

    Parameters
    ----------
    tree : mapping
        From `read_tree`.
    number : int
        1 to 4; 5 has the fixed slits.

    Returns
    -------
    Quadrant

    Raises
    ------
    InputError
        The reference has no such quadrant.
    """
    entry = entry_of(tree, f"Q{number}", "msa")
    return Quadrant(entry_of(entry, "model", "msa"), places_of(entry["data"]))


def places_of(table: Any) -> np.ndarray:
    """Columns XC, YC, SIZEX and SIZEY of a table of apertures, as (n, 4) float64 in metres."""
    table = np.asarray(table)
    if table.dtype.names is None:
        return table[:, 1:5].astype(float)
    return np.stack([table[name].astype(float) for name in table.dtype.names[1:5]], axis=1)
