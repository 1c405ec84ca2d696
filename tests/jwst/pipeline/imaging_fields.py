"""A folder with small rates, calibrated images and references of bench B1, for tests of the imaging pipelines."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stdatamodels.jwst import datamodels

PARITY = Path(__file__).parents[2] / "parity"
sys.path.insert(0, str(PARITY))
import imaging_bench as bench  # noqa: E402
import imaging_runs as runs  # noqa: E402

RATE = "jw01234001001_02101_00001_nrca1_rate.fits"
CALS = [f"jw01234001001_02101_0000{number}_nrca1_cal.fits" for number in (1, 2, 3, 4)]


@dataclass
class Field:
    """A private copy of the folder, which is the current one.

    Attributes
    ----------
    folder : Path
        The folder.
    steps : dict
        Parameters of calwebb_image2: the references.
    """

    folder: Path
    steps: dict[str, Any]

    def asn(self, products: dict, name: str = "x_asn.json", **keys: object) -> str:
        """Write an association; give its name."""
        return os.path.relpath(bench.write_asn(self.folder / name, products, **keys), self.folder)

    def change(self, name: str, change: Callable[[Any], Any]) -> str:
        """Change a model in a file; give its name."""
        with datamodels.open(name) as model:
            change(model)
            model.save(f"new_{name}")
        os.replace(f"new_{name}", name)
        return name

    def files(self) -> list[str]:
        """Everything in the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture(scope="module")
def imaging_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, to be read only."""
    folder = tmp_path_factory.mktemp("field")
    before = Path.cwd()
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    os.chdir(folder)
    try:
        runs.make_cals(folder)
        bench.rate(1, shape=runs.SHAPE).save(RATE)
        bench.rate(2, shape=runs.SHAPE, level=0.5).save("background_rate.fits")
        bench.rate(1, shape=(2, *runs.SHAPE), exp_type="NRC_TSIMAGE").save(RATE.replace("rate", "rateints"))
    finally:
        os.chdir(before)
        del os.environ["STPIPE_DISABLE_CRDS_STEPPARS"]
    return folder


@pytest.fixture
def field(imaging_origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Field:
    """A private copy, which is the current folder."""
    folder = tmp_path / "work"
    shutil.copytree(imaging_origin, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    steps = bench.overrides(tmp_path, shape=runs.SHAPE)
    return Field(folder, steps)
