"""Correct an exposure read out with IRS2. Source: spec refpix.md §E."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.irs2 import SECTORS, backwards, normal_rows
from jwst.refpix.irs2 import correct_irs2, irs2_filters
from jwst.refpix.irs2_bad import find_bad_lines, flag_bad_lines, replace_lines, replace_listed_lines
from jwst.refpix.irs2_mean import subtract_means
from jwst.refpix.irs2_transform import SERIES
from stpipe.exceptions import InputError

__all__ = ["Irs2Settings", "correct_irs2_exposure", "prepare_irs2_exposure"]

log = logging.getLogger(__name__)

_DQ_COLUMNS = {"output": range(SECTORS), "odd_even": range(1, 3), "mask": range(0)}
"""Columns of the DQ table and what they may hold: output 0 is the reference output; a mask may be anything."""
_COLUMNS = frozenset(f"{kind}_{output}" for kind in ("alpha", "beta") for output in range(4))


@dataclass(frozen=True)
class Irs2Settings:
    """How IRS2 exposures are treated.

    Parameters
    ----------
    factor : float
        Limit of the search for bad reference pixels, in standard deviations.
    preserve : bool
        Keep the reference pixels in the output.
    means : bool
        Subtract mean offsets first.
    odd_even : bool
        Separate mean offsets of even and odd lines.
    limit : float
        Clipping limit of the mean offsets, in standard deviations.
    """

    factor: float = 3.0
    preserve: bool = False
    means: bool = False
    odd_even: bool = True
    limit: float = 3.0


def prepare_irs2_exposure(ramp: Any, settings: Irs2Settings) -> np.ndarray:
    """Flag and replace bad reference pixels, and subtract mean offsets where that is wanted.

    Parameters
    ----------
    ramp : RampModel
        Changed in place.
    settings : Irs2Settings

    Returns
    -------
    (3200,) ndarray of bool
        Rows that were replaced.

    Raises
    ------
    InputError
        The array or the keywords are not those of an IRS2 readout.
    """
    normal_rows(ramp)
    data, pixeldq = ramp.data, ramp.pixeldq
    bad = find_bad_lines(data, pixeldq, settings.factor)
    flag_bad_lines(pixeldq, bad)
    log.info("%d rows of reference pixels are bad", np.count_nonzero(bad))
    if settings.means:
        planes = data.reshape(-1, *data.shape[-2:])
        subtract_means(planes, pixeldq, odd_even=settings.odd_even, limit=settings.limit)
    replace_lines(data, bad, np.flatnonzero(bad))
    return bad


def correct_irs2_exposure(ramp: Any, reference: Any, bad: np.ndarray, settings: Irs2Settings) -> None:
    """Remove correlated noise, and take the reference pixels out.

    Parameters
    ----------
    ramp : RampModel
        From `prepare_irs2_exposure`. Its arrays are replaced unless reference pixels are kept.
    reference : Reference
        Of type ``refpix``.
    bad : (3200,) ndarray of bool
        Rows that were replaced already.
    settings : Irs2Settings

    Raises
    ------
    InputError
        The reference is not one of IRS2: its table of coefficients is not as long as the series, lacks columns or is
        not finite, or its DQ table says nothing about these outputs.
    """
    table = _coefficients(reference)
    turned = backwards(ramp)
    step = -1 if turned else 1
    listed = _listed(reference)
    if listed is None:
        log.warning("%s has no DQ table: only reference pixels that stand out are replaced", reference.name)
    else:
        replace_listed_lines(ramp.data[..., ::step, ::step], bad[::step].copy(), listed)
    filters = irs2_filters(table, name=reference.name)
    del table
    corrected = correct_irs2(ramp.data, filters, backwards=turned, preserve=settings.preserve)
    if settings.preserve:
        return
    rows = normal_rows(ramp)
    groupdq, pixeldq = ramp.groupdq[:, :, rows], ramp.pixeldq[rows]
    ramp.data, ramp.groupdq, ramp.pixeldq = corrected, groupdq, pixeldq


def _coefficients(reference: Any) -> np.ndarray:
    """The table of coefficients, checked."""
    table = reference.table("irs2_table")
    if table is None:
        raise InputError(f"{reference.name} has no table of coefficients: it is no refpix reference for IRS2")
    missing = _COLUMNS - {name.lower() for name in table.dtype.names or ()}
    if missing:
        raise InputError(f"The IRS2 table of {reference.name} has no columns {', '.join(sorted(missing))}")
    if len(table) != 2 * SERIES:
        raise InputError(
            f"The IRS2 table of {reference.name} has {len(table)} rows; {2 * SERIES} are needed: use another refpix "
            "reference, or override_refpix='N/A' to keep the frames as they are"
        )
    return table


def _listed(reference: Any) -> np.ndarray | None:
    """The table of reference pixels not to use, checked; None if there is none."""
    table: np.ndarray | None = reference.table("dq_table")
    if table is None:
        return None
    columns = {name.lower(): name for name in table.dtype.names or ()}
    missing = _DQ_COLUMNS.keys() - columns.keys()
    if missing:
        raise InputError(f"The DQ table of {reference.name} has no columns {', '.join(sorted(missing))}")
    for name, allowed in _DQ_COLUMNS.items():
        other = sorted({int(value) for value in table[columns[name]]} - set(allowed)) if allowed else []
        if other:
            raise InputError(
                f"Column {name} of the DQ table of {reference.name} holds {other}; only {allowed.start} to "
                f"{allowed.stop - 1} mean anything: use another refpix reference"
            )
    return table
