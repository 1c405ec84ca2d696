"""An offline CRDS cache made from the same truth as the exposures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jwst.simulation.cache_settings import CacheSettings, Coverage, DarkSettings
from jwst.simulation.detector import make_detector
from jwst.simulation.detectors import Detector, find_detector
from jwst.simulation.guiders import GUIDER_TYPES, GUIDERS, write_guider_reference
from jwst.simulation.imaging_cache import write_imaging_references
from jwst.simulation.mappings import Context, Rmap, parkeys, write_context
from jwst.simulation.modes import default_readout
from jwst.simulation.nirspec_optics_cache import write_nirspec_optics
from jwst.simulation.parameter_files import detector1_parameters, write_parameter_file
from jwst.simulation.readout import READOUT_PATTERNS, Readout, find_readout
from jwst.simulation.reference_request import ReferenceRequest
from jwst.simulation.references import TYPES, write_reference
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import Subarray, full_frame
from stpipe.exceptions import InputError

__all__ = ["CacheSettings", "Coverage", "DarkSettings", "cache_for", "make_crds_cache", "write_cache"]

TRAP_TYPES = ("trapdensity", "trappars", "persat")
NEVER_CUT = ("dark", "reset")
TABLES = ("rscd", "emicorr")
IRS2_TYPES = ("mask", "readnoise", "superbias", "refpix")
IRS2_PATTERNS = "NRSIRS2|NRSIRS2RAPID"
NOT_NEEDED = {"refpix": ("ANY", "NRS|NRSRAPID"), "pictureframe": ("N/A",)}
FALLBACK_GROUPS = 3
IMAGE_TYPES = ("flat", "area", "photom")
_RAPID = find_readout("RAPID")


@dataclass(frozen=True)
class _Entry:
    """A reference to write: match values, and what it is made from."""

    reftype: str
    match: tuple[str, ...]
    detector: str
    region: Subarray
    readout: Readout
    ngroups: int = 1
    cases: tuple[tuple[Subarray, Readout], ...] = ()
    seconds: float | None = None


def _match(reftype: str, sca: Detector, **changes: str) -> tuple[str, ...]:
    """Match values of a reference that serves all exposures of a detector but for changes by the end of a key."""
    values = {"DETECTOR": sca.name, "NAME": "GENERIC", "TYPE": "N/A" if sca.instrument == "NIRCAM" else "ANY"}
    values |= dict.fromkeys(("XSTART", "YSTART", "XSIZE", "YSIZE"), "N/A")
    values |= {"READPATT": "N/A"} if sca.instrument in ("NIRSPEC", "MIRI") else {}
    values |= changes
    return tuple(values.get(key.rpartition(".")[2], "ANY") for key in parkeys(sca.instrument, reftype))


def _covering(cover: Coverage, settings: CacheSettings) -> Iterator[_Entry]:
    """References that are cut to subarrays, and those that are the same for all."""
    sca = find_detector(cover.detector)
    region = cover.region or full_frame(sca.name)
    first = next(iter(READOUT_PATTERNS[sca.instrument].values()))
    left_out = (*NEVER_CUT, *TABLES, "refpix", *(() if settings.traps else TRAP_TYPES))
    special = sca.instrument == "NIRSPEC" and region.name != "FULL"
    for reftype in TYPES[sca.instrument]:
        keys = parkeys(sca.instrument, reftype)
        if reftype in left_out or (reftype == "pictureframe" and special):
            continue
        if settings.images_only and reftype not in IMAGE_TYPES:
            continue
        changes = {"NAME": region.name} if special and "META.SUBARRAY.NAME" in keys else {}
        place = full_frame(sca.name) if reftype == "ipc" and sca.name in settings.kernels else region
        yield _Entry(reftype, _match(reftype, sca, **changes), sca.name, place, first)
    if cover.irs2:
        rapid = find_readout("NRSIRS2RAPID", "NIRSPEC")
        for reftype in IRS2_TYPES:
            match = _match(reftype, sca, NAME="FULL", READPATT=IRS2_PATTERNS)
            yield _Entry(reftype, match, sca.name, region, rapid)


def _own(settings: CacheSettings) -> Iterator[_Entry]:
    """References that belong to one subarray and one pattern."""
    groups: dict[tuple[str, Subarray, Readout], int] = {}
    seconds = {(dark.region, dark.readout): dark.seconds for dark in settings.darks}
    for dark in settings.darks:
        place = find_detector(dark.detector).name, dark.region
        key = (*place, dark.readout)
        groups[key] = max(groups.get(key, 0), dark.ngroups)
        if find_detector(dark.detector).instrument == "NIRCAM":
            groups.setdefault((*place, _RAPID), FALLBACK_GROUPS)
    for (detector, region, readout), ngroups in groups.items():
        sca = find_detector(detector)
        pattern = "N/A" if readout == _RAPID else readout.name
        for reftype in NEVER_CUT:
            if reftype in TYPES[sca.instrument]:
                match = _match(reftype, sca, NAME=region.name, READPATT=pattern)
                time = seconds.get((region, readout))
                yield _Entry(reftype, match, detector, region, readout, ngroups, seconds=time)


def _tables(settings: CacheSettings) -> Iterator[_Entry]:
    """Tables for all exposures of a detector."""
    cases: dict[str, list[tuple[Subarray, Readout]]] = {}
    for dark in settings.darks:
        cases.setdefault(find_detector(dark.detector).name, []).append((dark.region, dark.readout))
    for detector, found in cases.items():
        sca = find_detector(detector)
        for reftype in TABLES:
            if reftype in TYPES[sca.instrument]:
                region, readout = found[0]
                unique = tuple(dict.fromkeys(found))
                yield _Entry(reftype, _match(reftype, sca), detector, region, readout, cases=unique)


def _entries(settings: CacheSettings) -> list[_Entry]:
    entries = [entry for cover in settings.coverage for entry in _covering(cover, settings)]
    entries += [*_own(settings), *_tables(settings)]
    unique: dict[tuple[str, tuple[str, ...]], _Entry] = {}
    for entry in entries:
        unique.setdefault((entry.reftype, entry.match), entry)
    return sorted(unique.values(), key=lambda entry: (entry.detector, entry.region.name))


def _write_references(root: Path, settings: CacheSettings) -> dict[str, dict[str, dict[tuple[str, ...], str]]]:
    """Write the references; return files by instrument, type and match values."""
    matches: dict[str, dict[str, dict[tuple[str, ...], str]]] = {}
    for entry in _entries(settings):
        instrument = find_detector(entry.detector).instrument
        found = matches.setdefault(instrument, {}).setdefault(entry.reftype, {})
        ending = "asdf" if entry.reftype == "emicorr" else "fits"
        file = f"jwst_{instrument.lower()}_{entry.reftype}_{len(found) + 1:04d}.{ending}"
        request = ReferenceRequest(
            make_detector(entry.detector, entry.region),
            entry.readout,
            entry.ngroups,
            inverse_linearity=settings.inverse_linearity,
            kernels=entry.detector in settings.kernels,
            cases=entry.cases,
            seconds=entry.seconds,
        )
        write_reference(_folder(root, instrument) / file, entry.reftype, request)
        found[entry.match] = file
    return matches


def _folder(root: Path, instrument: str) -> Path:
    folder = root / "references" / "jwst" / instrument.lower()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_parameters(root: Path, instrument: str, *, traps: bool) -> dict[str, dict[tuple[str, ...], str]]:
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for parameters in detector1_parameters(traps=traps, instrument=instrument):
        file = f"jwst_{instrument.lower()}_{parameters.reftype}_0001.asdf"
        write_parameter_file(_folder(root, instrument) / file, parameters, instrument=instrument)
        found[parameters.reftype] = {("ANY",) * len(parkeys(instrument, parameters.reftype)): file}
    return found


def _write_guiders(root: Path, guiders: Iterable[str]) -> dict[str, dict[tuple[str, ...], str]]:
    matches: dict[str, dict[tuple[str, ...], str]] = {reftype: {} for reftype in GUIDER_TYPES}
    for number, guider in enumerate(guiders, start=1):
        for reftype, found in matches.items():
            file = f"jwst_fgs_{reftype}_{number + len(GUIDERS) * 2:04d}.fits"
            write_guider_reference(_folder(root, "FGS") / file, reftype, guider)
            found[_match(reftype, find_detector(guider))] = file
    return {reftype: found for reftype, found in matches.items() if found}


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
    matches = _write_references(root, settings)
    for instrument, found in matches.items():
        found |= _write_parameters(root, instrument, traps=settings.traps)
        found |= write_imaging_references(_folder(root, instrument), instrument, settings.coverage)
    if "NIRSPEC" in matches:
        matches["NIRSPEC"] |= write_nirspec_optics(_folder(root, "NIRSPEC"))
    for reftype, match in NOT_NEEDED.items():
        if reftype in matches.get("NIRSPEC", {}):
            matches["NIRSPEC"][reftype][match] = "N/A"
    covered = {find_detector(cover.detector).name for cover in settings.coverage}
    for reftype, files in _write_guiders(root, [name for name in settings.guiders if name not in covered]).items():
        matches.setdefault("FGS", {}).setdefault(reftype, {}).update(files)
    rmaps = [
        Rmap(instrument, reftype, files) for instrument, found in matches.items() for reftype, files in found.items()
    ]
    write_context(root, Context(tuple(rmaps)))
    return root


def make_crds_cache(
    root: str | Path,
    *,
    detectors: Iterable[str] = ("NRCA1",),
    traps: bool = True,
    readpatts: Iterable[str] | None = None,
    ngroups: int = 10,
    guiders: Iterable[str] = tuple(GUIDERS),
) -> Path:
    """Write an offline CRDS cache with full-frame references.

    Parameters
    ----------
    root : str or Path
        Root folder, the value for CRDS_PATH.
    detectors : iterable of str
        Detectors.
    traps : bool
        Add the references of the trap model of persistence and switch it on; the released pipeline 3.0.0 does not know
        it, so a cache to compare with needs False.
    readpatts : iterable of str, optional
        Patterns that get a dark of their own, each 17 MB per group (MIRI: 13 MB); by default the usual one of each
        instrument.
    ngroups : int
        Groups of these darks.
    guiders : iterable of str
        FGS guiders, "GUIDER1" and "GUIDER2".

    Returns
    -------
    Path
        The root, absolute.

    Raises
    ------
    InputError
        A detector or guider is unknown, or none of the detectors has a pattern.
    """
    scas = [find_detector(name) for name in detectors]
    patterns = {default_readout(sca) for sca in scas} if readpatts is None else {name.upper() for name in readpatts}
    known = [(sca, name) for sca in scas for name in patterns if name in READOUT_PATTERNS[sca.instrument]]
    if unknown := patterns - {name for _, name in known}:
        raise InputError(f"No detector of {', '.join(sca.name for sca in scas)} reads with {', '.join(unknown)}.")
    darks = tuple(DarkSettings(sca.name, "FULL", name, ngroups) for sca, name in known)
    irs2 = any("IRS2" in name for name in patterns)
    coverage = tuple(Coverage(sca.name, irs2=irs2 and sca.instrument == "NIRSPEC") for sca in scas)
    return write_cache(root, CacheSettings(coverage, darks, traps=traps, guiders=tuple(guiders)))


def _coverage(exposures: Iterable[ExposureSettings]) -> Iterator[Coverage]:
    """Rectangles that serve some exposures."""
    regions: dict[str, dict[Subarray, None]] = {}
    irs2 = set()
    for settings in exposures:
        striped = settings.region.stripes is not None
        regions.setdefault(settings.sca.name, {})[full_frame(settings.detector) if striped else settings.region] = None
        irs2 |= {settings.sca.name} if settings.readout.irs2 else set()
    for name, found in regions.items():
        if find_detector(name).instrument == "NIRSPEC":
            yield from (Coverage(name, region, region.name == "FULL" and name in irs2) for region in found)
        else:
            yield Coverage(name, next(iter(found)) if len(found) == 1 else None)


def _dark_for(settings: ExposureSettings) -> DarkSettings:
    seconds = settings.frame_time if settings.superstripes > 1 else None
    region = settings.region.product(settings.sca)
    return DarkSettings(settings.sca.name, region, settings.readout.name, settings.ngroups, seconds)


def cache_for(
    root: str | Path,
    exposures: Iterable[ExposureSettings],
    *,
    traps: bool = True,
    guiders: Iterable[str] = (),
    kernels: Iterable[str] = (),
    images_only: bool = False,
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
    kernels : iterable of str
        Detectors whose IPC reference has a kernel for every pixel.
    images_only : bool
        Only what rates of images need: nothing for stage 1.

    Returns
    -------
    Path
        The root, absolute.
    """
    exposures = tuple(exposures)
    darks = () if images_only else tuple(_dark_for(settings) for settings in exposures)
    settings = CacheSettings(
        tuple(_coverage(exposures)),
        darks,
        traps=traps,
        guiders=tuple(guiders),
        kernels=tuple(kernels),
        images_only=images_only,
    )
    return write_cache(root, settings)
