"""Tiny exposures on disk for tests of inventories and facts; tests get the maker by the fixture ``make_exposure``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["make_exposure"]

KEYWORDS = {
    "FILENAME": "a_uncal.fits",
    "TELESCOP": "JWST",
    "DATAMODL": "RampModel",
    "INSTRUME": "NIRCAM",
    "DETECTOR": "NRCA1",
    "FILTER": "F090W",
    "PUPIL": "CLEAR",
    "EXP_TYPE": "NRC_IMAGE",
    "SUBARRAY": "FULL",
    "NINTS": 1,
    "NGROUPS": 3,
    "CAL_VER": "1.2.3",
    "CRDS_CTX": "jwst_0001.pmap",
    "R_GAIN": "crds://jwst_nircam_gain_0001.fits",
    "S_DQINIT": "COMPLETE",
    "S_IPC": "SKIPPED",
}


@pytest.fixture
def make_exposure(workdir: Path) -> Callable[..., str]:
    """Writer of an exposure of 1 x 3 x 4 x 5 pixels below the current folder: ``make_exposure("a.fits", FILTER=…)``."""
    import numpy as np
    from astropy.io import fits

    def make(path: str = "a_uncal.fits", **keywords: Any) -> str:
        values = {key: value for key, value in {**KEYWORDS, **keywords}.items() if value is not None}
        science = fits.ImageHDU(np.zeros((1, 3, 4, 5), np.float32), name="SCI")
        science.header["XPOSURE"] = 31.5
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        hdus = fits.HDUList([fits.PrimaryHDU(header=fits.Header(values.items())), science])
        hdus.append(fits.ImageHDU(np.zeros((4, 5), np.int32), name="PIXELDQ"))
        hdus.writeto(path, overwrite=True)
        return path

    return make
