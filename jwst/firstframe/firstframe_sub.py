"""Flag the first group of integrations. Source: spec firstframe.md."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, FLUX_ESTIMATED, SATURATED

__all__ = ["flag_first_group"]

_THIRD = 2


def flag_first_group(groupdq: np.ndarray, pixeldq: np.ndarray, *, keep_bright: bool = True) -> int:
    """Flag the first group of every integration as DO_NOT_USE, in place.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) ndarray of uint8
        At least three groups. Only the first is changed; flags that are there stay.
    pixeldq : (ny, nx) ndarray of uint32
        Updated in place: FLUX_ESTIMATED where a first group is kept.
    keep_bright : bool
        Keep the first group of a pixel in the integrations in which its third group is saturated: without it there
        would be at most one good group.

    Returns
    -------
    int
        Pixels that keep the first group in any integration.
    """
    if not keep_bright:
        groupdq[:, 0] |= np.uint8(DO_NOT_USE)
        return 0
    kept_somewhere = np.zeros(pixeldq.shape, bool)
    for integration in groupdq:
        kept = (integration[_THIRD] & np.uint8(SATURATED)) != 0
        kept_somewhere |= kept
        np.logical_not(kept, out=kept)
        integration[0] |= kept.view(np.uint8)
    pixels = np.flatnonzero(kept_somewhere)
    pixeldq.reshape(-1)[pixels] |= np.uint32(FLUX_ESTIMATED)
    return pixels.size
