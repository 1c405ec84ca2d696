"""Mean offsets of IRS2 outputs. Source: spec refpix.md §E2."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE
from jwst.lib.irs2 import NORMAL, REFERENCE, SECTOR, SECTORS
from jwst.refpix.clipped_mean import clipped_means

__all__ = ["subtract_means"]

_BORDER = 4


@np.errstate(invalid="ignore")
def subtract_means(planes: np.ndarray, pixeldq: np.ndarray, *, odd_even: bool, limit: float) -> None:
    """Subtract from each sector the mean of its first and last four columns.

    Parameters
    ----------
    planes : (nplanes, 3200, 2048) ndarray of float32, DN
        Updated in place.
    pixeldq : (3200, 2048) ndarray of uint32
        Pixels with DO_NOT_USE are not used.
    odd_even : bool
        Separate means for even and odd lines; of four reference lines the first two are even, the others odd.
    limit : float
        Clipping limit of the means, in standard deviations.

    Notes
    -----
    A sector with no good pixel, in either parity, is left alone.
    """
    usable = (pixeldq & np.uint32(DO_NOT_USE)) == 0
    parity = _parity() if odd_even else np.zeros(SECTOR, int)
    for sector in range(SECTORS):
        lines = slice(SECTOR * sector, SECTOR * (sector + 1))
        edges = [_edge(usable[lines], side) for side in range(2)]
        sets = [np.flatnonzero(parity == value) for value in range(2 if odd_even else 1)]
        if not all(any(edge[chosen].any() for edge in edges) for chosen in sets):
            continue
        for plane in planes:
            offsets = np.empty((SECTOR, 1), np.float32)
            for chosen in sets:
                offsets[chosen] = _offset(
                    [_edge(plane[lines], side)[chosen] for side in range(2)], edges, chosen, limit
                )
            plane[lines] -= offsets


def _parity() -> np.ndarray:
    """0 or 1 for each line of a sector."""
    line = np.arange(SECTOR)
    place = line % (NORMAL + REFERENCE) - NORMAL // 2
    inside = (place >= 0) & (place < REFERENCE)
    return np.where(inside, place // 2, line % 2)


def _edge(lines: np.ndarray, side: int) -> np.ndarray:
    """The first or the last columns of some lines."""
    return lines[:, -_BORDER:] if side else lines[:, :_BORDER]


def _offset(values: list[np.ndarray], edges: list[np.ndarray], chosen: np.ndarray, limit: float) -> np.float32:
    """Mean of the clipped means of the two edges, where they have good pixels."""
    means = [
        clipped_means(part.reshape(1, -1), edge[chosen].reshape(1, -1), limit)[0]
        for part, edge in zip(values, edges)
        if edge[chosen].any()
    ]
    return np.float32(np.mean(means))
