"""The two scripts that every user has (issue 6 part 4), in fresh processes on real files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from jwst.simulation import ExposureSettings, cache_for, simulate

HERE = Path(__file__).parent
ROOTS = [f"jw00017001001_01101_0000{number}_nrcb1" for number in (1, 2, 3)]
SETTINGS = ExposureSettings(detector="NRCB1", subarray="SUB64P", readpatt="RAPID", ngroups=6)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Folder with two exposures, a file that is none, and a cache."""
    folder = tmp_path_factory.mktemp("night")
    cache_for(folder / "crds", [SETTINGS], traps=False)
    path = simulate(SETTINGS, tmp_path_factory.mktemp("simulated")).path
    for root in ROOTS[:2]:
        shutil.copy(path, folder / f"{root}_uncal.fits")
    (folder / f"{ROOTS[2]}_uncal.fits").write_text("this is no FITS file")
    return folder


@pytest.fixture
def place(night, tmp_path):
    """The current folder of a script, with the exposures in it."""
    for path in night.glob("*_uncal.fits"):
        shutil.copy(path, tmp_path)
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def run(night, place):
    """Run a script in a fresh process; gives it ended."""

    def start(name, **words):
        text = (HERE / name).read_text()
        for word, value in words.items():
            assert word in text, word
            text = text.replace(word, value)
        (place / "script.py").write_text(text)
        gone = ("STPIPE_WORKER", "STPIPE_OVERWRITE", "CRDS_SERVER_URL")
        environment = {key: value for key, value in os.environ.items() if key not in gone}
        (context,) = (night / "crds" / "mappings" / "jwst").glob("*.pmap")
        environment |= {
            "CRDS_PATH": str(night / "crds"),
            "CRDS_CONTEXT": context.name,
            "CRDS_SERVER_URL": "https://crds.invalid",
            "STPIPE_DISABLE_CRDS_STEPPARS": "true",
        }
        return subprocess.run(
            [sys.executable, "script.py"], cwd=place, env=environment, capture_output=True, text=True, timeout=120
        )

    return start


def assert_fitted(folder, root):
    """Both products are there, and the fit was done."""
    for suffix in ("rate", "rateints"):
        with fits.open(folder / f"{root}_{suffix}.fits") as file:
            assert file[0].header["S_RAMP"] == "COMPLETE"
            assert np.isfinite(file["SCI"].data).mean() > 0.5


@pytest.mark.parametrize("absolute", [False, True])
def test_one_exposure_on_all_cores(run, place, absolute):
    def path(name):
        return str(place / name) if absolute else name

    done = run("one_exposure.py", UNCAL_FILE=path(f"{ROOTS[0]}_uncal.fits"), OUTPUT_DIR=path("out"))
    assert done.returncode == 0, done.stderr
    assert_fitted(place / "out", ROOTS[0])
    assert "Traceback" not in done.stderr
    assert "leaked" not in done.stderr
    assert sorted(one.name for one in (place / "out").iterdir()) == [
        f"{ROOTS[0]}_rate.fits",
        f"{ROOTS[0]}_rateints.fits",
    ]


@pytest.mark.parametrize("absolute", [False, True])
def test_many_exposures_with_a_log_and_a_crash_file_each(run, place, absolute):
    words = {"INPUT_DIR": str(place) if absolute else ".", "OUTPUT_DIR": str(place / "out") if absolute else "out"}
    done = run("many_exposures.py", HANDLER="file", **words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Pipeline finished") == 2
    assert done.stdout.count("crashed") == 1
    for root in ROOTS[:2]:
        assert_fitted(place / "out", root)
        log = (place / f"{root}_uncal.log").read_text()
        assert "INFO" in log
        assert "ramp_fit" in log
        assert f"{root}_uncal.fits" in log
        assert not (place / f"{root}_uncal_pipecrash.txt").exists()
        assert all(other not in log for other in ROOTS if other != root)
    crash = (place / f"{ROOTS[2]}_uncal_pipecrash.txt").read_text()
    assert "Traceback" in crash
    assert f"{ROOTS[2]}_uncal.fits" in crash
    assert (place / f"{ROOTS[2]}_uncal.log").exists()


def test_many_exposures_at_once_with_one_log(run, place):
    done = run(
        "many_exposures.py",
        HANDLER="append",
        **{'name + ".log"': '"night.log"', "= 1": "= 2"},
        INPUT_DIR=".",
        OUTPUT_DIR="out",
    )
    assert done.returncode == 0, done.stderr
    for root in ROOTS[:2]:
        assert_fitted(place / "out", root)
    log = (place / "night.log").read_text()
    assert all(root in log for root in ROOTS)
    assert all(line.startswith("20") for line in log.splitlines() if " - INFO - " in line)  # no lines in lines
    assert [path.name for path in place.glob("*_pipecrash.txt")] == [f"{ROOTS[2]}_uncal_pipecrash.txt"]


def test_all_cores_inside_a_pool_is_one_core_and_a_warning(run, place):
    text = 'save_results=True, steps={"ramp_fit": {"maximum_cores": "all"}})'
    words = {"save_results=True)": text, "HANDLER": "file"}
    done = run("many_exposures.py", INPUT_DIR=".", OUTPUT_DIR="out", **words)
    assert done.returncode == 0, done.stderr
    logs = [(place / f"{root}_uncal.log").read_text() for root in ROOTS[:2]]
    expected = 1 if len(os.sched_getaffinity(0)) > 1 else 0
    assert sum("may not start others" in log for log in logs) == expected  # once in the only process
    for root in ROOTS[:2]:
        assert_fitted(place / "out", root)
