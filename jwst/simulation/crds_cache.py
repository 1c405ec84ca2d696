"""An offline CRDS cache made from the same truth as the exposures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jwst.simulation.detector import make_detector
from jwst.simulation.guiders import GUIDER_TYPES, GUIDERS, write_guider_reference
from jwst.simulation.mappings import Context, Rmap, parkeys, write_context
from jwst.simulation.parameter_files import detector1_parameters, write_parameter_file
from jwst.simulation.readout import Readout, find_readout
from jwst.simulation.references import MAKERS, ReferenceRequest, write_reference
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import Subarray, find_detector, find_subarray
from stpipe.exceptions import InputError

__all__ = ["CacheSettings", "Coverage", "DarkSettings", "cache_for", "make_crds_cache", "write_cache"]

TRAP_TYPES = ("trapdensity", "trappars", "persat")
FALLBACK_GROUPS = 3
_FULL = find_subarray("FULL", "NRCA1")
_RAPID = find_readout("RAPID")


@dataclass(frozen=True)
class DarkSettings:
    """A dark reference.

    Parameters
    ----------
    detector : str
        Detector name.
    subarray : str or Subarray
        Darks are never cut, so each subarray needs its own.
    readpatt : str
        Readout pattern of the exposures; "RAPID" darks serve all patterns that have none of their own.
    ngroups : int
        Groups.
    """

    detector: str
    subarray: str | Subarray = "FULL"
    readpatt: str = "SHALLOW4"
    ngroups: int = 10

    @property
    def region(self) -> Subarray:
        """The rectangle that it covers."""
        return self.subarray if isinstance(self.subarray, Subarray) else find_subarray(self.subarray, self.detector)


@dataclass(frozen=True)
class Coverage:
    """A NIRCam detector and the rectangle that its references cover; darks excepted.

    Parameters
    ----------
    detector : str
        Detector name.
    region : Subarray
        The full detector, or a subarray for small caches: such references serve exposures of this subarray only.
    """

    detector: str
    region: Subarray = _FULL


@dataclass(frozen=True)
class CacheSettings:
    """What the cache holds.

    Parameters
    ----------
    coverage : tuple of Coverage
        NIRCam detectors.
    darks : tuple of DarkSettings
        Darks. Each detector and subarray named here also gets a short RAPID dark for patterns without one: the dark
        current of the simulator is constant, so that its linear extension is exact.
    traps : bool
        Add the references of the trap model of persistence and switch it on.
    inverse_linearity : bool
        Give the linearity reference inverse coefficients.
    guiders : tuple of str
        FGS guiders.
    """

    coverage: tuple[Coverage, ...] = (Coverage("NRCA1"),)
    darks: tuple[DarkSettings, ...] = ()
    traps: bool = True
    inverse_linearity: bool = False
    guiders: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    """A reference to write: match values, and what it is made from."""

    reftype: str
    match: tuple[str, ...]
    detector: str
    region: Subarray
    readout: Readout
    ngroups: int = 1


_ANY = {"META.INSTRUMENT.DETECTOR": "", "META.SUBARRAY.NAME": "GENERIC", "META.EXPOSURE.TYPE": "N/A"}


def _match(reftype: str, detector: str) -> tuple[str, ...]:
    """Match values of a reference that serves all exposures of a detector."""
    values = {**_ANY, "META.INSTRUMENT.DETECTOR": detector}
    return tuple(values.get(key, "ANY") for key in parkeys("NIRCAM", reftype))


def _entries(settings: CacheSettings) -> Iterator[_Entry]:
    for cover in settings.coverage:
        detector = find_detector(cover.detector).name
        for reftype in MAKERS:
            if reftype != "dark" and (settings.traps or reftype not in TRAP_TYPES):
                yield _Entry(reftype, _match(reftype, detector), detector, cover.region, _RAPID)
    groups: dict[tuple[str, Subarray, Readout], int] = {}
    for dark in settings.darks:
        place = find_detector(dark.detector).name, dark.region
        key = (*place, find_readout(dark.readpatt))
        groups[key] = max(groups.get(key, 0), dark.ngroups)
        groups.setdefault((*place, _RAPID), FALLBACK_GROUPS)
    for (detector, region, readout), ngroups in groups.items():
        pattern = "N/A" if readout == _RAPID else readout.name
        yield _Entry("dark", ("N/A", detector, pattern, region.name), detector, region, readout, ngroups)


def _write_nircam(folder: Path, settings: CacheSettings) -> list[Rmap]:
    matches: dict[str, dict[tuple[str, ...], str]] = {}
    for entry in sorted(_entries(settings), key=lambda entry: (entry.detector, entry.region.name)):
        found = matches.setdefault(entry.reftype, {})
        file = f"jwst_nircam_{entry.reftype}_{len(found) + 1:04d}.fits"
        truth = make_detector(entry.detector, entry.region)
        request = ReferenceRequest(truth, entry.readout, entry.ngroups, settings.inverse_linearity)
        write_reference(folder / file, entry.reftype, request)
        found[entry.match] = file
    for parameters in detector1_parameters(traps=settings.traps):
        file = f"jwst_nircam_{parameters.reftype}_0001.asdf"
        write_parameter_file(folder / file, parameters)
        matches[parameters.reftype] = {("ANY",) * len(parkeys("NIRCAM", parameters.reftype)): file}
    return [Rmap("NIRCAM", reftype, found) for reftype, found in matches.items()]


def _write_fgs(folder: Path, guiders: Iterable[str]) -> list[Rmap]:
    matches: dict[str, dict[tuple[str, ...], str]] = {reftype: {} for reftype in GUIDER_TYPES}
    for number, guider in enumerate(guiders, start=1):
        for reftype, found in matches.items():
            file = f"jwst_fgs_{reftype}_{number:04d}.fits"
            write_guider_reference(folder / file, reftype, guider)
            values = {**_ANY, "META.INSTRUMENT.DETECTOR": guider, "META.EXPOSURE.TYPE": "ANY"}
            found[tuple(values.get(key, "ANY") for key in parkeys("FGS", reftype))] = file
    return [Rmap("FGS", reftype, found) for reftype, found in matches.items() if found]


def write_cache(root: str | Path, settings: CacheSettings) -> Path:
    """Write an offline CRDS cache.

    Parameters
    ----------
    root : str or Path
        Root folder, the value for CRDS_PATH.
    settings : CacheSettings
        What it holds.

    Returns
    -------
    Path
        The root, absolute.

    Raises
    ------
    InputError
        A guider or a detector is unknown.
    """
    root = Path(root).absolute()
    for guider in settings.guiders:
        if guider not in GUIDERS:
            raise InputError(f"No FGS guider {guider!r}. Known: {', '.join(GUIDERS)}.")
    folders = {name: root / "references" / "jwst" / name for name in ("nircam", "fgs")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    rmaps = _write_nircam(folders["nircam"], settings) + _write_fgs(folders["fgs"], settings.guiders)
    write_context(root, Context(tuple(rmaps)))
    return root


def make_crds_cache(
    root: str | Path,
    *,
    detectors: Iterable[str] = ("NRCA1",),
    traps: bool = True,
    readpatts: Iterable[str] = ("SHALLOW4",),
    ngroups: int = 10,
    guiders: Iterable[str] = tuple(GUIDERS),
) -> Path:
    """Write an offline CRDS cache with full-frame references.

    Parameters
    ----------
    root : str or Path
        Root folder, the value for CRDS_PATH.
    detectors : iterable of str
        NIRCam detectors.
    traps : bool
        Add the references of the trap model of persistence and switch it on; the released pipeline 3.0.0 does not know
        it, so a cache to compare with needs False.
    readpatts : iterable of str
        Patterns that get a dark of their own, each 17 MB per group.
    ngroups : int
        Groups of these darks.
    guiders : iterable of str
        FGS guiders, "GUIDER1" and "GUIDER2".

    Returns
    -------
    Path
        The root, absolute.
    """
    detectors = tuple(detectors)
    darks = tuple(DarkSettings(name, "FULL", pattern, ngroups) for name in detectors for pattern in readpatts)
    coverage = tuple(Coverage(name) for name in detectors)
    return write_cache(root, CacheSettings(coverage, darks, traps=traps, guiders=tuple(guiders)))


def cache_for(
    root: str | Path, exposures: Iterable[ExposureSettings], *, traps: bool = True, guiders: Iterable[str] = ()
) -> Path:
    """Write a small cache with all that some exposures need: references of a detector are cut to its subarray.

    Parameters
    ----------
    root : str or Path
        Root folder, the value for CRDS_PATH.
    exposures : iterable of ExposureSettings
        If those of a detector have different subarrays, its references cover the full detector.
    traps : bool
        As in `make_crds_cache`.
    guiders : iterable of str
        FGS guiders.

    Returns
    -------
    Path
        The root, absolute.
    """
    exposures = tuple(exposures)
    regions: dict[str, set[Subarray]] = {}
    for settings in exposures:
        regions.setdefault(settings.sca.name, set()).add(settings.region)
    coverage = tuple(Coverage(name, found.pop() if len(found) == 1 else _FULL) for name, found in regions.items())
    darks = tuple(
        DarkSettings(settings.sca.name, settings.region, settings.readout.name, settings.ngroups)
        for settings in exposures
    )
    return write_cache(root, CacheSettings(coverage, darks, traps=traps, guiders=tuple(guiders)))
