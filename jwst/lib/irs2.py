"""Layout of NIRSpec IRS2 frames. Source: spec common_detector.md §6.

A frame has 3200 lines of 2048 pixels; lines are rows in science orientation. In readout order the first sector of 640
lines is the reference output, four sectors of the detector follow. In each sector four lines of reference pixels stand
between sixteen normal ones, eight of these at each end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jwst.lib.orientation import FULL_SIZE
from stpipe.exceptions import InputError

__all__ = ["LINES", "NORMAL", "REFERENCE", "SECTOR", "SECTORS", "is_irs2", "normal_rows", "reference_lines"]

NORMAL, REFERENCE = 16, 4
SECTOR, SECTORS = 640, 5
LINES = SECTOR * SECTORS
_BACKWARDS = {"NRS1": False, "NRS2": True}


def is_irs2(shape: tuple[int, ...]) -> bool:
    """Whether an array is an IRS2 frame, by its shape (..., ny, nx)."""
    return max(shape[-2:]) > FULL_SIZE


def reference_lines() -> np.ndarray:
    """Tell which lines of a sector are reference pixels.

    Returns
    -------
    (640,) ndarray of bool
        The same forwards and backwards.
    """
    place = np.arange(SECTOR) % (NORMAL + REFERENCE)
    return (place >= NORMAL // 2) & (place < NORMAL // 2 + REFERENCE)


def normal_rows(model: Any) -> np.ndarray:
    """Find the rows of an IRS2 frame that hold the pixels of the detector.

    Parameters
    ----------
    model : data model
        The exposure; its detector is asked for, and the layout is checked.

    Returns
    -------
    (2048,) ndarray of int
        Rising row numbers in science orientation.

    Raises
    ------
    InputError
        The array or the keywords are not those of an IRS2 readout.
    """
    check_layout(model)
    normal = np.tile(~reference_lines(), SECTORS)
    normal[:SECTOR] = False
    return np.flatnonzero(normal[::-1] if backwards(model) else normal)


def backwards(model: Any) -> bool:
    """Whether the lines are read against the rows of science orientation (NRS2)."""
    return _BACKWARDS[model.meta.instrument.detector]


def check_layout(model: Any) -> None:
    """Refuse what cannot be an IRS2 readout; see `normal_rows`."""
    meta, shape = model.meta, tuple(model.data.shape[-2:])
    if shape != (LINES, FULL_SIZE):
        raise InputError(f"An IRS2 frame of NIRSpec has {LINES} x {FULL_SIZE} pixels; this exposure has {shape}")
    if meta.instrument.detector not in _BACKWARDS:
        raise InputError(
            f"Only NRS1 and NRS2 have IRS2 readouts; DETECTOR is {meta.instrument.detector!r} for this exposure of "
            f"{shape[0]} x {shape[1]} pixels"
        )
    for keyword, value, expected in (
        ("NRS_NORM", meta.exposure.nrs_normal, NORMAL),
        ("NRS_REF", meta.exposure.nrs_reference, REFERENCE),
    ):
        if value is not None and value != expected:
            raise InputError(
                f"{keyword} is {value}: IRS2 frames of {LINES} rows have NRS_NORM={NORMAL} and NRS_REF={REFERENCE}"
            )
