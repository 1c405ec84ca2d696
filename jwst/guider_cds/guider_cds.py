"""Count rates of the fine guidance sensor from correlated double samples.

Source: spec guider_cds.md.
"""

from __future__ import annotations

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["group_differences", "guider_rates"]

FINE_GROUPS = 4


def group_differences(data: np.ndarray, exp_type: str) -> np.ndarray:
    """Counts between the first and the last sample of each integration.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Guider data. Not changed.
    exp_type : str
        EXP_TYPE: FGS_FINEGUIDE averages four groups at either end; FGS_ID-IMAGE and FGS_ID-STACK take the smaller one
        of two integrations, pixel by pixel; all others take the second group minus the first.

    Returns
    -------
    (nints or 1, ny, nx) ndarray of float32, DN

    Raises
    ------
    InputError
        The data are not four-dimensional, or have fewer integrations or groups than the mode needs.

    Notes
    -----
    Source: spec guider_cds.md, "Algorithm".
    """
    if data.ndim != 4:
        raise InputError(f"Guider data must have 4 dimensions (integration, group, row, column), not {data.ndim}")
    fine = exp_type == "FGS_FINEGUIDE"
    needed = FINE_GROUPS if fine else 2
    if data.shape[1] < needed:
        raise InputError(f"{exp_type} data need at least {needed} groups; these have {data.shape[1]}")
    if fine:
        first, last = (data[:, part].mean(axis=1) for part in (slice(FINE_GROUPS), slice(-FINE_GROUPS, None)))
        return last - first
    if not exp_type.startswith("FGS_ID"):
        return data[:, 1] - data[:, 0]
    if len(data) < 2:
        raise InputError(f"{exp_type} data need two integrations, to keep the smaller difference; these have one")
    pair = data[:2, 1] - data[:2, 0]
    return np.minimum(pair[0], pair[1])[None]


def guider_rates(
    differences: np.ndarray, group_time: float, *, gain: np.ndarray | float, readnoise: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Rates and their errors.

    Parameters
    ----------
    differences : (n, ny, nx) ndarray of float32, DN
        From `group_differences`.
    group_time : float
        Seconds.
    gain : (ny, nx) ndarray of float32 or float, e-/DN
    readnoise : (ny, nx) ndarray of float32 or float, DN
        Noise of a correlated double sample.

    Returns
    -------
    rate : (n, ny, nx) ndarray of float32, DN/s
    err : (n, ny, nx) ndarray of float32, DN/s
        Infinite where the gain is 0.

    Notes
    -----
    The Poisson part is difference / (gain group_time), as in the released pipeline, and 0 where that is negative.
    Source: spec guider_cds.md, "Algorithm".
    """
    time = np.float32(group_time)
    noise = np.asarray(readnoise, np.float32) / time
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        err = differences / (np.asarray(gain, np.float32) * time)
        np.copyto(err, 0, where=err < 0)
        err += 2 * noise * noise
        np.sqrt(err, out=err)
    return differences / time, err
