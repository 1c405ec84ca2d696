"""References for the optics of NIRSpec: what assign_wcs and msa_flagging need, for caches without real ones.

Cameras and mirrors are affine: the curvature of slit images and spectra comes from the geometry of the gratings, which
is exact, and affine models have exact inverses. Distortion, which moves spectra by some pixels, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jwst.simulation.nirspec_optics_msa import microshutters, write_operability
from jwst.simulation.nirspec_optics_table import GRATINGS, SLICES, SPECTRA, Prism
from jwst.simulation.reference_request import REFERENCE_META
from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from astropy.modeling import Model

__all__ = ["OPTICS_TYPES", "nirspec_optics_references", "write_optics_reference"]

PIXEL = 18e-6
CHIP_X, CHIP_Y = 0.03817, 0.01842
OFF_AXIS = 0.2936
CAMERA = (3.513, 3.721)
COLLIMATOR = (0.6354, 0.6068)
IFU_APERTURE = (0.0413, 0.0)
IFU_FORE = (0.0506, 0.1027)
FIELD_ANGLE, FIELD_SCALE = 41.35, 1.638
TELESCOPE, AXIS = 0.4356, (0.10539, -0.11913)
ZERO_TILTS = (0.3475, 0.131)
TILT_SLOPES = (-8400.0, 2100.0)


def _affine(
    before: tuple[float, float], scale: tuple[float, float], after: tuple[float, float], turn: float = 0.0
) -> Model:
    """Shift, rotation by some degrees with scales, shift."""
    from astropy.modeling.models import AffineTransformation2D, Shift

    angle = np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = rotation * np.asarray(scale)[:, None]
    return (
        Shift(before[0]) & Shift(before[1]) | AffineTransformation2D(matrix=matrix) | Shift(after[0]) & Shift(after[1])
    )


def _for_all_wavelengths(model: Model) -> Model:
    """A model of x and y that takes a wavelength too."""
    from astropy.modeling.models import Mapping

    full = Mapping((0, 1), n_inputs=3) | model
    full.inverse = Mapping((0, 1), n_inputs=3) | model.inverse
    return full


def _camera(_: str) -> Any:
    from stdatamodels.jwst.datamodels import CameraModel

    return CameraModel(model=_affine((0, 0), CAMERA, (0, OFF_AXIS)))


def _collimator(_: str) -> Any:
    from stdatamodels.jwst.datamodels import CollimatorModel

    return CollimatorModel(model=_affine((0, OFF_AXIS), COLLIMATOR, (0, 0)))


def _fpa(_: str) -> Any:
    from stdatamodels.jwst.datamodels import FPAModel

    first = _affine((0, 0), (PIXEL, PIXEL), (-CHIP_X, -CHIP_Y))
    return FPAModel(nrs1_model=first, nrs2_model=_affine((0, 0), (-PIXEL, -PIXEL), (CHIP_X, CHIP_Y)))


def _fore(_: str) -> Any:
    from stdatamodels.jwst.datamodels import FOREModel

    model = FOREModel(model=_for_all_wavelengths(_affine((0, 0), (FIELD_SCALE,) * 2, (0, 0), FIELD_ANGLE)))
    model.meta.instrument.filter = "CLEAR"
    return model


def _ote(_: str) -> Any:
    from astropy.modeling.models import Scale
    from stdatamodels.jwst.datamodels import OTEModel

    degrees = _affine((0, 0), (-TELESCOPE, TELESCOPE), AXIS)
    return OTEModel(model=degrees | Scale(3600.0) & Scale(3600.0), output_units="arcsec")


def _chromcorr(_: str) -> Any:
    from astropy.modeling.models import Identity, Shift
    from stdatamodels.jwst.datamodels import ChromCorrModel

    return ChromCorrModel(model=Shift(1e-6) & Shift(-2e-6) & Identity(1))


def _msa(_: str) -> Any:
    return microshutters()


def _ifufore(_: str) -> Any:
    from stdatamodels.jwst.datamodels import IFUFOREModel

    return IFUFOREModel(model=_for_all_wavelengths(_affine((0, 0), IFU_FORE, IFU_APERTURE)))


def _slice_places() -> np.ndarray:
    """Places of the slices on the slicer, m: 0 and 1 in the middle, then outwards by turns."""
    number = np.arange(SLICES.count)
    return np.where(number % 2 == 0, 1, -1) * (number // 2 + 0.5) * SLICES.width


def _ifuslicer(_: str) -> Any:
    from astropy.modeling.models import Rotation2D, Shift
    from stdatamodels.jwst.datamodels import IFUSlicerModel

    names = [("NO", "<i4"), ("XC", "<f4"), ("YC", "<f4"), ("SIZEX", "<f4"), ("SIZEY", "<f4")]
    data = np.zeros(SLICES.count, names)
    data["NO"], data["XC"] = np.arange(SLICES.count), _slice_places()
    data["SIZEX"], data["SIZEY"] = SLICES.width, SLICES.length
    return IFUSlicerModel(model=Rotation2D(0.0) | Shift(0.0) & Shift(0.0), data=data)


def _ifupost(_: str) -> Any:
    from astropy.modeling.models import Polynomial2D
    from stdatamodels.jwst.datamodels import IFUPostModel

    number, places = np.arange(SLICES.count), _slice_places()
    heights = np.where(number % 2 == 0, 1, -1) * (SLICES.first + (number // 2) * SLICES.step)
    size = (SLICES.magnification,) * 2
    slices = {
        f"slice_{i}": {
            "linear": _affine((-places[i], 0), size, (SLICES.x, heights[i]), turn=0.002 * heights[i] / SLICES.step),
            "xpoly": Polynomial2D(1, c1_0=1.0),
            "xpoly_distortion": Polynomial2D(1, c0_1=1.0),
            "ypoly": Polynomial2D(1, c0_1=1.0),
            "ypoly_distortion": Polynomial2D(1, c1_0=-1.0),
        }
        for i in number
    }
    return IFUPostModel(slice_models=slices)


def _disperser(grating: str) -> Any:
    from astropy.modeling.models import Polynomial1D
    from stdatamodels.jwst.datamodels import DisperserModel

    wheel = GRATINGS[grating]
    readings = [
        {"temperatures": [37.2], "tilt_model": Polynomial1D(1, c0=-slope * zero, c1=slope), "unit": "arcsec"}
        | {"zeroreadings": [zero]}
        for zero, slope in zip(ZERO_TILTS, TILT_SLOPES)
    ]
    names = dict(zip(("theta_x", "theta_y", "theta_z"), wheel.theta))
    model = DisperserModel(gwa_tiltx=readings[0], gwa_tilty=readings[1], **names)
    model.tilt_x, model.tilt_y = 0.0, wheel.tilt
    model.meta.instrument.grating = grating
    if isinstance(wheel, Prism):
        model.angle, model.kcoef, model.lcoef = wheel.angle, list(wheel.strengths), list(wheel.resonances)
        model.tcoef, model.tref, model.pref = list(wheel.thermal), wheel.temperature, 0.0
    else:
        model.groovedensity = wheel.grooves
    return model


def _wavelengthrange(_: str) -> Any:
    from stdatamodels.jwst.datamodels import WavelengthrangeModel

    orders = [order for order, _ in SPECTRA.values()]
    limits = [list(pair) for _, pair in SPECTRA.values()]
    model = WavelengthrangeModel(wrange_selector=list(SPECTRA), wrange=limits, order=orders, wunits="m")
    model.meta.instrument.name = "NIRSPEC"
    return model


_MAKERS: dict[str, Callable[[str], Any]] = {
    "camera": _camera,
    "chromcorr": _chromcorr,
    "collimator": _collimator,
    "disperser": _disperser,
    "fore": _fore,
    "fpa": _fpa,
    "ifufore": _ifufore,
    "ifupost": _ifupost,
    "ifuslicer": _ifuslicer,
    "msa": _msa,
    "ote": _ote,
    "wavelengthrange": _wavelengthrange,
}

OPTICS_TYPES = (*_MAKERS, "msaoper")
"""Types of reference that can be made."""


def write_optics_reference(path: Path, reftype: str, *, grating: str = "G395H") -> None:
    """Make a reference of the optics and write it.

    Parameters
    ----------
    path : Path
        The file; JSON for "msaoper", else ASDF.
    reftype : str
        One of `OPTICS_TYPES`.
    grating : str
        Element of the grating wheel, for "disperser".

    Raises
    ------
    InputError
        There is no such type or element.
    """
    if reftype not in OPTICS_TYPES:
        raise InputError(f"No reference {reftype!r} of the optics of NIRSpec. Known: {', '.join(OPTICS_TYPES)}.")
    if grating not in GRATINGS:
        raise InputError(f"NIRSpec has no {grating!r} in its grating wheel. Known: {', '.join(GRATINGS)}.")
    if reftype == "msaoper":
        write_operability(path)
        return
    with _MAKERS[reftype](grating) as model:
        for name, value in REFERENCE_META.items():
            setattr(model.meta, name, value)
        model.meta.description = "A simple NIRSpec: affine optics and exact gratings."
        model.meta.reftype, model.meta.filename = reftype, path.name
        model.save(path)


def nirspec_optics_references(folder: str | Path, *, grating: str = "G395H") -> dict[str, Path]:
    """Write all references that the world coordinates of NIRSpec need.

    Parameters
    ----------
    folder : str or Path
        Where to write; made if missing.
    grating : str
        Element of the grating wheel; only the "disperser" depends on it. No reference depends on the filter.

    Returns
    -------
    dict of str to Path
        Reference type and file: camera, chromcorr, collimator, disperser, fore, fpa, ifufore, ifupost, ifuslicer, msa,
        msaoper, ote, wavelengthrange.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for reftype in OPTICS_TYPES:
        suffix = "json" if reftype == "msaoper" else "asdf"
        paths[reftype] = folder / f"jwst_nirspec_{reftype}_{grating.lower()}.{suffix}"
        write_optics_reference(paths[reftype], reftype, grating=grating)
    return paths
