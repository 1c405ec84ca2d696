"""Undo the on-board averaging divisor of grouped frames. Source: spec group_scale.md."""

from __future__ import annotations

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["group_scale_factor", "rescale_groups"]


def group_scale_factor(nframes: int | None, frame_divisor: int | None) -> float | None:
    """Work out the factor that the samples of an exposure need.

    The flight software divides the sum of the frames of a group by a power of two; where that is not the number of
    frames, all samples are too small (or too large) by the same factor.

    Parameters
    ----------
    nframes : int or None
        Frames averaged into a group (NFRAMES).
    frame_divisor : int or None
        The divisor that was used on board (FRMDIVSR).

    Returns
    -------
    float or None
        ``frame_divisor / nframes``; None where no correction is wanted or the metadata are missing.

    Raises
    ------
    InputError
        `nframes` is 0 while a divisor is given.
    """
    if nframes is None or frame_divisor is None or nframes == frame_divisor:
        return None
    if nframes == 0:
        raise InputError(f"NFRAMES is 0 while FRMDIVSR is {frame_divisor}: the header of the exposure is wrong")
    return float(frame_divisor) / nframes


def rescale_groups(data: np.ndarray, scale: float) -> None:
    """Multiply every sample by a factor.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of float32, DN
        Ramps. Updated in place; NaN stays NaN.
    scale : float
        From `group_scale_factor`.
    """
    np.multiply(data, np.float32(scale), out=data)
