"""The references for world coordinates and catalogues of images in an offline CRDS cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from jwst.simulation.detectors import find_detector
from jwst.simulation.distortion import FILTER_SHIFTS, SPECTROGRAPHS, write_distortion, write_filter_shifts
from jwst.simulation.mappings import parkeys
from jwst.simulation.references_apertures import write_apcorr, write_vega_offsets

__all__ = ["write_imaging_references"]

APCORR_TYPES = {"NIRCAM": "NRC_IMAGE|NRC_TSIMAGE", "NIRISS": "NIS_AMI|NIS_IMAGE", "MIRI": "MIR_IMAGE"}
"""Exposure types whose catalogues the aperture corrections are for."""


class _Covered(Protocol):
    """What has a detector."""

    @property
    def detector(self) -> str: ...


def write_imaging_references(
    folder: Path, instrument: str, coverage: Iterable[_Covered]
) -> dict[str, dict[tuple[str, ...], str]]:
    """Write distortions, filter offsets and what source catalogues need into the folder of an instrument.

    Parameters
    ----------
    folder : Path
        Where references of the instrument are in the cache; it must exist.
    instrument : str
        Name in upper case.
    coverage : iterable of Coverage
        Detectors; those of other instruments and of spectrographs get none.

    Returns
    -------
    dict
        Reference types; match values and the file that they select.
    """
    scas = [find_detector(cover.detector) for cover in coverage]
    names = dict.fromkeys(sca.name for sca in scas if sca.instrument == instrument and sca.name not in SPECTROGRAPHS)
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for number, name in enumerate(names, start=1):
        file = f"jwst_{instrument.lower()}_distortion_{number:04d}.asdf"
        write_distortion(folder / file, name)
        found.setdefault("distortion", {})[_match(instrument, "distortion", name)] = file
    if names and instrument in FILTER_SHIFTS:
        file = f"jwst_{instrument.lower()}_filteroffset_0001.asdf"
        write_filter_shifts(folder / file, instrument)
        found["filteroffset"] = {_match(instrument, "filteroffset", "ANY"): file}
    return found | (_catalogue_references(folder, instrument, tuple(names)) if names else {})


def _catalogue_references(
    folder: Path, instrument: str, detectors: tuple[str, ...]
) -> dict[str, dict[tuple[str, ...], str]]:
    """Write aperture corrections and magnitudes of Vega."""
    files: dict[tuple[str, ...], str] = {}
    for number, name in enumerate(detectors if instrument == "FGS" else ("",), start=1):
        file = f"jwst_{instrument.lower()}_apcorr_{number:04d}.fits"
        write_apcorr(folder / file, instrument, detector=name or None)
        files[(name or APCORR_TYPES[instrument],)] = file
    file = f"jwst_{instrument.lower()}_abvegaoffset_0001.asdf"
    write_vega_offsets(folder / file, instrument)
    return {"apcorr": files, "abvegaoffset": {(): file}}


def _match(instrument: str, reftype: str, detector: str) -> tuple[str, ...]:
    """Match values of a reference for all exposures of a detector."""
    keys = parkeys(instrument, reftype)
    return tuple(detector if key == "META.INSTRUMENT.DETECTOR" else "ANY" for key in keys)
