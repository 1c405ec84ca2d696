"""Flat-field correction of data models.

The arithmetic is in `jwst.flatfield.flat_arrays`; here it is decided whether and how a model can be corrected.
Source: spec flat_field.md.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.flatfield.flat_arrays import FlatPlanes, SciencePlanes, apply_flat, clean_flat
from jwst.lib.invalid import sync_invalid, sync_invalid_arrays
from jwst.lib.reference import Reference, open_reference
from stpipe.exceptions import InputError, NotBuiltError

__all__ = [
    "NIRSPEC_IMAGING",
    "NIRSPEC_SPECTRAL",
    "apply_flat_field",
    "do_correction",
    "do_flat_field",
    "is_nirspec_spectral",
    "reason_to_skip",
]

log = logging.getLogger(__name__)

NIRSPEC_IMAGING = frozenset(
    f"NRS_{name}" for name in ("CONFIRM", "FOCUS", "IMAGE", "MIMF", "MSATA", "TACONFIRM", "TACQ", "TASLIT", "WATA")
)
NIRSPEC_SPECTRAL = frozenset(f"NRS_{name}" for name in ("BRIGHTOBJ", "FIXEDSLIT", "IFU", "MSASPEC", "LAMP", "AUTOWAVE"))
_AFTER_EXTRACTION = frozenset(
    f"NRS_{name}" for name in ("BRIGHTOBJ", "FIXEDSLIT", "LAMP", "MSASPEC", "AUTOWAVE", "AUTOFLAT")
)


def reason_to_skip(model: Any) -> str | None:
    """Why an exposure gets no flat-field correction, before any reference is looked at.

    Parameters
    ----------
    model : data model

    Returns
    -------
    str or None
        One sentence; None if it can be corrected.
    """
    exp_type = model.meta.exposure.type
    if model.meta.instrument.name == "NIRSPEC" and exp_type not in NIRSPEC_IMAGING | NIRSPEC_SPECTRAL:
        return f"NIRSpec exposures of type {exp_type} get no flat-field correction"
    if getattr(model.meta.cal_step, "extract_2d", None) == "COMPLETE" and exp_type not in _AFTER_EXTRACTION:
        return f"The spectra of this {exp_type} exposure were extracted already; it cannot be flat-fielded any more"
    return None


def is_nirspec_spectral(model: Any) -> bool:
    """Whether the exposure needs the F, S and D flats of NIRSpec spectroscopy."""
    instrument = model.meta.instrument
    spectral = instrument.name == "NIRSPEC" and model.meta.exposure.type in NIRSPEC_SPECTRAL
    return spectral and instrument.lamp_mode != "IMAGE"


def do_correction(
    input_model: Any,
    flat: Any = None,
    fflat: Any = None,
    sflat: Any = None,
    dflat: Any = None,
    user_supplied_flat: Any = None,
    inverse: bool = False,
) -> tuple[Any, Any]:
    """Flat-field a model.

    Parameters
    ----------
    input_model : data model
        Updated in place.
    flat : FlatModel or path, optional
        Never changed.
    fflat, sflat, dflat : data model, optional
        Flats of NIRSpec spectroscopy.
    user_supplied_flat : FlatModel or path, optional
        Used in place of all others.
    inverse : bool
        Multiply instead of dividing.

    Returns
    -------
    model : data model
        The input, with ``meta.cal_step.flat_field`` COMPLETE or SKIPPED.
    flat_applied : object or None
        The flat that was used.

    Raises
    ------
    NotBuiltError
        NIRSpec spectroscopy.
    """
    source = flat if user_supplied_flat is None else user_supplied_flat
    reason = reason_to_skip(input_model)
    if reason is None and is_nirspec_spectral(input_model) and user_supplied_flat is None:
        raise_not_built()
    if reason is None and source is None:
        reason = "There is no flat for this exposure"
    if reason is None:
        with open_reference(source, input_model, "flat") as reference:
            if do_flat_field(input_model, reference, inverse=inverse):
                return input_model, source
            reason = "The exposure is larger than the flat"
    log.warning("%s: the flat_field step is skipped", reason)
    input_model.meta.cal_step.flat_field = "SKIPPED"
    return input_model, None


def raise_not_built() -> None:
    """Refuse NIRSpec spectroscopy.

    Raises
    ------
    NotBuiltError
        Always.
    """
    raise NotBuiltError(
        "The flat-field correction of NIRSpec spectra (F, S and D flats) is not part of this release. "
        "Switch the step off (steps={'flat_field': {'skip': True}}) or give a flat with user_supplied_flat."
    )


def do_flat_field(model: Any, flat: Reference, *, inverse: bool = False) -> bool:
    """Flat-field a model with an open reference, in place.

    Parameters
    ----------
    model : ImageModel, CubeModel, SlitModel or GuiderCalModel
        Updated in place; ``meta.cal_step.flat_field`` becomes COMPLETE.
    flat : jwst.lib.reference.Reference
    inverse : bool

    Returns
    -------
    bool
        False, with the model unchanged, if the exposure is larger than the flat.

    Raises
    ------
    ValueError
        The exposure does not lie within the flat.
    InputError
        The model has no image or cube of rates.
    """
    data = getattr(model, "data", None)
    if data is None and getattr(model, "slits", None) is not None:
        raise NotBuiltError(
            "Flat-fielding of extracted slits is not part of this release: run flat_field before extract_2d, "
            "or switch it off with skip=True"
        )
    if data is None or data.ndim not in (2, 3):
        raise InputError(f"{type(model).__name__} holds no image or cube of count rates; it cannot be flat-fielded")
    whole = flat.shape("data")
    if whole is None:
        raise InputError(f"{flat.name} has no image (SCI): it is no flat")
    ny, nx = whole[-2:]
    if data.shape[-2] > ny or data.shape[-1] > nx:
        return False
    apply_flat_field(model, _cut_flat(flat), inverse=inverse)
    model.meta.cal_step.flat_field = "COMPLETE"
    return True


def _cut_flat(flat: Any) -> FlatPlanes:
    """The part of a flat that covers the exposure; a flat without errors has none."""
    values, errors = flat.array("data"), flat.array("err")
    return FlatPlanes(values, np.zeros_like(values) if errors is None else errors, flat.dq())


def apply_flat_field(model: Any, flat: FlatPlanes, *, inverse: bool = False) -> None:
    """Divide the image of a model by a flat of the same size, in place.

    Parameters
    ----------
    model : data model
        With data, err, dq, and variances except for guider data. Updated in place.
    flat : FlatPlanes
        Cleaned here, in place.
    inverse : bool
    """
    clean_flat(flat)
    shape = model.data.shape
    data, err = _plane(model, "data", shape), _plane(model, "err", shape)
    if type(model).__name__ == "GuiderCalModel":
        model.var_flat = np.zeros(shape, np.float32)  # only in the ASDF tree, as in the release
        science = SciencePlanes(data, err, model.var_flat)
    else:
        model.var_flat = np.zeros(shape, np.float32)
        names = ("var_flat", "var_poisson", "var_rnoise")
        science = SciencePlanes(data, err, *(_plane(model, name, shape) for name in names))
    apply_flat(science, flat, inverse=inverse)
    _merge_flags(model, flat.dq)
    if model.dq.shape == shape:
        sync_invalid(model)
    else:  # guider products have one plane of flags for all integrations
        sync_invalid_arrays({"data": data, "err": err, "var_flat": science.var_flat}, None)


def _merge_flags(model: Any, dq: np.ndarray) -> None:
    """OR the flags of the flat into those of the model."""
    if model.dq is None:
        model.dq = np.zeros(model.data.shape, np.uint32)
    present = model.dq
    if present.dtype.isnative and present.flags.writeable:
        np.bitwise_or(present, dq, out=present)
    else:
        model.dq = present.astype(np.uint32) | dq


def _plane(model: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A plane of a model as float32 of any byte order that can be written to; zeros where it is absent."""
    plane = getattr(model, name, None)
    if plane is None or plane.shape != shape:
        setattr(model, name, np.zeros(shape, np.float32))
        return getattr(model, name)
    if plane.dtype.newbyteorder("=") == np.float32 and plane.flags.writeable:
        return plane
    setattr(model, name, plane.astype(np.float32))
    return getattr(model, name)
