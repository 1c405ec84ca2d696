"""The references for world coordinates of images in an offline CRDS cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from jwst.simulation.detectors import find_detector
from jwst.simulation.distortion import FILTER_SHIFTS, SPECTROGRAPHS, write_distortion, write_filter_shifts
from jwst.simulation.mappings import parkeys

__all__ = ["write_imaging_references"]


class _Covered(Protocol):
    """What has a detector."""

    @property
    def detector(self) -> str: ...


def write_imaging_references(
    folder: Path, instrument: str, coverage: Iterable[_Covered]
) -> dict[str, dict[tuple[str, ...], str]]:
    """Write distortion and filter offset references into the folder of an instrument.

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
    return found


def _match(instrument: str, reftype: str, detector: str) -> tuple[str, ...]:
    """Match values of a reference for all exposures of a detector."""
    keys = parkeys(instrument, reftype)
    return tuple(detector if key == "META.INSTRUMENT.DETECTOR" else "ANY" for key in keys)
