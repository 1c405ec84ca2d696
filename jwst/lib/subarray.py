"""Where an exposure lies on the detector, and which part of a reference belongs to it.

Source: spec common_detector.md §5.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from stpipe.exceptions import InputError

__all__ = ["Subarray", "check_size", "matching_window", "reference_subarray", "science_subarray"]

log = logging.getLogger(__name__)

IRS2_ROWS = 3200


@dataclass(frozen=True)
class Subarray:
    """A rectangle on the detector.

    Parameters
    ----------
    xstart, ystart : int
        First column and row, counted from 1.
    xsize, ysize : int
        Columns and rows.
    """

    xstart: int
    ystart: int
    xsize: int
    ysize: int


def science_subarray(model: Any) -> Subarray:
    """Read the subarray of an exposure.

    Parameters
    ----------
    model : data model
        With ``meta.subarray``.

    Returns
    -------
    Subarray

    Raises
    ------
    InputError
        A value is missing, or the corner is less than 1.
    """
    meta = model.meta.subarray
    values = (meta.xstart, meta.ystart, meta.xsize, meta.ysize)
    if any(value is None for value in values):
        raise InputError(
            "Can't determine science file subarray properties: "
            "SUBSTRT1, SUBSTRT2, SUBSIZE1 and SUBSIZE2 must all be set in the exposure"
        )
    result = Subarray(*(int(value) for value in values))
    _check_corner(result, "science")
    return result


def reference_subarray(corner: tuple[int | None, ...], shape: tuple[int, ...], *, instrument: str) -> Subarray:
    """Work out the subarray of a reference.

    Parameters
    ----------
    corner : (xstart, ystart, xsize, ysize)
        From the keywords of the reference; None where one is missing.
    shape : tuple of int
        Shape of its primary array.
    instrument : str
        Instrument of the exposure; MIRI arrays are 1024 rows of 1032 columns.

    Returns
    -------
    Subarray
        Sizes as the array really has them; only IRS2 references (3200 rows) keep the 2048 of their keyword.

    Raises
    ------
    InputError
        A keyword is missing and the array is not full frame, or the corner is less than 1.
    """
    ny, nx = shape[-2:]
    if any(value is None for value in corner):
        if (ny, nx) != ((1024, 1032) if instrument == "MIRI" else (2048, 2048)):
            raise InputError(
                "Can't determine ref file subarray properties: SUBSTRT1, SUBSTRT2, SUBSIZE1 or SUBSIZE2 is missing "
                f"in the reference, and its {ny} x {nx} array is not a full frame"
            )
        log.warning("The reference has no subarray keywords; taken as a full frame")
        return Subarray(1, 1, nx, ny)
    xstart, ystart, xsize, ysize = (int(value) for value in corner if value is not None)
    result = Subarray(xstart, ystart, nx, 2048 if (ysize == 2048 and ny == IRS2_ROWS) else ny)
    _check_corner(result, "reference")
    if (xsize, ysize) != (result.xsize, result.ysize):
        log.warning(
            "The reference says %d x %d but its array is %d x %d; the array is used",
            xsize,
            ysize,
            result.xsize,
            result.ysize,
        )
    return result


def matching_window(science: Subarray, reference: Subarray, *, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Find the part of a reference that covers an exposure.

    Parameters
    ----------
    science, reference : Subarray
    shape : tuple of int
        Shape of the array of the exposure.

    Returns
    -------
    (slice of rows, slice of columns) or None
        None where the reference fits as it is.

    Raises
    ------
    InputError
        The exposure is not inside the reference, or has another size than its keywords say.
    """
    ny, nx = shape[-2:]
    actual = Subarray(science.xstart, science.ystart, nx, 2048 if (science.ysize == 2048 and ny == IRS2_ROWS) else ny)
    if actual == reference:
        return None
    check_size((science.xsize, science.ysize), (actual.ysize, actual.xsize))
    x0, y0 = science.xstart - reference.xstart, science.ystart - reference.ystart
    x1, y1 = x0 + science.xsize, y0 + science.ysize
    if x0 < 0 or y0 < 0 or x1 > reference.xsize or y1 > reference.ysize:
        raise InputError(
            f"Bad reference file slice indexes: rows {y0}:{y1} and columns {x0}:{x1} are wanted of a reference of "
            f"{reference.ysize} x {reference.xsize}"
        )
    return slice(y0, y1), slice(x0, x1)


def check_size(stated: tuple[int | None, int | None], shape: tuple[int, ...]) -> None:
    """Refuse an exposure whose array has another size than its keywords say; missing ones are let pass.

    Parameters
    ----------
    stated : (xsize, ysize)
        SUBSIZE1 and SUBSIZE2.
    shape : tuple of int
        Shape of the array.

    Raises
    ------
    InputError
        The sizes differ.
    """
    if None not in stated and stated != (shape[-1], shape[-2]):
        raise InputError(
            f"SUBSIZE1 and SUBSIZE2 of the exposure are {stated[0]} x {stated[1]} but its array has {shape[-1]} x "
            f"{shape[-2]} pixels; set them to the size of the array"
        )


def _check_corner(subarray: Subarray, what: str) -> None:
    """Refuse corners that are not on the detector."""
    if subarray.xstart < 1 or subarray.ystart < 1:
        raise InputError(f"Bad subarray corners in the {what} file: {subarray.xstart}, {subarray.ystart}")
