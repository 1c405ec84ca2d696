"""Exposures of mixed sizes for `batch_table.py`, and some that cannot be reduced."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from jwst.simulation import ExposureSettings, NoiseSettings, Scene, cache_for, simulate

__all__ = ["MIX", "BatchSet", "corrupt", "make_batch_set", "not_for_any_computer"]

_STARS = Scene(stars=20000, star_flux=(1e4, 1e8))
_HITS = NoiseSettings(cosmic_rays=20000.0)
SMALL = ExposureSettings(
    detector="NRCB1", subarray="SUB64P", readpatt="RAPID", ngroups=6, nints=40, scene=_STARS, noise=_HITS
)
MIDDLE = ExposureSettings(detector="NRCB1", subarray="SUB640", readpatt="RAPID", ngroups=8, nints=4)
FULL = ExposureSettings(detector="NRCB1", ngroups=10, nints=1)
LONG = ExposureSettings(detector="NRCB1", ngroups=10, nints=8)
MIX = {"small": 24, "middle": 12, "full": 4}


@dataclass(frozen=True)
class BatchSet:
    """What was made.

    Attributes
    ----------
    raw : Path
        Folder of the exposures.
    long : Path
        An exposure that takes much longer than the others.
    cache : Path
        Of references.
    """

    raw: Path
    long: Path
    cache: Path


def make_batch_set(folder: Path, mix: dict[str, int] | None = None) -> BatchSet:
    """Simulate one exposure of each size and give it many names (hard links); what is there already is kept.

    Parameters
    ----------
    folder : Path
        Where to.
    mix : dict of str to int, optional
        How many ``small``, ``middle`` and ``full`` ones; `MIX` by default.
    """
    mix = MIX if mix is None else mix
    raw, seeds = folder / "raw", folder / "seeds"
    every = {"small": SMALL, "middle": MIDDLE, "full": FULL, "long": LONG}
    settings = {name: one for name, one in every.items() if name in mix or (name == "long" and "full" in mix)}
    cache = folder / "crds"
    if not cache.exists():
        cache_for(cache, list(settings.values()), traps=False)
    paths = {name: seeds / f"{name}_uncal.fits" for name in settings}
    for name, path in paths.items():
        if not path.exists():
            made = simulate(settings[name], seeds / name).path
            shutil.move(made, path)
    raw.mkdir(parents=True, exist_ok=True)
    number = 0
    for name, count in mix.items():
        for _ in range(count):
            number += 1
            link = raw / f"jw00017001001_01101_{number:05d}_nrcb1_uncal.fits"
            if not link.exists():
                os.link(paths[name], link)
    return BatchSet(raw, paths.get("long", paths["small"]), cache)


def corrupt(source: Path, path: Path) -> None:
    """Write the first half of a file."""
    content = source.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def not_for_any_computer(source: Path, path: Path) -> None:
    """Write an exposure of 400 integrations of 100 groups of a full frame, whose pixels are a hole in the file."""
    with fits.open(source) as file:
        primary, science = file[0].header.copy(), file["SCI"].header.copy()
    science.update(NAXIS=4, NAXIS1=2048, NAXIS2=2048, NAXIS3=100, NAXIS4=400)
    heads = (primary.tostring(padding=True) + science.tostring(padding=True)).encode("ascii")
    path.write_bytes(heads)
    size = len(heads) + abs(science["BITPIX"]) // 8 * 2048 * 2048 * 100 * 400
    os.truncate(path, -(-size // 2880) * 2880)
