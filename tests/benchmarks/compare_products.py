"""Compare products of two pipelines: every array, every header card, the metadata of the ASDF extension.

``python compare_products.py OURS THEIRS`` compares the FITS files of the same names in two folders and prints what
differs.
"""

from __future__ import annotations

import pathlib
import re
import sys
from typing import Any

import numpy as np
from astropy.io import fits

__all__ = ["compare_files", "compare_folders"]

RTOL = 1e-5
VOLATILE = re.compile(r"^(DATE|CAL_VER|CAL_VCS|CRDS_VER|TELESCOP_VER|CHECKSUM|DATASUM)$")
ASDF_VOLATILE = re.compile(
    r"cal_logs|provenance|history|asdf_library|_fits_hash|meta\.date$|calibration_software|sw_version|extra_fits"
)


def compare_arrays(name: str, ours: np.ndarray, theirs: np.ndarray) -> list[str]:
    """Compare two arrays: flags exactly, values within `RTOL`."""
    if (
        ours.shape != theirs.shape
        or ours.dtype.kind != theirs.dtype.kind
        or ours.dtype.itemsize != theirs.dtype.itemsize
    ):
        return [f"{name}: {ours.dtype} {ours.shape} against {theirs.dtype} {theirs.shape}"]
    if ours.dtype.names:
        return [
            line for field in ours.dtype.names for line in compare_arrays(f"{name}.{field}", ours[field], theirs[field])
        ]
    if ours.dtype.kind != "f":
        wrong = int(np.count_nonzero(ours != theirs))
        return [f"{name}: {wrong} of {ours.size} values differ"] if wrong else []
    nan = np.isnan(ours) != np.isnan(theirs)
    with np.errstate(invalid="ignore"):
        difference = np.abs(ours.astype(np.float64) - theirs)
        relative = difference / np.maximum(np.abs(theirs), np.finfo(np.float32).tiny)
    wrong = (relative > RTOL) & (difference > 0)
    lines = []
    if nan.any():
        lines.append(f"{name}: {np.count_nonzero(nan)} of {ours.size} are NaN in only one")
    if wrong.any():
        lines.append(
            f"{name}: {np.count_nonzero(wrong)} of {ours.size} differ by more than {RTOL:g} relative; the largest by "
            f"{difference[wrong].max():.3g} (largest relative {relative[wrong].max():.3g})"
        )
    return lines


def compare_headers(name: str, ours: fits.Header, theirs: fits.Header) -> list[str]:
    """Compare the cards of two headers but for dates and versions."""
    lines = []
    for key in sorted({*ours, *theirs} - {"", "COMMENT", "HISTORY"}):
        if not VOLATILE.match(key) and ours.get(key) != theirs.get(key):
            lines.append(f"{name} {key}: {ours.get(key)!r} against {theirs.get(key)!r}")
    order = [[key for key in header if key] for header in (ours, theirs)]
    if not lines and order[0] != order[1]:
        lines.append(f"{name}: the cards are in another order")
    return lines


def flat_tree(node: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of an ASDF tree by dotted path."""
    if isinstance(node, dict):
        return {k: v for key, value in node.items() for k, v in flat_tree(value, f"{prefix}.{key}").items()}
    if isinstance(node, (list, tuple)):
        return {k: v for i, value in enumerate(node) for k, v in flat_tree(value, f"{prefix}[{i}]").items()}
    return {prefix.lstrip("."): node if isinstance(node, (str, int, float, bool, type(None))) else type(node).__name__}


def asdf_tree(path: pathlib.Path) -> dict[str, Any]:
    """Metadata of the ASDF extension of a product."""
    from stdatamodels import asdf_in_fits

    with asdf_in_fits.open(str(path)) as file:
        return flat_tree(dict(file.tree))


def compare_files(ours: pathlib.Path, theirs: pathlib.Path) -> list[str]:
    """Say what differs between two products."""
    lines = []
    with fits.open(ours) as left, fits.open(theirs) as right:
        names = [[(hdu.name, hdu.ver) for hdu in hdulist] for hdulist in (left, right)]
        if names[0] != names[1]:
            lines.append(f"extensions {names[0]} against {names[1]}")
        for name, ver in (key for key in names[0] if key in names[1] and key[0] != "ASDF"):
            a, b = left[name, ver], right[name, ver]
            lines += compare_headers(name, a.header, b.header)
            if a.data is not None and b.data is not None:
                lines += compare_arrays(name, np.asarray(a.data), np.asarray(b.data))
    trees = asdf_tree(ours), asdf_tree(theirs)
    for key in sorted({*trees[0], *trees[1]}):
        if not ASDF_VOLATILE.search(key) and trees[0].get(key) != trees[1].get(key):
            lines.append(f"ASDF {key}: {trees[0].get(key)!r} against {trees[1].get(key)!r}")
    return lines


def compare_folders(ours: pathlib.Path, theirs: pathlib.Path) -> dict[str, list[str]]:
    """Compare the FITS files of two folders by name; an empty list means equal."""
    names = [{path.name for path in folder.glob("*.fits")} for folder in (ours, theirs)]
    result = {name: ["only in one of the two"] for name in sorted(names[0] ^ names[1])}
    result |= {name: compare_files(ours / name, theirs / name) for name in sorted(names[0] & names[1])}
    return result


def main() -> int:
    """Compare two folders; 0 if nothing differs."""
    result = compare_folders(*(pathlib.Path(name) for name in sys.argv[1:3]))
    for name, lines in result.items():
        print(f"{name}: {'equal' if not lines else ''}")
        for line in lines:
            print(f"    {line}")
    return int(any(result.values()))


if __name__ == "__main__":
    sys.exit(main())
