"""What can be wrong with an exposure or with a reference, and a place to try it; used by the tests of bad input."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from jwst.pipeline import DarkPipeline, Detector1Pipeline
from jwst.simulation import ExposureSettings, cache_for, simulate
from stpipe.exceptions import InputError

USERS = {
    "mask": ("dq_init",),
    "saturation": ("saturation",),
    "superbias": ("superbias",),
    "reset": ("reset",),
    "linearity": ("linearity",),
    "rscd": ("rscd",),
    "dark": ("dark_current",),
    "gain": ("jump", "ramp_fit"),
    "readnoise": ("jump", "ramp_fit"),
}
"""Steps that use a reference of a type."""

STATUS = {"dark_current": "dark_sub"}
"""Key of the status of a step where it is not the name of the step."""

PIPELINES = {"detector1": Detector1Pipeline, "dark": DarkPipeline}
_ARRAYS = ("SCI", "COEFFS", "DQ")


@dataclass(frozen=True)
class Site:
    """An exposure and its offline cache, made once for a module and never changed."""

    exposure: Path
    cache: Path

    @classmethod
    def make(cls, folder: Path, settings: ExposureSettings) -> Site:
        """Simulate an exposure."""
        cache = cache_for(folder / "crds", [settings], traps=False, kernels=(settings.detector,))
        return cls(Path(simulate(settings, folder / "data").path), Path(cache))

    def reference(self, kind: str) -> Path:
        """Path of the reference of a type."""
        (path,) = (self.cache / "references").rglob(f"jwst_*_{kind}_0001.fits")
        return path


@dataclass
class Desk:
    """A private copy of the exposure of a site; everything below ``folder`` may be damaged."""

    site: Site
    folder: Path
    uncal: Path = field(init=False)

    def __post_init__(self) -> None:
        self.uncal = Path(shutil.copy(self.site.exposure, self.folder))

    def change(self, samples: Callable[[np.ndarray], np.ndarray] | None = None, **keywords: object) -> None:
        """Change the samples and the keywords (None takes one out)."""

        def damage(hdus: Any) -> None:
            for name, value in keywords.items():
                if value is None:
                    del hdus[0].header[name]
                else:
                    hdus[0].header[name] = value
            if samples is not None:
                hdus["SCI"] = fits.ImageHDU(samples(hdus["SCI"].data), name="SCI")

        self.damage(damage)

    def damage(self, damage: Callable[[Any], None]) -> None:
        """Change the extensions of the exposure; that of ASDF, which repeats the keywords, goes."""
        with fits.open(self.uncal, memmap=False) as file:
            hdus = fits.HDUList([hdu.copy() for hdu in file if hdu.name != "ASDF"])
        damage(hdus)
        hdus.writeto(self.uncal, overwrite=True)

    def other_segment(self, number: int) -> None:
        """Take another segment of the exposure."""
        name = self.uncal.name.replace("-seg001", f"-seg{number:03d}")
        self.uncal.unlink()
        self.uncal = Path(shutil.copy(self.site.exposure.with_name(name), self.folder))

    def override(self, kind: str, damage: Callable[[Any], None]) -> dict[str, dict[str, str]]:
        """Parameters of the steps that replace a reference by a damaged copy."""
        path = self.folder / f"bad_{kind}.fits"
        with fits.open(self.site.reference(kind), memmap=False) as file:
            hdus = fits.HDUList([hdu.copy() for hdu in file if hdu.name != "ASDF"])
        damage(hdus)
        hdus.writeto(path)
        return overrides(kind, str(path))

    def run(self, pipeline: str = "detector1", **parameters: Any) -> Any:
        """Run a pipeline that saves all it can."""
        if pipeline == "detector1":
            parameters["save_calibrated_ramp"] = True
        return PIPELINES[pipeline].call(str(self.uncal), save_results=True, output_dir="out", **parameters)

    def refused(self, error: type[Exception], texts: tuple[str, ...], **parameters: Any) -> None:
        """Check that a run ends with one clear error that leaves nothing behind."""
        before = self.files()
        with pytest.raises(error) as info:
            self.run(**parameters)
        assert [text for text in texts if text not in str(info.value)] == []
        assert self.files() == before

    def refused_reference(self, kind: str, damage: Callable[[Any], None], texts: tuple[str, ...]) -> None:
        """Check that a run with a damaged reference ends with an error that names it, and leaves nothing behind."""
        steps = self.override(kind, damage)
        before = self.files()
        with pytest.raises(InputError) as info:
            self.run(steps=steps)
        assert f"bad_{kind}.fits" in str(info.value)
        assert any(text in str(info.value) for text in texts)
        assert self.files() == before

    def skipped_without(self, kind: str, caplog: pytest.LogCaptureFixture) -> None:
        """Check that a run without a reference skips its steps, each with one warning."""
        result = self.run(steps=overrides(kind, "N/A"))
        for step in USERS[kind]:
            assert getattr(result.meta.cal_step, STATUS.get(step, step)) == "SKIPPED"
            text = f"Step {step} skipped: there is no {kind.upper()} reference for this exposure"
            assert skipped(caplog, step) == [text]

    def truncated(self, **parameters: Any) -> None:
        """Check that an exposure without its end is refused."""
        os.truncate(self.uncal, os.path.getsize(self.uncal) - 2880)
        self.refused(InputError, (self.uncal.name, "truncated", "download"), **parameters)

    def empty(self, axis: str, **parameters: Any) -> None:
        """Check that an exposure with an axis of length 0 is refused."""
        self.change(EMPTY[axis])
        self.refused(InputError, (self.uncal.name, "no samples", "its shape is ("), **parameters)

    def files(self) -> list[str]:
        """Everything below the folder and the current folder."""
        return sorted(str(path) for folder in (self.folder, Path.cwd()) for path in folder.rglob("*"))


def overrides(kind: str, value: Any, steps: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Parameters of the steps that use a reference of a type."""
    return {step: {f"override_{kind}": value} for step in steps or USERS[kind]}


def settle(monkeypatch: pytest.MonkeyPatch, folder: Path, site: Site) -> Desk:
    """Go to an empty folder and let CRDS_PATH be the cache of a site."""
    for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT", "STPIPE_DISABLE_CRDS_STEPPARS", "STPIPE_OVERWRITE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CRDS_PATH", str(site.cache))
    data, work = folder / "data", folder / "work"
    data.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    return Desk(site, data)


def skipped(caplog: pytest.LogCaptureFixture, step: str) -> list[str]:
    """Warnings about a step that was skipped."""
    start = f"Step {step} skipped: "
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(start)]


def _each_array(change: Callable[[np.ndarray], np.ndarray], names: tuple[str, ...] = _ARRAYS) -> Callable[[Any], None]:
    def damage(hdus: Any) -> None:
        for hdu in hdus:
            if hdu.name in names and hdu.data is not None:
                hdu.data = np.ascontiguousarray(change(hdu.data))

    return damage


def _without(*names: str) -> Callable[[Any], None]:
    def damage(hdus: Any) -> None:
        for hdu in [hdu for hdu in hdus if hdu.name in names]:
            hdus.remove(hdu)

    return damage


def keywords(**values: object) -> Callable[[Any], None]:
    """Damage keywords of a reference."""
    return lambda hdus: hdus[0].header.update(values)


def _nan(array: np.ndarray) -> np.ndarray:
    return np.full(array.shape, np.nan, np.float32)


smaller = _each_array(lambda array: array[..., :20, :20])
another_axis = _each_array(lambda array: np.stack([array, array]))
all_nan = _each_array(_nan, ("SCI", "COEFFS"))
smaller_flags = _each_array(lambda array: array[..., :-2, :-2], ("DQ",))
no_array = _without("SCI", "COEFFS", "RSCD_GROUP_SKIP")


EMPTY = {
    "no groups": lambda data: data[:, :0],
    "no integrations": lambda data: data[:0],
    "no rows": lambda data: data[:, :, :0],
    "no columns": lambda data: data[..., :0],
}
"""Exposures of which an axis has length 0."""
