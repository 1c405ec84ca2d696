"""Find and replace bad reference pixels of IRS2 frames. Source: spec refpix.md §E1, §E3, §E6."""

from __future__ import annotations

import numpy as np

from jwst.lib.dqflags import BAD_REF_PIXEL, DO_NOT_USE
from jwst.lib.irs2 import LINES, NORMAL, REFERENCE, SECTOR, SECTORS, reference_lines

__all__ = ["BITS", "find_bad_lines", "flag_bad_lines", "replace_lines", "replace_listed_lines"]

BITS = SECTOR // (NORMAL + REFERENCE)
_ROUNDS = 5
_PERIOD = NORMAL + REFERENCE


def flag_bad_lines(pixeldq: np.ndarray, bad: np.ndarray) -> None:
    """Flag bad lines, all along.

    Parameters
    ----------
    pixeldq : (3200, 2048) ndarray of uint32
        Updated in place.
    bad : (3200,) ndarray of bool
    """
    pixeldq[bad] |= np.uint32(BAD_REF_PIXEL | DO_NOT_USE)


@np.errstate(invalid="ignore")
def find_bad_lines(data: np.ndarray, pixeldq: np.ndarray, factor: float) -> np.ndarray:
    """Find lines of reference pixels that stand out from those of their sector.

    Parameters
    ----------
    data : (nints, ngroups, 3200, 2048) ndarray of float32, DN
        In science orientation; not changed.
    pixeldq : (3200, 2048) ndarray of uint32
        A line is bad where BAD_REF_PIXEL is set anywhere in it.
    factor : float
        A pair of lines is bad where the difference between the two, their mean or their scatter exceeds the mean of all
        pairs by so many standard deviations, in any integration.

    Returns
    -------
    (3200,) ndarray of bool
    """
    known: np.ndarray = ((pixeldq & np.uint32(BAD_REF_PIXEL)) != 0).any(axis=1)
    first = np.flatnonzero(np.tile(reference_lines(), SECTORS))[::2].reshape(SECTORS, -1)
    bad = known.copy()
    for integration in data:
        figures = _pair_figures(integration, first.ravel()).reshape(3, *first.shape)
        for sector, pairs in enumerate(first):
            usable = ~(known[pairs] | known[pairs + 1])
            for values in figures[:, sector, usable]:
                found = pairs[usable][_outstanding(values, factor)]
                bad[found] = bad[found + 1] = True
    return bad


def _pair_figures(integration: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Mean absolute difference, mean and standard deviation of pairs of lines, (3, npairs) float64."""
    figures = np.empty((3, first.size))
    for number, line in enumerate(first):
        pair = integration[:, line : line + 2].astype(np.float64)
        figures[:, number] = np.abs(pair[:, 1] - pair[:, 0]).mean(), pair.mean(), pair.std()
    return figures


def _outstanding(values: np.ndarray, factor: float) -> np.ndarray:
    """Which values lie far above the others, whose mean and deviation come from repeated clipping at the median."""
    kept = values[np.isfinite(values)]
    for _ in range(_ROUNDS):
        if kept.size == 0:
            break
        inside = np.abs(kept - np.median(kept)) <= factor * kept.std()
        if inside.all():
            break
        kept = kept[inside]
    if kept.size == 0:
        return np.zeros(values.shape, bool)
    return values - kept.mean() > factor * kept.std()


def replace_lines(planes: np.ndarray, bad: np.ndarray, wanted: np.ndarray) -> None:
    """Replace bad lines by the mean of their good neighbours.

    Parameters
    ----------
    planes : (..., 3200, 2048) ndarray of float32, DN
        Updated in place.
    bad : (3200,) ndarray of bool
        Lines that nothing may be taken from.
    wanted : (nlines,) ndarray of int
        Bad lines to replace, rising.

    Notes
    -----
    The neighbours are the lines at the same place of the blocks before and after; failing these, the other pair of the
    same block; failing this, 0. None is taken from another sector.
    """
    reference = np.tile(reference_lines(), SECTORS)
    for line in wanted:
        sources = [near for near in (line - _PERIOD, line + _PERIOD) if _usable(near, line, bad)]
        if not sources:
            near = [near for near in (line - 2, line + 2) if _usable(near, line, bad) and reference[near]]
            sources = near[:1]
        target = planes[..., line, :]
        if not sources:
            target[...] = 0
        elif len(sources) == 1:
            target[...] = planes[..., sources[0], :]
        else:
            np.add(planes[..., sources[0], :], planes[..., sources[1], :], out=target)
            target *= np.float32(0.5)


def _usable(source: int, line: int, bad: np.ndarray) -> bool:
    """Whether a line exists in the sector of another one and is good."""
    return 0 <= source < LINES and source // SECTOR == line // SECTOR and not bad[source]


def replace_listed_lines(planes: np.ndarray, bad: np.ndarray, table: np.ndarray) -> None:
    """Replace reference lines that a reference file lists.

    Parameters
    ----------
    planes : (..., 3200, 2048) ndarray of float32, DN
        In readout order. Updated in place.
    bad : (3200,) ndarray of bool
        Lines replaced already, in readout order. Listed lines are added, in place.
    table : (nrows,) structured ndarray
        Columns output (1 to 4), odd_even (1 or 2) and mask, of which bit k stands for block k.
    """
    columns = {name.lower(): name for name in table.dtype.names or ()}
    for row in table:
        output, parity, mask = (int(row[columns[name]]) for name in ("output", "odd_even", "mask"))
        parity = 3 - parity if output % 2 == 0 else parity
        blocks = np.array([bit for bit in range(BITS) if mask >> bit & 1], int)
        first = output * SECTOR + NORMAL // 2 + blocks * _PERIOD + 2 * (parity - 1)
        lines = np.sort(np.concatenate([first, first + 1]))
        lines = lines[~bad[lines]]
        bad[lines] = True
        replace_lines(planes, bad, lines)
