"""``strun batch calwebb_detector1`` on small exposures (issue 6 part 2, running.md §8)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import stpipe
from stpipe.executors.manifest import read_manifest

OUT = "--output_dir=out"


@pytest.fixture
def raw(place, tmp_path: Path) -> Path:
    """Folder with three exposures, one of which is cut short."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(3):
        path = folder / f"jw0001700100{number}_01101_00001_nrcb1_uncal.fits"
        shutil.copy(place.uncal, path)
        with fits.open(path, mode="update") as file:
            file["SCI"].data += np.uint16(7 * number)
    corrupt = folder / "jw00017001002_01101_00001_nrcb1_uncal.fits"
    corrupt.write_bytes(corrupt.read_bytes()[:40000])
    return folder


def batch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "stpipe.cli.strun", "batch", "calwebb_detector1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_detector1_from_the_shell(raw):
    done = batch(str(raw), OUT, "--jobs=2", "--steps.jump.rejection_threshold=12")
    assert done.returncode == 2, done.stderr
    assert sorted(path.name for path in Path("out").glob("*.fits")) == [
        f"jw0001700100{number}_01101_00001_nrcb1_{kind}.fits" for number in (0, 1) for kind in ("rate", "rateints")
    ]
    header, records = read_manifest("out")
    assert header["what"] == "calwebb_detector1"
    assert header["parameters"]["steps"]["jump"]["rejection_threshold"] == "12"
    by_name = {one["name"]: one for one in records}
    first = by_name["jw00017001000_01101_00001_nrcb1_uncal.fits"]
    assert first["status"] == "done"
    assert [Path(one["path"]).name for one in first["outputs"]] == [
        "jw00017001000_01101_00001_nrcb1_rateints.fits",
        "jw00017001000_01101_00001_nrcb1_rate.fits",
    ]
    assert "rejection_threshold: 12.0" in Path(first["log"]).read_text()
    broken = by_name["jw00017001002_01101_00001_nrcb1_uncal.fits"]
    assert broken["status"] == "failed"
    assert Path(broken["traceback"]).read_text()
    assert "2 done, 1 failed" in done.stdout
    single = stpipe.run("calwebb_detector1", first["input"], save_results=True, output_dir="single",
                        steps={"jump": {"rejection_threshold": 12.0}})  # fmt: skip
    with single.result as rate, fits.open(first["outputs"][1]["path"]) as product:
        assert np.array_equal(product["SCI"].data, rate.data, equal_nan=True)

    times = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.fits")}
    shutil.copy(first["input"], raw / "jw00017001002_01101_00001_nrcb1_uncal.fits")
    again = batch(str(raw), OUT, "--jobs=2", "--steps.jump.rejection_threshold=12", "--resume")
    assert again.returncode == 0, again.stderr
    assert "2 up to date, 1 done" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(list(Path("out").glob("*.fits"))) == 6
    planned = batch(str(raw), OUT, "--dry-run", "--resume")
    assert "3 exposures: 3 run" in planned.stdout  # the threshold is another now
    assert not list(Path("out/logs").glob("*.error.txt"))
