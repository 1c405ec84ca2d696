"""Which slits of NIRSpec are open. Source: spec assign_wcs_spectroscopy.md, Slit identifiers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from stdatamodels.jwst.transforms.models import Slit

__all__ = ["FIXED_SLITS", "get_open_slits", "nrs_fs_slit_id", "nrs_fs_slit_name", "opened_slits"]

log = logging.getLogger(__name__)

FIXED_SLITS = ("S200A1", "S200A2", "S400A1", "S1600A1", "S200B1")
_NO_SLIT = -100
_SUBARRAYS = {f"SUB{name}": name for name in ("S200A1", "S200A2", "S400A1", "S200B1")}
_SUBARRAYS |= dict.fromkeys(("SUB2048", "SUB512", "SUB512S", "SUB1024A", "SUB1024B"), "S1600A1")
_FIXED_QUADRANT = 5


def nrs_fs_slit_id(slit_name: str) -> int:
    """Number of a fixed slit: -101 for S200A1 to -105 for S200B1, -100 for a name that is none of them."""
    name = str(slit_name).upper()
    return _NO_SLIT - (FIXED_SLITS.index(name) + 1 if name in FIXED_SLITS else 0)


def nrs_fs_slit_name(slit_id: int) -> str:
    """Name of a fixed slit by its number; ``"NONE"`` for a number that is none of them."""
    index = _NO_SLIT - int(slit_id) - 1
    return FIXED_SLITS[index] if 0 <= index < len(FIXED_SLITS) else "NONE"


def get_open_slits(
    input_model: Any, reference_files: Mapping[str, Any] | None = None, slit_y_range: Sequence[float] = (-0.55, 0.55)
) -> list[Slit]:
    """Find the open slits of an exposure.

    Parameters
    ----------
    input_model : data model
        NIRSpec fixed slit, bright object, MOS or lamp exposure.
    reference_files : mapping of str to (str, Path or data model), optional
        References by type. With them, slits that are not on the detector are left out, and slitlets get the scale of
        their quadrant.
    slit_y_range : sequence of 2 float
        Ends of a slit in units of its height, from its centre.

    Returns
    -------
    list of stdatamodels.jwst.transforms.models.Slit

    Raises
    ------
    MSAFileError
        The MSA metadata file is missing, or does not describe this exposure.
    InputError
        The exposure does not say which subarray it is, or it is none with slits.
    """
    from jwst.assign_wcs.nirspec_wcs import slits_on_detector

    slits = opened_slits(input_model, reference_files, slit_y_range)
    if reference_files is None or not slits:
        return slits
    return slits_on_detector(input_model, reference_files, slits)


def opened_slits(
    input_model: Any, reference_files: Mapping[str, Any] | None, slit_y_range: Sequence[float]
) -> list[Slit]:
    """The open slits wherever their light falls; see `get_open_slits`."""
    exp_type, lamp_mode = (
        str(value or "").lower() for value in (input_model.meta.exposure.type, input_model.meta.instrument.lamp_mode)
    )
    if exp_type in ("nrs_lamp", "nrs_autowave", "nrs_autoflat"):
        exp_type = f"nrs_{lamp_mode}"
    if exp_type == "nrs_brightobj":
        return [_fixed("S1600A1", 1, slit_y_range)]
    if exp_type == "nrs_fixedslit":
        return _fixed_slits(input_model, slit_y_range)
    if exp_type == "nrs_msaspec":
        from jwst.assign_wcs.nirspec_msa_file import open_slitlets

        return open_slitlets(input_model, (reference_files or {}).get("msa"), slit_y_range)
    raise InputError(
        f"Exposures of type {input_model.meta.exposure.type} (lamp mode {input_model.meta.instrument.lamp_mode}) "
        "have no slits; NRS_FIXEDSLIT, NRS_BRIGHTOBJ, NRS_MSASPEC and lamps through them have"
    )


def _fixed_slits(model: Any, limits: Sequence[float]) -> list[Slit]:
    """The fixed slits that are read out in a subarray."""
    subarray = model.meta.subarray.name
    if subarray is None:
        raise InputError("Input file is missing SUBARRAY value/keyword.")
    only = _SUBARRAYS.get(str(subarray).upper())
    names = FIXED_SLITS if only is None else (only,)
    primary = str(model.meta.instrument.fixed_slit or "NONE").upper()
    number = FIXED_SLITS.index(primary) + 1 if primary in FIXED_SLITS else 0
    return [_fixed(name, 1 if name == primary else 10 * number + FIXED_SLITS.index(name) + 1, limits) for name in names]


def _fixed(name: str, source_id: int, limits: Sequence[float]) -> Slit:
    """A fixed slit."""
    from stdatamodels.jwst.transforms.models import Slit

    return Slit(
        name=name,
        shutter_id=FIXED_SLITS.index(name),
        xcen=0,
        ycen=0,
        ymin=float(limits[0]),
        ymax=float(limits[1]),
        quadrant=_FIXED_QUADRANT,
        source_id=source_id,
        slit_id=nrs_fs_slit_id(name),
    )
