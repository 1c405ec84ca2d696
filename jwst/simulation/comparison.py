"""A set of exposures, small to full, to compare pipelines and to measure their speed with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jwst.simulation.crds_cache import cache_for
from jwst.simulation.exposure import SimulatedExposure, simulate
from jwst.simulation.scene import Scene
from jwst.simulation.settings import ExposureSettings

__all__ = ["COMPARISON", "ComparisonSet", "comparison_set"]

_BRIGHT = Scene(sky=30.0, stars=3000, star_flux=(300.0, 3.0e6), slope=0.5)
_CROWDED = Scene(sky=5.0, stars=60000, star_flux=(3.0e3, 3.0e7))


def _root(number: int) -> str:
    return f"jw00017001001_01101_{number:05d}"


COMPARISON = {
    "full_1x10": ExposureSettings(root=_root(1)),
    "full_1x5": ExposureSettings(root=_root(2), ngroups=5, seed=18),
    "full_2x5": ExposureSettings(root=_root(3), ngroups=5, nints=2, seed=19),
    "sub160_100x10": ExposureSettings(
        root=_root(4), subarray="SUB160", readpatt="RAPID", nints=100, scene=_CROWDED, seed=20
    ),
    "sub64p_20x10": ExposureSettings(
        root=_root(5), detector="NRCB1", subarray="SUB64P", readpatt="RAPID", nints=20, scene=_CROWDED, seed=21
    ),
    "bright_1x10": ExposureSettings(root=_root(6), scene=_BRIGHT, seed=22),
    "subgrism64_4x8": ExposureSettings(
        root=_root(7), subarray="SUBGRISM64", readpatt="BRIGHT2", nints=4, ngroups=8, seed=23
    ),
}
"""Settings of the set: full frames with 10 and 5 groups and with two integrations, two subarrays of many integrations
read by one output, a scene with many saturated pixels, and a stripe read by four outputs."""


@dataclass(frozen=True)
class ComparisonSet:
    """The set on disk.

    Parameters
    ----------
    crds_path : Path
        The cache for all of them, the value for CRDS_PATH; without the trap model, which 3.0.0 does not know.
    exposures : dict of str to SimulatedExposure
        By name.
    """

    crds_path: Path
    exposures: dict[str, SimulatedExposure]


def comparison_set(root: str | Path, *, names: tuple[str, ...] = tuple(COMPARISON)) -> ComparisonSet:
    """Write comparison exposures and their cache.

    Parameters
    ----------
    root : str or Path
        Folder; exposures go to folders of their names, the cache to ``crds``.
    names : tuple of str
        Those of `COMPARISON` that are wanted.

    Returns
    -------
    ComparisonSet
        About 1.5 GB for the whole set.

    Raises
    ------
    KeyError
        No exposure has that name.
    """
    root = Path(root).absolute()
    chosen = {name: COMPARISON[name] for name in names}
    crds_path = cache_for(root / "crds", chosen.values(), traps=False)
    return ComparisonSet(crds_path, {name: simulate(settings, root / name) for name, settings in chosen.items()})
