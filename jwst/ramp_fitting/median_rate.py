"""The median count rate of a ramp, from which its Poisson variance is estimated. Source: spec ramp_fit.md §4.10."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, SATURATED
from jwst.lib.selection import middle_ranks, select_ranks, sort_columns

__all__ = ["clean_medians", "flagged_medians"]


def clean_medians(data: np.ndarray, group_time: float, scratch: np.ndarray) -> np.ndarray:
    """Median of the differences of ramps without flags.

    Parameters
    ----------
    data : (ngroups, n) ndarray of float32, DN
    group_time : float
        Seconds.
    scratch : (ngroups - 1, n) ndarray of float32
        Overwritten.

    Returns
    -------
    (n,) ndarray of float64, DN/s
    """
    np.subtract(data[1:], data[:-1], out=scratch)
    low, high = middle_ranks(scratch.shape[0])
    ranks = select_ranks(scratch, (low,) if low == high else (low, high))
    median = ranks[0].astype(np.float64)
    if low != high:
        median += ranks[1]
        median *= 0.5
    median /= group_time
    return median


def flagged_medians(data: np.ndarray, groupdq: np.ndarray, group_time: float) -> np.ndarray:
    """Median of the differences of ramps between good groups.

    Parameters
    ----------
    data : (ngroups, n) ndarray of float64, DN
    groupdq : (ngroups, n) ndarray of uint8
        Groups that are DO_NOT_USE or SATURATED take no part; a difference that ends at a JUMP_DET group is left out.
    group_time : float
        Seconds.

    Returns
    -------
    (n,) ndarray of float64, DN/s
        Where there is no difference the first group over the group time, and 0 where that is not good either.
    """
    values = data / group_time
    values[(groupdq & np.uint8(DO_NOT_USE | SATURATED)) != 0] = np.nan
    steps = values[1:] - values[:-1]
    steps[(groupdq[1:] & np.uint8(JUMP_DET)) != 0] = np.nan
    invalid = np.isnan(steps)
    count = steps.shape[0] - invalid.sum(0)
    steps[invalid] = np.inf
    ordered = sort_columns(steps)
    columns = np.arange(ordered.shape[1])
    low = ordered[np.maximum((count - 1) // 2, 0), columns]
    high = ordered[np.minimum(count // 2, max(ordered.shape[0] - 1, 0)), columns]
    median = 0.5 * (low + high)
    none = count == 0
    median[none] = values[0, none]
    return np.nan_to_num(median, nan=0.0, posinf=np.inf, neginf=-np.inf, copy=False)
