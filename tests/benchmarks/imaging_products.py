"""Compare what Image2Pipeline and Image3Pipeline make of simulated fields with what the released ones make.

``python tests/benchmarks/imaging_products.py FOLDER [FIELD ...]``: fields are those of `imaging_truth.FIELDS`; they are
written to FOLDER/FIELD with their cache and kept. Both Image2Pipelines reduce the rates, both Image3Pipelines combine
OUR calibrated images (the same input), every step saves its product, and whole products are compared: arrays, flags,
headers, metadata, coordinates on a grid of pixels, columns of catalogues.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from astropy.table import Table
from compare_products import compare_files
from imaging_truth import FIELDS
from peer import available, reduce_here, reduce_with_peer

from jwst.simulation import SimulatedField, field_cache, simulate_field

__all__ = ["compare_catalogues", "compare_coordinates", "main"]

COLUMN_TOLERANCE = 1e-4
NUMBER = 1e-6
"""Relative difference of a number of the metadata that counts as rounding."""
REGION = 1e-5
"""Distance of corners of a region, deg, that counts as the same corner: less than a pixel of NIRCam. Near corners are
merged, and which of them stays depends on where the list begins (spec resample.md §7)."""
LINES = 12
STEPS3 = ("tweakreg", "skymatch")


def field_at(folder: Path, name: str) -> tuple[SimulatedField, str]:
    """A field and its cache; made if they are not there."""
    cache = folder / "crds_cache"
    if not cache.exists():
        field_cache(cache, FIELDS[name])
    try:
        return SimulatedField.load(folder), str(cache)
    except FileNotFoundError:
        return simulate_field(FIELDS[name], folder), str(cache)


def compare_coordinates(ours: Path, theirs: Path) -> str:
    """Largest difference of the world coordinates of two products on a grid of pixels, in pixels of theirs."""
    from stdatamodels.jwst import datamodels

    with datamodels.open(ours) as left, datamodels.open(theirs) as right:
        if left.meta.wcs is None or right.meta.wcs is None:
            return ""
        ny, nx = right.data.shape[-2:]
        x, y = np.meshgrid(np.linspace(0, nx - 1, 21), np.linspace(0, ny - 1, 21))
        here = left.meta.wcs(x, y, with_bounding_box=False)
        back = right.meta.wcs.invert(*here, with_bounding_box=False)
        return f"{max(np.nanmax(np.abs(back[0] - x)), np.nanmax(np.abs(back[1] - y))):.1e}"


def compare_catalogues(ours: Path, theirs: Path) -> list[str]:
    """Say which columns of two catalogues differ."""
    left, right = Table.read(ours), Table.read(theirs)
    if left.colnames != right.colnames:
        return [f"columns {left.colnames} against {right.colnames}"]
    if len(left) != len(right):
        return [f"{len(left)} sources against {len(right)}"]
    found = []
    for name in left.colnames:
        for part, a, b in _numbers(left[name], right[name]):
            scale = np.maximum(np.abs(b), 1e-12 if part != name else np.nanmedian(np.abs(b)) * 1e-6 + 1e-300)
            wrong = ~(np.abs(a - b) <= COLUMN_TOLERANCE * scale) & ~(np.isnan(a) & np.isnan(b))
            if wrong.any():
                found.append(f"{part}: {np.count_nonzero(wrong)} of {len(wrong)} rows differ")
    return found


def _numbers(one: object, other: object) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name and values of a column; of sky positions each coordinate."""
    name = one.info.name
    if hasattr(one, "ra"):
        return [(f"{name}.{axis}", getattr(one, axis).deg, getattr(other, axis).deg) for axis in ("ra", "dec")]
    values = [np.ma.filled(np.ma.asarray(getattr(column, "value", column)), np.nan) for column in (one, other)]
    return [(name, *(np.asarray(value, float) for value in values))]


def matters(line: str) -> bool:
    """Whether a difference is more than a date, a version, rounding, or where the list of a region's corners begins."""
    what, _, values = line.partition(": ")
    if re.search(r"HDRTAB\.(DATE|CAL_VER|CRDS_VER|CRDS_CTX)$", what):
        return False
    ours, _, theirs = values.partition(" against ")
    if ours.startswith("'POLYGON"):
        here, there = (np.array(re.findall(r"-?[0-9.]{3,}", text), float).reshape(-1, 2) for text in (ours, theirs))
        far = here.shape != there.shape or any(np.abs(there - corner).max(axis=1).min() > REGION for corner in here)
        return bool(far)
    try:
        return abs(float(ours) - float(theirs)) > NUMBER * abs(float(theirs))
    except ValueError:
        return True


def compare_sides(folders: list[Path], title: str) -> int:
    """Print what differs between the products of two folders; return how many products do."""
    names = [{path.name for path in folder.iterdir() if path.suffix in (".fits", ".ecsv")} for folder in folders]
    for name in sorted(names[0] ^ names[1]):
        print(f"| {title} | {name} | only in {'ours' if name in names[0] else 'theirs'} | |", flush=True)
    different = len(names[0] ^ names[1])
    for name in sorted(names[0] & names[1]):
        paths = [folder / name for folder in folders]
        image = name.endswith(".fits")
        lines = compare_files(*paths) if image else compare_catalogues(*paths)
        lines = [line for line in lines if matters(line)]
        grid = compare_coordinates(*paths) if image and not name.endswith("_segm.fits") else ""
        text = "; ".join(lines[:LINES]) + (f"; and {len(lines) - LINES} more" if len(lines) > LINES else "")
        print(f"| {title} | {re.sub(r'^jw[0-9]+[-_]', '', name)} | {text or 'equal'} | {grid} |", flush=True)
        different += bool(lines)
    return different


def both(pipeline: str, given: Path, out: Path, cache: str, **keywords: object) -> list[Path]:
    """Run both pipelines; return the folders of their products, ours first."""
    folders = []
    for name, reduce in (("ours", reduce_here), ("theirs", reduce_with_peer)):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*"):
            old.unlink()
        cost = reduce(pipeline, str(given), str(folder), cache=cache, **keywords)
        print(f"{pipeline} {name}: {cost.call:.2f} s, {cost.memory:.0f} MiB", file=sys.stderr)
        folders.append(folder)
    return folders


def main() -> int:
    """Make, reduce, compare; 0 if nothing differs."""
    folder, *names = sys.argv[1:]
    if not available():
        print("the released pipeline is not here", file=sys.stderr)
        return 1
    different = 0
    print("| field | product | what differs | coordinates, pixels |\n|---|---|---|---|", flush=True)
    for name in names or ["nircam", "pair", "miri", "niriss"]:
        home = Path(folder).resolve() / name
        home.mkdir(parents=True, exist_ok=True)
        field, cache = field_at(home, name)
        level2, level3 = field.associations
        sides = both("Image2Pipeline", level2, home / "image2", cache)
        different += compare_sides(sides, f"{name}, Image2")
        given = sides[0] / level3.name
        given.write_text(level3.read_text())
        steps = {step: {"save_results": True} for step in STEPS3}
        sides = both("Image3Pipeline", given, home / "image3", cache, steps=steps)
        different += compare_sides(sides, f"{name}, Image3")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
