"""Transforms of NIRSpec that all slits share. Source: spec assign_wcs_spectroscopy.md, Transforms; _ifu.md §3.

Every transform carries the number of the slit along; the astropy and stdatamodels classes are those that files of the
released pipeline hold.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any

from astropy.modeling.models import Identity, Mapping, Scale, Shift

from jwst.assign_wcs.pointing import dva_corr_model, v23tosky
from jwst.assign_wcs.reference_trees import entry_of, is_absent, read_tree

__all__ = ["carrying_wavelength", "dms_to_sca", "named_step", "sky_steps"]

_LAST_PIXEL = 2047.0
_METRE = 1e6


def dms_to_sca(model: Any) -> Any:
    """Pixels of the exposure to those of the detector as it is read.

    Parameters
    ----------
    model : data model
        With ``meta.subarray`` and the detector.

    Returns
    -------
    astropy.modeling.Model
        (x, y) to (x, y), from 0.
    """
    subarray = model.meta.subarray
    offsets = [(corner or 1) - 1 for corner in (subarray.xstart, subarray.ystart)]
    shift = Shift(float(offsets[0])) & Shift(float(offsets[1]))
    if model.meta.instrument.detector != "NRS2":
        return shift | Identity(2)
    turned = Scale(-1.0) | Shift(_LAST_PIXEL)
    return shift | turned & turned.copy()


def carrying_wavelength(model: Any) -> Any:
    """Make a transform (x, y, wavelength) to (x, y) give the wavelength too, both ways.

    Parameters
    ----------
    model : astropy.modeling.Model
        Its inverse has three inputs as well.

    Returns
    -------
    astropy.modeling.Model
        Three inputs, three outputs.
    """
    whole = Mapping((0, 1, 2, 2)) | model & Identity(1)
    whole.inverse = Mapping((0, 1, 2, 2)) | model.inverse & Identity(1)
    return whole


def named_step(model: Any, name: str, inputs: str, outputs: str) -> Any:
    """Give a transform its name, and names to its inputs and outputs (words of a text)."""
    model.name, model.inputs, model.outputs = name, tuple(inputs.split()), tuple(outputs.split())
    return model


def sky_steps(model: Any, reference_files: MappingOf[str, Any], *, chromatic: bool = False) -> dict[str, Any]:
    """Transforms from the MSA plane to the sky.

    Parameters
    ----------
    model : data model
        Exposure, for its pointing.
    reference_files : mapping of str to (str, Path or data model)
        FORE, OTE and, if there is one, CHROMCORR.
    chromatic : bool
        Give the step of the chromatic correction.

    Returns
    -------
    dict of str to astropy.modeling.Model
        By name of the frame that each starts from: msa_frame, oteip, (oteip_chromcorr,) v2v3, v2v3vacorr. Wavelengths
        are in metres up to the OTE and in micron after it. The slit is the last input and output.
    """
    fore = entry_of(read_tree(reference_files.get("fore"), "fore"), "model", "fore")
    ote = entry_of(read_tree(reference_files.get("ote"), "ote"), "model", "ote")
    wcsinfo = model.meta.wcsinfo
    aberration = dva_corr_model(model.meta.velocity_aberration.scale_factor, wcsinfo.v2_ref, wcsinfo.v3_ref)
    steps = {
        "msa_frame": named_step(
            carrying_wavelength(fore) & Identity(1), "msa2oteip", "x_msa y_msa lam name", "x_ote y_ote lam name"
        )
    }
    if chromatic:
        correction = _chromatic(reference_files.get("chromcorr"))
        steps["oteip"] = named_step(
            correction & Identity(1), "chrom_corr", "x_ote y_ote lam name", "x_ote y_ote lam name"
        )
    steps["oteip_chromcorr" if chromatic else "oteip"] = named_step(
        ote & Scale(_METRE) & Identity(1), "oteip2v23", "x_ote y_ote lam name", "v2 v3 lam name"
    )
    steps["v2v3"] = named_step(aberration & Identity(2), "va_corr", "v2 v3 lam name", "v2 v3 lam name")
    steps["v2v3vacorr"] = named_step(v23tosky(model) & Identity(2), "v2v3_to_sky", "v2 v3 lam name", "ra dec lam name")
    return steps


def _chromatic(reference: Any) -> Any:
    """Correction of the fore optics; the identity where there is no reference."""
    if is_absent(reference):
        return Identity(3)
    return entry_of(read_tree(reference, "chromcorr"), "model", "chromcorr")
