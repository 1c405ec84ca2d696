"""Write named exposures of every instrument, and an offline CRDS cache for all of them.

``python tests/benchmarks/mode_exposures.py FOLDER [NAME ...]`` writes each exposure into ``FOLDER/NAME``
(level-1b file and truth) and the cache into ``FOLDER/crds``; without names, all of them. The same names always give the
same pixels. The cache serves exactly the exposures that it was written with. It leaves out the trap model of
persistence, which the released pipeline 3.0.0 does not know.
"""

from __future__ import annotations

import pathlib
import sys
import time
from datetime import datetime, timedelta

from jwst.simulation import ExposureSettings, LightCurve, NoiseSettings, Scene, cache_for, simulate

__all__ = ["MODES", "TINY", "make_mode_set", "mode_files"]

_MIRI_SKY = Scene(sky=60.0, stars=600, galaxies=100, star_flux=(100.0, 3e4))
_MIRI_SLICES = Scene(sky=15.0, stars=0, galaxies=0, traces=24, trace_flux=(20.0, 400.0), dispersion="y", curvature=30.0)
_MIRI_STAR = Scene(sky=80.0, stars=20000, galaxies=0, star_flux=(300.0, 1e5))
_SLITS = Scene(sky=4.0, stars=0, galaxies=0, traces=64, trace_flux=(5.0, 60.0))
_FEW_SLITS = Scene(sky=0.0, stars=0, galaxies=0, traces=12, trace_flux=(5.0, 60.0))
_SOSS = Scene(sky=6.0, stars=0, galaxies=0, traces=24, trace_flux=(200.0, 2000.0), curvature=25.0)
_STARS = Scene(sky=4.0, stars=3000, galaxies=200, star_flux=(30.0, 3e4))
_INTERFEROMETRY = Scene(sky=20.0, stars=20000, galaxies=0, star_flux=(300.0, 3e5))
_CROWDED = Scene(sky=5.0, stars=60000, star_flux=(3.0e3, 3.0e7))
_TRANSIT = LightCurve()
_START = datetime(2023, 6, 15, 12)


def _exposure(number: int, **values: object) -> ExposureSettings:
    """Settings with a file name, a seed and a start of their own."""
    start = _START + timedelta(hours=number)
    return ExposureSettings(root=f"jw00017002001_01101_{number:05d}", seed=100 + number, start=start, **values)


MODES = {
    "miri_full_1x20": _exposure(1, detector="MIRIMAGE", ngroups=20, scene=_MIRI_SKY),
    "miri_full_3x10": _exposure(2, detector="MIRIMAGE", ngroups=10, nints=3, scene=_MIRI_SKY),
    "miri_sub_tso_100x5": _exposure(
        3, detector="MIRIMAGE", subarray="SUB64", ngroups=5, nints=100, scene=_MIRI_STAR, light_curve=_TRANSIT
    ),
    "miri_slow_1x12": _exposure(4, detector="MIRIMAGE", readpatt="SLOWR1", ngroups=12, scene=_MIRI_SKY),
    "miri_mrs_full": _exposure(5, detector="MIRIFUSHORT", readpatt="FASTR1", ngroups=20, scene=_MIRI_SLICES),
    "miri_mrs_slow": _exposure(6, detector="MIRIFUSHORT", readpatt="SLOWR1", ngroups=12, scene=_MIRI_SLICES),
    "miri_sub256": _exposure(7, detector="MIRIMAGE", subarray="SUB256", ngroups=15, nints=4, scene=_MIRI_STAR),
    "nrs_full": _exposure(8, detector="NRS1", readpatt="NRSRAPID", ngroups=6, scene=_SLITS),
    "nrs_averaged": _exposure(9, detector="NRS2", readpatt="NRS", ngroups=5, scene=_SLITS),
    "nrs_sub": _exposure(10, detector="NRS1", subarray="SUB2048", ngroups=10, nints=8, scene=_SLITS),
    "nrs_irs2_full": _exposure(11, detector="NRS1", readpatt="NRSIRS2RAPID", ngroups=6, scene=_SLITS),
    "nrs_irs2_averaged": _exposure(12, detector="NRS2", readpatt="NRSIRS2", ngroups=6, scene=_SLITS),
    "nrs_picture_frame": _exposure(
        13, detector="NRS1", ngroups=6, scene=_FEW_SLITS, noise=NoiseSettings(picture_frame=3.0)
    ),
    "niriss_full": _exposure(14, detector="NIS", readpatt="NIS", ngroups=5, scene=_STARS),
    "niriss_soss_tso": _exposure(
        15, detector="NIS", subarray="SUBSTRIP256", ngroups=4, nints=40, segments=2, scene=_SOSS, light_curve=_TRANSIT
    ),
    "niriss_ami": _exposure(16, detector="NIS", subarray="SUB80", ngroups=6, nints=60, scene=_INTERFEROMETRY),
    "fgs_full": _exposure(17, detector="GUIDER1", readpatt="FGSRAPID", ngroups=6, scene=_STARS),
    "nircam_sub_tso": _exposure(
        18,
        detector="NRCB1",
        subarray="SUB64P",
        readpatt="RAPID",
        ngroups=5,
        nints=300,
        segments=3,
        scene=_CROWDED,
        light_curve=_TRANSIT,
    ),
    "nircam_noise": _exposure(
        19, subarray="SUB320", readpatt="BRIGHT2", ngroups=6, noise=NoiseSettings(one_over_f=8.0), keep_noise=True
    ),
    "niriss_superstripe": _exposure(
        20, detector="NIS", subarray="SUB204STRIPE_SOSS", ngroups=4, nints=20, scene=_SOSS, light_curve=_TRANSIT
    ),
    "nircam_stripes": _exposure(
        21, detector="NRCA3", subarray="SUB164STRIPE4_DHS", readpatt="RAPID", ngroups=5, nints=3, scene=_STARS
    ),
}
"""Settings by name."""

TINY = {
    "miri_tiny": _exposure(31, detector="MIRIMAGE", subarray="SUB64", ngroups=12, nints=3, scene=_MIRI_STAR),
    "nrs_tiny": _exposure(32, detector="NRS1", subarray="SUB32", ngroups=8, nints=3, scene=_SLITS),
    "nrs2_tiny": _exposure(33, detector="NRS2", subarray="SUB512S", ngroups=6, nints=2, scene=_SLITS),
    "niriss_ami_tiny": _exposure(34, detector="NIS", subarray="SUB64", ngroups=6, nints=3, scene=_INTERFEROMETRY),
    "fgs_tiny": _exposure(35, detector="GUIDER2", subarray="SUB128CNTR", ngroups=6, nints=2, scene=_STARS),
    "nircam_tso_tiny": _exposure(
        36,
        detector="NRCB1",
        subarray="SUB64P",
        readpatt="RAPID",
        ngroups=4,
        nints=12,
        segments=3,
        scene=_CROWDED,
        light_curve=_TRANSIT,
    ),
}
"""Settings of exposures of less than a megabyte, by name."""


def mode_files(folder: str | pathlib.Path, name: str) -> list[pathlib.Path]:
    """Return the level-1b files of an exposure of a set, one for each segment."""
    settings = (MODES | TINY)[name]
    place = pathlib.Path(folder).absolute() / name
    return [place / settings.segment_filename(number) for number in range(len(settings.segment_ranges))]


def make_mode_set(folder: str | pathlib.Path, names: tuple[str, ...] = ()) -> dict[str, list[pathlib.Path]]:
    """Write exposures and their cache.

    Parameters
    ----------
    folder : str or Path
        Exposures go to folders of their names, the cache to ``crds``. Exposures that are there already stay.
    names : tuple of str
        Those of `MODES` and `TINY` that are wanted; all if empty.

    Returns
    -------
    dict of str to list of Path
        Level-1b files by name.

    Raises
    ------
    KeyError
        No exposure has that name.
    """
    folder = pathlib.Path(folder).absolute()
    chosen = {name: (MODES | TINY)[name] for name in names or (*MODES, *TINY)}
    cache_for(folder / "crds", chosen.values(), traps=False, kernels=("MIRIMAGE",))
    for name, settings in chosen.items():
        if not all(path.exists() for path in mode_files(folder, name)):
            simulate(settings, folder / name)
    return {name: mode_files(folder, name) for name in chosen}


def main() -> int:
    """Write a set and say where its files are."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    start = time.perf_counter()
    for name, paths in make_mode_set(sys.argv[1], tuple(sys.argv[2:])).items():
        for path in paths:
            print(f"{name:20s} {path}  {path.stat().st_size / 1e6:.1f} MB")
    print(f"CRDS_PATH={pathlib.Path(sys.argv[1]).absolute() / 'crds'}  ({time.perf_counter() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
