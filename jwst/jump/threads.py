"""Share work on tiles among threads; numpy lets them run side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["share"]

_Tile = TypeVar("_Tile")
_Result = TypeVar("_Result")


def share(work: Callable[[list[_Tile]], list[_Result]], tiles: Sequence[_Tile], *, workers: int) -> list[_Result]:
    """Call ``work`` with some of the tiles in each thread.

    Parameters
    ----------
    work : callable
        Gives one result for each tile of a list. Needs memory of its own, and its own ``np.errstate``.
    tiles : sequence
    workers : int
        Largest number of threads.

    Returns
    -------
    list
        The results, in the order of the tiles.
    """
    count = max(min(workers, len(tiles)), 1)
    if count == 1:
        return work(list(tiles))
    with ThreadPoolExecutor(count) as pool:
        shares = list(pool.map(work, [list(tiles[k::count]) for k in range(count)]))
    return [shares[k % count][k // count] for k in range(len(tiles))]
