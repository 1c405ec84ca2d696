"""The references for the optics of NIRSpec in an offline CRDS cache."""

from __future__ import annotations

from pathlib import Path

from jwst.simulation.nirspec_optics import OPTICS_TYPES, write_optics_reference
from jwst.simulation.nirspec_optics_table import GRATINGS

__all__ = ["write_nirspec_optics"]

_IFU: set[tuple[str, ...]] = {("NRS_IFU", "ANY"), ("NRS_LAMP|NRS_AUTOWAVE|NRS_AUTOFLAT", "IFU")}
_NOT_IFU = ("N/A", "N/A")
_IFU_TYPES = ("ifufore", "ifupost", "ifuslicer")
_TWO_KEYS = ("disperser", "fore", "chromcorr")


def write_nirspec_optics(folder: Path) -> dict[str, dict[tuple[str, ...], str]]:
    """Write the references into the folder of NIRSpec.

    Parameters
    ----------
    folder : Path
        Where references of NIRSpec are in the cache; it must exist.

    Returns
    -------
    dict
        Reference types; match values and the file that they select.
    """
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for reftype in OPTICS_TYPES:
        suffix = "json" if reftype == "msaoper" else "asdf"
        gratings = tuple(GRATINGS) if reftype == "disperser" else ("",)
        for number, grating in enumerate(gratings, start=1):
            file = f"jwst_nirspec_{reftype}_{number:04d}.{suffix}"
            write_optics_reference(folder / file, reftype, **({"grating": grating} if grating else {}))
            for match in _matches(reftype, grating):
                found.setdefault(reftype, {})[match] = file
    for reftype in _IFU_TYPES:
        found[reftype][_NOT_IFU] = "N/A"
    return found


def _matches(reftype: str, grating: str) -> set[tuple[str, ...]]:
    """Match values of a reference; see the keys in `jwst.simulation.mappings`."""
    if reftype in _IFU_TYPES:
        return _IFU
    if reftype == "disperser":
        return {(grating, "ANY")}
    return {("ANY", "ANY")} if reftype in _TWO_KEYS else {("ANY",)}
