"""Time Image2Pipeline and Image3Pipeline beside the released pipeline, with peak memory.

``python tests/benchmarks/imaging_table.py FOLDER [REPEATS] [image2] [NUMBER ...]``: FOLDER gets twelve dithered NIRCam
full frames (rates), their cache and their calibrated images, and keeps them for the next time (about 3 GB). ``image2``
reduces one rate, a NUMBER combines as many exposures with ``in_memory`` True and False; by default image2, 4 and 12.
Each line is a process of its own that makes REPEATS calls (2 by default) with ``save_results=True``; the quickest
counts. Run it when nothing else runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from peer import Cost, available, reduce_here, reduce_with_peer

from jwst.associations.asn_from_list import asn_from_list
from jwst.simulation import FieldSettings, SkyField, field_cache, simulate_field

__all__ = ["main"]

FIELD = FieldSettings(window=None, exposures=12, dither=8.0, sky=SkyField(stars=1200, galaxies=400))
TITLES = ("what", "ours", "released", "ratio", "memory, ours", "released")


def calibrated(folder: Path) -> tuple[list[Path], Path, str]:
    """Rates, folder of their calibrated images, and cache; made if they are not there."""
    field, cache = folder / "field", folder / "crds_cache"
    if not cache.exists():
        field_cache(cache, FIELD)
    rates = sorted(field.glob("*_rate.fits")) or list(simulate_field(FIELD, field).exposures)
    images = folder / "calibrated"
    images.mkdir(exist_ok=True)
    for rate in rates:
        if not (images / rate.name.replace("_rate", "_cal")).exists():
            reduce_here("Image2Pipeline", str(rate), str(images), cache=str(cache), steps={"resample": {"skip": True}})
    return rates, images, str(cache)


def association(images: Path, number: int) -> Path:
    """Write an association of the first exposures."""
    name = f"mosaic{number}"
    path = images / f"{name}_asn.json"
    members = sorted(one.name for one in images.glob("*_cal.fits"))[:number]
    path.write_text(asn_from_list(members, product_name=name).dump()[1])
    return path


def row(title: str, ours: Cost, theirs: Cost | None) -> None:
    """Print a line of the table."""
    cells = [title, f"{ours.call:.2f} s"]
    if theirs:
        cells += [f"{theirs.call:.2f} s", f"{theirs.call / ours.call:.1f}"]
        cells += [f"{ours.memory:.0f} MiB", f"{theirs.memory:.0f} MiB"]
    else:
        cells += ["", "", f"{ours.memory:.0f} MiB", ""]
    print(f"| {' | '.join(cells)} |", flush=True)


def compare(title: str, pipeline: str, given: Path, out: Path, cache: str, repeats: int, **keywords: object) -> None:
    """Run both pipelines and print the line."""
    sides = [
        side(pipeline, str(given), str(out / name), cache=cache, repeats=repeats, **keywords)
        for name, side in (("ours", reduce_here), ("released", reduce_with_peer))
        if name == "ours" or available()
    ]
    row(title, sides[0], sides[1] if len(sides) > 1 else None)


def main() -> int:
    """Measure and print."""
    folder, *rest = sys.argv[1:]
    repeats = int(rest.pop(0)) if rest and rest[0].isdigit() else 2
    home = Path(folder).resolve()
    home.mkdir(parents=True, exist_ok=True)
    rates, images, cache = calibrated(home)
    print(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}", flush=True)
    for what in rest or ["image2", "4", "12"]:
        if what == "image2":
            compare("Image2, 2048 x 2048", "Image2Pipeline", rates[0], home / "out", cache, repeats)
            steps = {"resample": {"skip": True}}
            compare("the same, resample skipped", "Image2Pipeline", rates[0], home / "out", cache, repeats, steps=steps)
            continue
        for in_memory in (True, False):
            title = f"Image3, {what} x 2048 x 2048, in_memory={in_memory}"
            given = association(images, int(what))
            compare(title, "Image3Pipeline", given, home / "out", cache, repeats, in_memory=in_memory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
