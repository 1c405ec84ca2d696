"""Is a segment of an exposure described well enough? Source: spec pipeline_detector1.md; keywords of level 1b."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["check_segment"]

log = logging.getLogger(__name__)


def check_segment(ramp: Any) -> None:
    """Refuse a segment of which it is not known which integrations it holds; warn of times that are missing.

    Parameters
    ----------
    ramp : RampModel
        Not changed.

    Raises
    ------
    InputError
        INTSTART and INTEND are impossible, or INTSTART is missing for a segment that is not the first one.

    Notes
    -----
    References that differ from integration to integration (reset, rscd, dark of MIRI) are chosen by INTSTART. The
    table INT_TIMES is handed on to the products; no step before the rates needs it, but ``persistence``.
    """
    exposure = ramp.meta.exposure
    number, total = (getattr(exposure, name, None) for name in ("segment_number", "segment_total"))
    first, last = exposure.integration_start, exposure.integration_end
    if first is None and number is not None and number > 1:
        raise InputError(
            f"The exposure is segment {number} (EXSEGNUM) but has no INTSTART: set it to the number of its first "
            "integration, counted from 1"
        )
    if (first is not None and first < 1) or (last is not None and last < (first or 1)):
        raise InputError(
            f"INTSTART is {first} and INTEND is {last}: they are the numbers of the first and of the last integration "
            "of this file in the exposure, counted from 1; correct them"
        )
    if number is not None and not 1 <= number <= (total or number):
        log.warning("EXSEGNUM is %s and EXSEGTOT is %s; both are only handed on", number, total)
    _warn_of_missing_times(ramp, int(first or 1))


def _warn_of_missing_times(ramp: Any, first: int) -> None:
    """Warn if INT_TIMES does not cover all integrations, or is missing for a time series."""
    table: Any = getattr(ramp, "int_times", None)
    last = first + ramp.data.shape[0] - 1
    if table is None or len(table) == 0:
        if getattr(ramp.meta.visit, "tsovisit", None):
            log.warning("The time series has no table INT_TIMES; its products will not know when its integrations were")
        return
    found = np.unique(table["integration_number"])
    missing = np.setdiff1d(np.arange(first, last + 1), found)
    if missing.size:
        log.warning(
            "INT_TIMES has no row for %d of the integrations %d to %d; it is handed on as it is",
            missing.size,
            first,
            last,
        )
