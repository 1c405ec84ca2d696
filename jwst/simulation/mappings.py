"""CRDS mappings: pmap, imaps and rmaps as files that crds accepts.

Source: spec simulation_and_offline_crds.md §A and the rmaps of a real cache (context jwst_0676).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from pprint import pformat

__all__ = ["Context", "Rmap", "parkeys", "reference_types", "write_context"]

DATE_KEYS = ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")
NOT_APPLICABLE = "N/A"
INSTRUMENTS = ("FGS", "MIRI", "NIRCAM", "NIRISS", "NIRSPEC")

_BAND = "META.INSTRUMENT.BAND"
_CHANNEL = "META.INSTRUMENT.CHANNEL"
_DETECTOR = "META.INSTRUMENT.DETECTOR"
_EXP_TYPE = "META.EXPOSURE.TYPE"
_FILTER = "META.INSTRUMENT.FILTER"
_GRATING = "META.INSTRUMENT.GRATING"
_LAMP_MODE = "META.INSTRUMENT.LAMP_MODE"
_MODULE = "META.INSTRUMENT.MODULE"
_PUPIL = "META.INSTRUMENT.PUPIL"
_READPATT = "META.EXPOSURE.READPATT"
_SUBARRAY = "META.SUBARRAY.NAME"
_RECTANGLE = tuple(f"META.SUBARRAY.{name}" for name in ("XSTART", "YSTART", "XSIZE", "YSIZE"))

_PARKEYS = {
    "abvegaoffset": (),
    "apcorr": (_EXP_TYPE,),
    "area": (_DETECTOR, _FILTER, _PUPIL, _EXP_TYPE),
    "dark": (_DETECTOR, _READPATT, _SUBARRAY),
    "flat": (_DETECTOR, _FILTER, _PUPIL),
    "gain": (_DETECTOR, _SUBARRAY),
    "ipc": (_DETECTOR,),
    "linearity": (_DETECTOR, _SUBARRAY),
    "mask": (_DETECTOR, _SUBARRAY),
    "persat": (_DETECTOR,),
    "photom": (_DETECTOR, _EXP_TYPE),
    "readnoise": (_DETECTOR, _READPATT, _SUBARRAY),
    "saturation": (_DETECTOR,),
    "superbias": (_DETECTOR, _READPATT, _SUBARRAY),
    "trapdensity": (_DETECTOR,),
    "trappars": (_DETECTOR,),
}
_OWN_PARKEYS: dict[str, dict[str, tuple[str, ...]]] = {
    "NIRCAM": {
        "dark": (_EXP_TYPE, _DETECTOR, _READPATT, _SUBARRAY),
        "distortion": (_EXP_TYPE, _DETECTOR, _CHANNEL, _PUPIL, _FILTER),
        "filteroffset": (_CHANNEL, _MODULE),
    },
    "FGS": {
        "apcorr": (_DETECTOR,),
        "area": (_DETECTOR,),
        "distortion": (_EXP_TYPE, _DETECTOR),
        "flat": (_DETECTOR, _EXP_TYPE),
        "mask": (_DETECTOR, _SUBARRAY, _EXP_TYPE),
    },
    "MIRI": {
        "area": (_DETECTOR, _FILTER, _EXP_TYPE),
        "distortion": (_DETECTOR, _CHANNEL, _BAND, _EXP_TYPE),
        "emicorr": (_DETECTOR,),
        "filteroffset": (_DETECTOR, _EXP_TYPE),
        "flat": (_DETECTOR, _FILTER, _BAND, _READPATT, _SUBARRAY),
        "photom": (_DETECTOR, _BAND, _EXP_TYPE),
        "linearity": (_DETECTOR, _SUBARRAY, _BAND, _FILTER),
        "readnoise": (_DETECTOR, _SUBARRAY, _READPATT),
        "reset": (_DETECTOR, _SUBARRAY, _READPATT),
        "rscd": (_DETECTOR,),
    },
    "NIRISS": {"distortion": (_EXP_TYPE,), "filteroffset": (_EXP_TYPE,)},
    "NIRSPEC": {
        "area": (_EXP_TYPE, _DETECTOR, _FILTER, _GRATING),
        "chromcorr": (_EXP_TYPE, _FILTER),
        "dark": (_DETECTOR, _READPATT, _SUBARRAY, *_RECTANGLE),
        "disperser": (_GRATING, _EXP_TYPE),
        "flat": (_DETECTOR, _FILTER, _GRATING, _EXP_TYPE),
        "fore": (_EXP_TYPE, _FILTER),
        "mask": (_DETECTOR, _SUBARRAY, _READPATT),
        "pictureframe": (_DETECTOR,),
        "refpix": (_DETECTOR, _READPATT),
        "saturation": (_DETECTOR, _SUBARRAY),
        "superbias": (_DETECTOR, _READPATT, _SUBARRAY, *_RECTANGLE),
        **dict.fromkeys(("camera", "collimator", "fpa", "msa", "msaoper", "ote", "wavelengthrange"), (_EXP_TYPE,)),
        **dict.fromkeys(("ifufore", "ifupost", "ifuslicer"), (_EXP_TYPE, _LAMP_MODE)),
    },
}

_TYPES = """abvegaoffset apcorr area barshadow bkg camera chromcorr collimator cubepar dark dflat disperser distortion
drizpars emicorr extract1d fflat filteroffset flat fore fpa fringe fringefreq gain ifufore ifupost ifuslicer ipc
lastframe linearity mask mrsptcorr mrsxartcorr msa msaoper nrm ote pastasoss pathloss persat photom pictureframe psf
psfmask readnoise refpix regions reset resol rscd saturation sflat sirskernel speckernel specprofile spectrace specwcs
straymask superbias throughput trapdensity trappars tsophot wavecorr wavelengthrange wavemap wcsregions wfssbkg"""

_STEPS = """adaptivetracemodel alignrefs amianalyze amiaverage aminormalize assignmtwcs assignwcs background
badpixselfcal barshadow chargemigration cleanflickernoise combine1d cubebuild cubeskymatch darkcurrent dqinit emicorr
engdblog extract1d extract2d firstframe flatfield fringe gainscale groupscale guidercds hlsp imprint ipc jump klip
lastframe linearity masterbackground masterbackgroundmos masterbackgroundnrsslits mrsimatch msaflagopen nscleanstep
nsclean outlierdetection outlierdetectionscaled outlierdetectionstack pathloss persistence photom pictureframe
pixelreplace rampfit refpix resample resamplespec reset residualfringe rscd saturation skymatch sourcecatalog
sourcetype spec spectralleak stackrefs straylight subtractimages superbias targcentroid tsophotometry tweakreg wavecorr
wfscombine wfsscontam whitelight undersamplingcorrection"""

_PIPELINES = """ami3 coron3 dark detector1 guider image2 image3 linear spec2 spec3 tso3 testlinear wfsscombine"""


def reference_types() -> list[str]:
    """Return every reference type that an instrument mapping must list, in lower case."""
    steps = [f"pars-{step}step" for step in _STEPS.split() if not step.endswith("step")]
    return sorted([*_TYPES.split(), *steps, *(f"pars-{pipeline}pipeline" for pipeline in _PIPELINES.split())])


def parkeys(instrument: str, reftype: str) -> tuple[str, ...]:
    """Return the keys that a reference mapping matches.

    Parameters
    ----------
    instrument : str
        Instrument name.
    reftype : str
        Reference type in lower case.

    Returns
    -------
    tuple of str
        Real keys, but for the dark of NIRCam: a readout pattern is added, so that small darks can be used.
    """
    if reftype.startswith("pars-"):
        return ("META.VISIT.TSOVISIT",) if reftype == "pars-detector1pipeline" else ()
    return (_PARKEYS | _OWN_PARKEYS[instrument])[reftype]


@dataclass(frozen=True)
class Rmap:
    """References of one type.

    Parameters
    ----------
    instrument : str
        Instrument name in upper case.
    reftype : str
        Reference type in lower case.
    matches : dict
        Values of the match keys, and the file that they select, or "N/A".
    """

    instrument: str
    reftype: str
    matches: dict[tuple[str, ...], str]

    @property
    def name(self) -> str:
        """File name of the mapping."""
        return f"jwst_{self.instrument.lower()}_{self.reftype}_0001.rmap"

    def text(self) -> str:
        """Return the mapping as text, without its checksum."""
        keys = parkeys(self.instrument, self.reftype)
        header = _header("REFERENCE", self.name, (keys if len(keys) != 1 else (keys[0],), DATE_KEYS))
        header |= {"instrument": self.instrument, "filekind": self.reftype.upper(), "classes": ("Match", "UseAfter")}
        if _SUBARRAY in keys:
            header["substitutions"] = {_SUBARRAY: {"GENERIC": NOT_APPLICABLE}}
        lines = ["selector = Match({"]
        for values, file in sorted(self.matches.items()):
            key = values[0] if len(values) == 1 else values
            found = repr(file) if file == NOT_APPLICABLE else f"UseAfter({{'1900-01-01 00:00:00' : {file!r}}})"
            lines.append(f"    {key!r} : {found},")
        return _mapping_text(header, "\n".join([*lines, "})"]))


@dataclass(frozen=True)
class Context:
    """Everything that the cache maps.

    Parameters
    ----------
    rmaps : tuple of Rmap
        References there are; all other types are "N/A".
    serial : int
        Number in the name of the context.
    """

    rmaps: tuple[Rmap, ...] = field(default=())
    serial: int = 1

    @property
    def name(self) -> str:
        """File name of the pipeline mapping."""
        return f"jwst_{self.serial:04d}.pmap"


def _header(kind: str, name: str, keys: tuple[object, ...]) -> dict[str, object]:
    return {"mapping": kind, "name": name, "parkey": keys, "observatory": "JWST", "derived_from": "jwst.simulation"}


def _mapping_text(header: dict[str, object], selector: str) -> str:
    """Text of a mapping with the checksum of all its other lines."""
    body = "\n".join(f"    {name!r} : {pformat(value, width=200)}," for name, value in sorted(header.items()))
    without = f"header = {{\n{body}\n}}\n\n{selector}\n"
    checksum = hashlib.sha1(without.encode()).hexdigest()
    return without.replace("header = {\n", f"header = {{\n    'sha1sum' : '{checksum}',\n", 1)


def _selector(values: dict[str, str]) -> str:
    return "\n".join(["selector = {", *(f"    {key!r} : {value!r}," for key, value in sorted(values.items())), "}"])


def write_context(root: Path, context: Context) -> None:
    """Write all mappings and the configuration that crds looks for.

    Parameters
    ----------
    root : Path
        Root of the cache, the value for CRDS_PATH.
    context : Context
        What to map.
    """
    mappings, config = root / "mappings" / "jwst", root / "config" / "jwst"
    for folder in (mappings, config):
        folder.mkdir(parents=True, exist_ok=True)
    for rmap in context.rmaps:
        (mappings / rmap.name).write_text(rmap.text())
    instruments = {}
    for instrument in INSTRUMENTS:
        name = f"jwst_{instrument.lower()}_{context.serial:04d}.imap"
        instruments[instrument] = name
        listed = {reftype.upper(): NOT_APPLICABLE for reftype in reference_types()}
        listed |= {rmap.reftype.upper(): rmap.name for rmap in context.rmaps if rmap.instrument == instrument}
        header = _header("INSTRUMENT", name, ("REFTYPE",)) | {"instrument": instrument}
        (mappings / name).write_text(_mapping_text(header, _selector(listed)))
    header = _header("PIPELINE", context.name, ("META.INSTRUMENT.NAME",))
    (mappings / context.name).write_text(_mapping_text(header, _selector(instruments)))
    (config / "server_config").write_text(pformat(_server_config(context)) + "\n")
    (config / "ref_cache_subdir_mode").write_text("instrument\n")
    (config / "bad_files.txt").write_text("\n")


def _server_config(context: Context) -> dict[str, object]:
    return {
        "observatory": "jwst",
        "latest_context": context.name,
        "operational_context": context.name,
        "edit_context": context.name,
        "bad_files": "",
        "bad_files_list": [],
        "crds_version": {"str": "14.0.3"},
        "last_synced": "2023-01-01 00:00:00",
        "connected": False,
        "force_remote_mode": False,
        "reference_url": {"jwst": ""},
        "mapping_url": {"jwst": ""},
        "status": "simulated",
    }
