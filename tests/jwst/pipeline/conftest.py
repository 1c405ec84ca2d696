"""A small simulated exposure and offline caches for it, made once per session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from astropy.io import fits

from jwst.simulation import ExposureSettings, NoiseSettings, Scene, cache_for, simulate
from tests.jwst.pipeline.imaging_fields import field, imaging_origin  # noqa: F401

_SETTINGS = {"CRDS_SERVER_URL", "CRDS_CONTEXT", "STPIPE_DISABLE_CRDS_STEPPARS", "STPIPE_OVERWRITE"}


@dataclass(frozen=True)
class Workplace:
    """Where a test runs: an empty current folder, one exposure beside it, and an offline cache.

    Attributes
    ----------
    folder : Path
        The current folder.
    uncal : str
        Level-1b exposure, in another folder.
    cache : Path
        Value of CRDS_PATH.
    """

    folder: Path
    uncal: str
    cache: Path

    def files(self) -> list[str]:
        """Everything below the current folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def reference(self, reftype: str) -> str:
        """Path of the reference of a type."""
        return str(self.cache / "references" / "jwst" / "nircam" / f"jwst_nircam_{reftype}_0001.fits")


@dataclass(frozen=True)
class Bench:
    """What a test may damage.

    Attributes
    ----------
    uncal : Path
        A private copy of the exposure, in a folder of its own.
    cache : Path
        A private copy of the cache, which CRDS_PATH is.
    env : pytest.MonkeyPatch
        To change the environment.
    """

    uncal: Path
    cache: Path
    env: pytest.MonkeyPatch

    def reference(self, reftype: str, ending: str = "fits") -> Path:
        """Path of the reference of a type."""
        return self.cache / "references" / "jwst" / "nircam" / f"jwst_nircam_{reftype}_0001.{ending}"

    def new(self, name: str, content: bytes) -> Path:
        """Write a file beside the exposure."""
        path = self.uncal.with_name(name)
        path.write_bytes(content)
        return path

    def set_keywords(self, **keywords: object) -> None:
        """Change keywords of the exposure, or take them out (None); ``_`` stands for ``-``.

        The ASDF extension, which would still have them, goes too.
        """
        with fits.open(self.uncal) as file:
            hdus = fits.HDUList([hdu.copy() for hdu in file if hdu.name != "ASDF"])
        for name, value in keywords.items():
            keyword = name if name in hdus[0].header else name.replace("_", "-")
            if value is None:
                del hdus[0].header[keyword]
            else:
                hdus[0].header[keyword] = value
        hdus.writeto(self.uncal, overwrite=True)


@pytest.fixture(scope="session")
def settings() -> ExposureSettings:
    """Two integrations of six groups with stars that saturate and with many cosmic rays."""
    return ExposureSettings(
        detector="NRCB1",
        subarray="SUB64P",
        readpatt="RAPID",
        ngroups=6,
        nints=2,
        scene=Scene(stars=20000, star_flux=(1e4, 1e8)),
        noise=NoiseSettings(cosmic_rays=20000.0),
    )


@pytest.fixture(scope="session")
def exposure(tmp_path_factory: pytest.TempPathFactory, settings: ExposureSettings) -> Path:
    """Level-1b file, to be read only."""
    return simulate(settings, tmp_path_factory.mktemp("exposure")).path


@pytest.fixture(scope="session")
def plain_cache(tmp_path_factory: pytest.TempPathFactory, settings: ExposureSettings) -> Path:
    """Offline cache without the trap model, to be read only."""
    return cache_for(tmp_path_factory.mktemp("plain"), [settings], traps=False)


@pytest.fixture(scope="session")
def trap_cache(tmp_path_factory: pytest.TempPathFactory, settings: ExposureSettings) -> Path:
    """Offline cache that switches the trap model on, to be read only."""
    return cache_for(tmp_path_factory.mktemp("traps"), [settings], traps=True)


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exposure: Path):
    """Go to an empty folder and let CRDS_PATH be a cache; give the workplace."""

    def go(cache: Path) -> Workplace:
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("CRDS_PATH", str(cache))
        for name in _SETTINGS:
            monkeypatch.delenv(name, raising=False)
        return Workplace(folder, str(exposure), cache)

    return go


@pytest.fixture
def place(enter, plain_cache: Path) -> Iterator[Workplace]:
    """A workplace with the plain cache; the folder of the exposure stays as it is."""
    workplace = enter(plain_cache)
    before = sorted(os.listdir(Path(workplace.uncal).parent))
    yield workplace
    assert sorted(os.listdir(Path(workplace.uncal).parent)) == before


@pytest.fixture
def trap_place(enter, trap_cache: Path) -> Workplace:
    """A workplace with the cache of the trap model."""
    return enter(trap_cache)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enter, exposure: Path, plain_cache: Path) -> Bench:
    """Private copies of the exposure and of the plain cache; the current folder is empty."""
    cache, data = tmp_path / "cache", tmp_path / "data"
    shutil.copytree(plain_cache, cache)
    enter(cache)
    data.mkdir()
    return Bench(Path(shutil.copy(exposure, data)), cache, monkeypatch)
