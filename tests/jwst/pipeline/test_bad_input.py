"""Whatever is wrong with what a user gives is one clear exception in Python, and one boxed message from ``strun``.

In both ways nothing is left on the disk, and ``strun`` shows no traceback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from jwst.pipeline import Detector1Pipeline
from stpipe.cli.strun import main
from stpipe.crds_client import ReferenceServiceError
from stpipe.exceptions import (
    InputError,
    MissingMetadataError,
    OutputError,
    ParameterError,
    ValidationError,
)

NAME = "jw00017001001_01101_00001_nrcb1_uncal.fits"
HEADINGS = ("ERROR RUNNING STEP 'calwebb_detector1':", "ERROR PARSING CONFIGURATION:")


@dataclass(frozen=True)
class Case:
    """One thing that is wrong.

    Attributes
    ----------
    prepare : callable
        Makes it so; gives the name of the input (None: the exposure), or parameters too.
    error : type
        The exception.
    texts : tuple of str
        What its text contains.
    parameters : mapping
        Keywords of ``call``.
    usage : tuple of str
        What ``strun`` says as a usage error, which ends it with 2 instead of 1; empty: it says ``texts``.
    """

    error: type[Exception]
    texts: tuple[str, ...]
    prepare: Callable[[Any], Any] = lambda bench: None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    usage: tuple[str, ...] = ()


def with_header(**keywords):
    return lambda bench: bench.set_keywords(**keywords)


def with_samples(change):
    """Replace the science array, and with it the kind of exposure."""

    def prepare(bench):
        with fits.open(bench.uncal) as file:
            samples = change(file["SCI"].data)
            primary = file[0].copy()
        path = bench.uncal.with_name("other_rate.fits")
        hdus = [primary] if samples is None else [primary, fits.ImageHDU(samples, name="SCI")]
        fits.HDUList(hdus).writeto(path)
        return path

    return prepare


def cut(path, size):
    os.truncate(path, size)


def rename(name):
    return lambda bench: bench.uncal.rename(bench.uncal.with_name(name))


def cut_reference(reftype, size, ending="fits"):
    return lambda bench: cut(bench.reference(reftype, ending), size)


def damage_rules(bench):
    cut(bench.cache / "mappings" / "jwst" / "jwst_nircam_gain_0001.rmap", 100)


def environment(name, value):
    return lambda bench: bench.env.setenv(name, value)


def without_settings(bench):
    bench.env.delenv("CRDS_PATH")
    bench.env.setenv("HOME", str(bench.uncal.parent))


def override(make):
    """Override the gain of the jump step by a file."""
    return lambda bench: {"steps": {"jump": {"override_gain": str(make(bench))}}}


def cut_copy(bench):
    path = bench.new("cut_gain.fits", bench.reference("gain").read_bytes())
    cut(path, 6000)
    return path


def jump(**parameters):
    return {"steps": {"jump": parameters}}


def below_a_file(*keys):
    """Set an output folder whose path goes through a file."""

    def prepare(bench):
        values = {"output_dir": str(bench.uncal / "out")}
        for key in reversed(keys):
            values = {key: values}
        return values

    return prepare


FILES = {
    "missing file": Case(
        FileNotFoundError, ("nowhere_uncal.fits",), lambda bench: bench.uncal.parent / "nowhere_uncal.fits"
    ),
    "missing folder": Case(FileNotFoundError, ("nowhere",), lambda bench: Path("nowhere") / NAME),
    "folder": Case(InputError, ("is a directory",), lambda bench: bench.uncal.parent),
    "truncated": Case(InputError, (NAME, "truncated", "download"), lambda bench: cut(bench.uncal, 50000)),
    "truncated at the end": Case(
        InputError, (NAME, "truncated"), lambda bench: cut(bench.uncal, os.path.getsize(bench.uncal) - 2880)
    ),
    "truncated header": Case(InputError, (NAME, "cannot be read as a FITS file"), lambda bench: cut(bench.uncal, 2000)),
    "empty": Case(InputError, (NAME, "cannot be read as a FITS file"), lambda bench: cut(bench.uncal, 0)),
    "text": Case(InputError, ("a_uncal.fits", "FITS file"), lambda bench: bench.new("a_uncal.fits", b"hello\n" * 999)),
    "picture": Case(InputError, ("a.png", ".fits"), lambda bench: bench.new("a.png", b"\x89PNG\r\n" * 99)),
    "no extension": Case(InputError, ("a_uncal", ".fits"), rename("a_uncal")),
    "no asdf": Case(InputError, ("a.asdf", "cannot be read"), lambda bench: bench.new("a.asdf", b"hello")),
    "image": Case(InputError, ("other_rate.fits", "2 axes", "4", "_uncal.fits"), with_samples(lambda data: data[0, 0])),
    "cube": Case(InputError, ("other_rate.fits", "3 axes"), with_samples(lambda data: data[0])),
    "no image": Case(InputError, ("other_rate.fits", "no SCI extension"), with_samples(lambda data: None)),
}

EXPOSURES = {
    "guide star": Case(
        InputError,
        ("FGS_ACQ1", "use calwebb_guider"),
        with_header(INSTRUME="FGS", DETECTOR="GUIDER1", EXP_TYPE="FGS_ACQ1"),
    ),
    "no instrument": Case(ReferenceServiceError, ("unknown instrument", "INSTRUME"), with_header(INSTRUME=None)),
    "no date": Case(
        ReferenceServiceError, ("No gain reference", "META.OBSERVATION.DATE", "keywords"), with_header(DATE_OBS=None)
    ),
    "unknown detector": Case(
        ReferenceServiceError, ("No gain", "'NRCX9'", "CRDS_CONTEXT"), with_header(DETECTOR="NRCX9")
    ),
    "no group time": Case(MissingMetadataError, ("jump", "group_time", "TGROUP"), with_header(TGROUP=None)),
    "no number of frames": Case(MissingMetadataError, ("jump", "nframes", "NFRAMES"), with_header(NFRAMES=None)),
    "group time 0": Case(InputError, ("jump", "positive TGROUP"), with_header(TGROUP=0.0)),
    "no frame time": Case(InputError, ("ramp_fit", "TFRAME"), with_header(TFRAME=None)),
    "no gap": Case(InputError, ("ramp_fit", "GROUPGAP"), with_header(GROUPGAP=None)),
    "no corner": Case(InputError, ("SUBSTRT1",), with_header(SUBSTRT1=None)),
    "no readout axis": Case(InputError, ("FASTAXIS",), with_header(FASTAXIS=None)),
    "no place for the subarray": Case(InputError, ("slice indexes", "mask reference"), with_header(SUBSTRT1=5)),
}

REFERENCES = {
    "no CRDS_PATH": Case(ReferenceServiceError, ("CRDS_PATH = not set", "Set CRDS_PATH"), without_settings),
    "CRDS_PATH is nowhere": Case(
        ReferenceServiceError, ("CRDS_PATH = '/nowhere', which does not exist",), environment("CRDS_PATH", "/nowhere")
    ),
    "unknown context": Case(
        ReferenceServiceError,
        ("does not know the context 'jwst_9999.pmap'", "CRDS_CONTEXT chooses"),
        environment("CRDS_CONTEXT", "jwst_9999.pmap"),
    ),
    "no context": Case(
        ReferenceServiceError,
        ("CRDS_CONTEXT='yesterday'", "e.g. jwst_1413.pmap"),
        environment("CRDS_CONTEXT", "yesterday"),
    ),
    "damaged rules": Case(ReferenceServiceError, ("gain", "jwst_nircam_gain_0001.rmap cannot be read"), damage_rules),
    "missing reference": Case(
        ReferenceServiceError,
        ("The gain reference", "jwst_nircam_gain_0001.fits is not in the CRDS cache", "--override_<type>"),
        lambda bench: bench.reference("gain").unlink(),
    ),
    "truncated reference": Case(InputError, ("jwst_nircam_gain_0001.fits", "truncated"), cut_reference("gain", 6000)),
    "truncated cube": Case(
        InputError, ("jwst_nircam_linearity_0001.fits", "truncated"), cut_reference("linearity", 20000)
    ),
    "empty reference": Case(InputError, ("gain reference", "jwst_nircam_gain_0001.fits"), cut_reference("gain", 0)),
    "truncated parameters": Case(
        ValidationError,
        ("jwst_nircam_pars-jumpstep_0001.asdf", "truncated"),
        cut_reference("pars-jumpstep", 500, "asdf"),
    ),
    "no override": Case(FileNotFoundError, ("override_gain", "nowhere.fits"), override(lambda bench: "nowhere.fits")),
    "truncated override": Case(InputError, ("cut_gain.fits", "truncated"), override(cut_copy)),
    "override of another kind": Case(
        InputError, ("jwst_nircam_linearity", "no gain reference"), override(lambda bench: bench.reference("linearity"))
    ),
    "exposure as override": Case(
        InputError, (NAME, "4 axes", "gain reference has 2"), override(lambda bench: bench.uncal)
    ),
}

PARAMETERS = {
    "unknown parameter": Case(
        ParameterError,
        (
            "Extra value 'save_calibrated_rampp' in root (did you mean 'save_calibrated_ramp'?)",
            "Extra value 'zork' in root",
        ),
        parameters={"save_calibrated_rampp": True, "zork": 3},
        usage=("--save_calibrated_rampp (did you mean --save_calibrated_ramp?)", "--zork"),
    ),
    "unknown steps": Case(
        ParameterError,
        (
            "Extra value 'jmp' in steps (did you mean 'jump'?)",
            "Extra value 'zork' in steps",
            "Extra value 'rejection_treshold' in steps/jump (did you mean 'rejection_threshold'?)",
        ),
        parameters={"steps": {"jmp": {"skip": True}, "zork": {"a": 1}, "jump": {"rejection_treshold": 5}}},
        usage=(
            "--steps.jmp.skip (did you mean --steps.jump.skip?)",
            "--steps.zork.a",
            "--steps.jump.rejection_treshold (did you mean --steps.jump.rejection_threshold?)",
        ),
    ),
    "wrong type": Case(
        ParameterError,
        ("'steps/jump/rejection_threshold': the value \"high\" is of the wrong type", "allowed: a number >= 0"),
        parameters=jump(rejection_threshold="high"),
    ),
    "too small": Case(
        ParameterError,
        ("'steps/jump/rejection_threshold'", "too small", ">= 0"),
        parameters=jump(rejection_threshold=-1),
    ),
    "no choice": Case(
        ParameterError,
        ("'steps/ramp_fit/algorithm'", "unacceptable", "'OLS_C' or 'LIKELY'"),
        parameters={"steps": {"ramp_fit": {"algorithm": "OLS"}}},
    ),
    "number of cores": Case(
        ParameterError, ("maximum_cores", "at least 1, not '0'"), parameters=jump(maximum_cores="0")
    ),
    "output folder": Case(OutputError, (f"{NAME}/out", "Not a directory", "Set output_dir"), below_a_file()),
    "output folder of a step": Case(
        OutputError, (f"{NAME}/out", "Set output_dir"), below_a_file("steps", "saturation")
    ),
}

CASES = {**FILES, **EXPOSURES, **REFERENCES, **PARAMETERS}
SAVING = {"save_results": True, "save_calibrated_ramp": True}


@dataclass
class Run:
    """A case that is ready to run."""

    case: Case
    uncal: str
    parameters: dict[str, Any]


@pytest.fixture
def run(request, bench, tmp_path):
    """Prepare a case, and see to it that it leaves nothing behind."""
    case = request.param
    changed = case.prepare(bench)
    more = changed if isinstance(changed, dict) else {}
    uncal = changed if isinstance(changed, Path) else bench.uncal
    before = everything(tmp_path)
    yield Run(case, str(uncal), {"output_dir": "out", **SAVING, **case.parameters, **more})
    assert everything(tmp_path) == before


def everything(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def options(parameters: Mapping[str, Any], prefix: str = "--") -> list[str]:
    """Write parameters as options of strun."""
    found = []
    for name, value in parameters.items():
        if name == "steps":
            for key, values in value.items():
                found += options(values, f"{prefix}steps.{key}.")
        else:
            found.append(f"{prefix}{name}={value}")
    return found


@pytest.mark.parametrize("run", CASES.values(), ids=CASES, indirect=True)
def test_in_python(run):
    with pytest.raises(run.case.error) as info:
        Detector1Pipeline.call(run.uncal, **run.parameters)
    assert isinstance(info.value, run.case.error)
    for text in run.case.texts:
        assert text in str(info.value)


def boxes(output: str) -> list[list[str]]:
    """Lines of each boxed message."""
    parts = output.split("-" * 80 + "\n")
    assert len(parts) % 2 == 1
    assert not any(part.strip() for part in parts[::2])
    return [part.splitlines() for part in parts[1::2]]


@pytest.mark.parametrize("run", CASES.values(), ids=CASES, indirect=True)
def test_by_strun(run, capsys):
    status = main(["calwebb_detector1", run.uncal, *options(run.parameters)])
    output, errors = capsys.readouterr()
    assert "Traceback" not in errors
    if run.case.usage:
        assert (status, output) == (2, "")
        assert all(text in errors for text in run.case.usage)
        assert "Try 'strun calwebb_detector1 --help'" in errors
        return
    assert status == 1
    (lines,) = boxes(output)
    assert lines[0] in HEADINGS
    for text in run.case.texts:
        assert any(text in line for line in lines)


@pytest.mark.parametrize(
    "run", [CASES[name] for name in ("no group time", "truncated reference", "wrong type")], indirect=True
)
def test_by_the_console_script(run):
    script = shutil.which("strun", path=os.path.dirname(sys.executable))
    arguments = [script, "calwebb_detector1", run.uncal, *options(run.parameters)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(boxes(done.stdout)) == 1
    assert "Traceback" not in done.stderr
    assert all(text in done.stdout for text in run.case.texts)
