"""Exposures that differ, and what is in their products, for tests of runs in several places."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from astropy.io import fits

__all__ = ["contents", "different_copies"]


def different_copies(uncal: str | Path, folder: Path, number: int) -> list[str]:
    """Copy an exposure some times, each with other counts; return the paths."""
    paths = []
    for place in range(number):
        path = folder / f"jw0001700100{place}_01101_00001_nrcb1_uncal.fits"
        shutil.copy(uncal, path)
        with fits.open(path, mode="update") as file:
            file["SCI"].data += np.uint16(7 * place)
        paths.append(str(path))
    return paths


def contents(folder: str) -> dict[str, dict[str, bytes]]:
    """Return the arrays of every product, and what its header says of references and steps."""
    found = {}
    for path in sorted(Path(folder).glob("*.fits")):
        with fits.open(path) as file:
            arrays = {hdu.name: hdu.data.tobytes() for hdu in file if hdu.data is not None and hdu.name != "ASDF"}
            cards = {key: value for key, value in file[0].header.items() if key.startswith(("R_", "S_"))}
        found[path.name] = {**arrays, "cards": repr(cards).encode()}
    return found
