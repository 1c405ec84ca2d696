"""Order statistics of many short columns at once, by min/max networks over whole planes.

A column is one pixel and its members are the planes of a ``(n, npixels)`` block. A comparator of a sorting network is
then two vector instructions over a plane, which beats any sort of single columns as long as columns are short. Source:
Batcher's merge exchange, Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M; spec jump.md §12.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["NETWORK_LIMIT", "middle_ranks", "select_ranks", "selection_network", "sort_columns"]

NETWORK_LIMIT = 40
"""Longest column for which a network is faster than sorting every column (measured with AVX-512 sorts of numpy)."""

_BOTH, _LOW, _HIGH = 0, 1, 2


def middle_ranks(count: int) -> tuple[int, int]:
    """Give the ranks whose mean is the median of ``count`` sorted values; both are equal for an odd count.

    Examples
    --------
    >>> middle_ranks(9), middle_ranks(8)
    ((4, 4), (3, 4))
    """
    return (count - 1) // 2, count // 2


def _merge_exchange(size: int) -> list[tuple[int, int]]:
    """List the comparators (low, high) that sort ``size`` members."""
    comparators = []
    top = 1 << max((size - 1).bit_length() - 1, 0)
    step = top
    while step:
        q, residue, distance = top, 0, step
        while True:
            comparators += [(i, i + distance) for i in range(size - distance) if i & step == residue]
            if q == step:
                break
            distance, q, residue = q - step, q >> 1, step
        step >>= 1
    return comparators


@lru_cache(maxsize=256)
def selection_network(size: int, ranks: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Build the part of a sorting network that brings the wanted ranks to their places.

    Parameters
    ----------
    size : int
        Number of members in each column.
    ranks : tuple of int
        Wanted ranks, 0 for the smallest member.

    Returns
    -------
    tuple of (low, high, kind)
        Comparators in order. ``kind`` is 0 when both results are needed, 1 for the minimum alone (at ``low``), 2 for
        the maximum alone (at ``high``).
    """
    needed = set(ranks)
    kept = []
    for low, high in reversed(_merge_exchange(size)):
        if low in needed or high in needed:
            kind = _BOTH if low in needed and high in needed else _LOW if low in needed else _HIGH
            kept.append((low, high, kind))
            needed |= {low, high}
    return tuple(reversed(kept))


def select_ranks(block: NDArray[np.floating], ranks: tuple[int, ...]) -> list[NDArray[np.floating]]:
    """Find order statistics of every column.

    Parameters
    ----------
    block : (n, npixels) ndarray of floats
        One column for each pixel. Its contents are destroyed.
    ranks : tuple of int
        Wanted ranks, 0 for the smallest.

    Returns
    -------
    list of (npixels,) ndarray
        One plane for each rank; may be rows of ``block``. The planes of different ranks do not overlap.

    Notes
    -----
    A column with a NaN gives NaN in its largest rank, and undefined values or NaN in the others.
    """
    size = block.shape[0]
    if size > NETWORK_LIMIT:
        columns = np.ascontiguousarray(block.T)
        columns.sort(axis=1)
        return [np.ascontiguousarray(columns[:, rank]) for rank in ranks]
    planes = _run_network(list(block), selection_network(size, ranks))
    return [planes[rank] for rank in ranks]


def sort_columns(block: NDArray[np.floating]) -> NDArray[np.floating]:
    """Sort every column of a ``(n, npixels)`` block, smallest first; the contents of ``block`` are destroyed.

    Notes
    -----
    Members must not be NaN: put ``inf`` in the place of missing ones, and they end up last.
    """
    size = block.shape[0]
    if size > NETWORK_LIMIT:
        columns = np.ascontiguousarray(block.T)
        columns.sort(axis=1)
        return columns.T
    planes = _run_network(list(block), selection_network(size, tuple(range(size))))
    return np.stack(planes)


def _run_network(
    planes: list[NDArray[np.floating]], network: tuple[tuple[int, int, int], ...]
) -> list[NDArray[np.floating]]:
    spare = np.empty_like(planes[0])
    for low, high, kind in network:
        first, second = planes[low], planes[high]
        if kind == _BOTH:
            np.minimum(first, second, out=spare)
            np.maximum(first, second, out=second)
            planes[low], spare = spare, first
        elif kind == _LOW:
            np.minimum(first, second, out=first)
        else:
            np.maximum(first, second, out=second)
    return planes
