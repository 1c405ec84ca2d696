"""Print how far the products of a simulated field are from the truth.

``python tests/benchmarks/imaging_truth.py FOLDER [PRODUCTS]``: FOLDER is one that `jwst.simulation.simulate_field`
wrote, PRODUCTS where ``_cal``, ``_crf``, ``_i2d`` and ``_cat`` are, if not there too. ``--make NAME`` writes the field
NAME of `FIELDS` to FOLDER first, with its cache, and ``--run`` runs Image2Pipeline and Image3Pipeline on it.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from jwst.simulation.field import SimulatedField, field_cache, simulate_field
from jwst.simulation.field_report import compare_field
from jwst.simulation.field_settings import FieldSettings
from jwst.simulation.sky_field import SkyField

__all__ = ["FIELDS", "main"]

_OF_MIRI = SkyField(
    separation=2.0,
    stars=80,
    star_magnitudes=(18.5, 23.5),
    galaxy_magnitudes=(18.5, 23.0),
    radii=(0.2, 1.0),
)
FIELDS = {
    "nircam": FieldSettings(),
    "pair": FieldSettings(detectors=("NRCA1", "NRCA2"), exposures=3, seed=24),
    "miri": FieldSettings(
        detectors=("MIRIMAGE",),
        ngroups=40,
        dither=3.0,
        sky=_OF_MIRI,
    ),
    "niriss": FieldSettings(detectors=("NIS",), dither=2.0, sky=SkyField(separation=1.2, stars=200)),
    "nircam_full": FieldSettings(window=None, dither=8.0, sky=SkyField(stars=1200, galaxies=400)),
    "pair_full": FieldSettings(
        detectors=("NRCA1", "NRCA2"), window=None, exposures=3, dither=8.0, sky=SkyField(stars=1200, galaxies=400)
    ),
    "miri_full": FieldSettings(
        detectors=("MIRIMAGE",),
        window=None,
        ngroups=40,
        dither=6.0,
        sky=replace(_OF_MIRI, stars=600, galaxies=200),
    ),
}
"""Fields to try pipelines with: windows of 256 pixels, and full frames."""


def _run(folder: Path) -> None:
    from jwst.pipeline import Image2Pipeline, Image3Pipeline

    for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT"):
        os.environ.pop(name, None)
    os.environ["CRDS_PATH"] = str(folder / "crds_cache")
    level2, level3 = SimulatedField.load(folder).associations
    Image2Pipeline.call(str(level2), output_dir=str(folder), save_results=True)
    Image3Pipeline.call(str(level3), output_dir=str(folder), save_results=True)


def main(arguments: list[str] | None = None) -> int:
    """Make, run, compare, as the arguments say.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if everything is within its limits, or a field was made and nothing more asked for; else 2.
    """
    parser = argparse.ArgumentParser(description="Compare the products of a simulated field with the truth.")
    parser.add_argument("folder", type=Path, help="the field")
    parser.add_argument("products", type=Path, nargs="?", help="where the products are (default: with the field)")
    parser.add_argument("--make", choices=FIELDS, metavar="NAME", help=f"make a field: {', '.join(FIELDS)}")
    parser.add_argument("--run", action="store_true", help="run Image2Pipeline and Image3Pipeline")
    given = parser.parse_args(arguments)
    folder = given.folder.absolute()
    if given.make:
        simulate_field(FIELDS[given.make], folder)
        field_cache(folder / "crds_cache", FIELDS[given.make])
    if given.run:
        _run(folder)
    elif given.make:
        return 0
    summary = compare_field(folder, folder=given.products)
    print(summary)
    return 0 if summary.good else 2


if __name__ == "__main__":
    sys.exit(main())
