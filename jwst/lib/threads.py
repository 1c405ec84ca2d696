"""Share work among a few threads: numpy lets them run side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import process
from typing import TypeVar

__all__ = ["in_threads", "threads_allowed"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_MOST = 2
"""Threads that work which is bound by memory makes use of."""


def threads_allowed(most: int = _MOST) -> int:
    """Threads that a piece of work may use.

    Parameters
    ----------
    most : int, optional
        Largest number that is of use.

    Returns
    -------
    int
        No more than the cores that this process may use; 1 in processes that share the cores with others: workers of
        a run, and those of multiprocessing.
    """
    from stpipe.parallel import available_cores

    if most <= 1 or os.environ.get("STPIPE_WORKER") or process.parent_process() is not None:
        return 1
    return max(1, min(most, available_cores()))


def in_threads(work: Callable[[_Item], _Result], items: Sequence[_Item], threads: int) -> list[_Result]:
    """Call a function with each item, in threads.

    Parameters
    ----------
    work : callable
        Needs memory and ``np.errstate`` of its own.
    items : sequence
    threads : int
        With 1 all is done in this thread.

    Returns
    -------
    list
        Results in the order of the items.

    Raises
    ------
    Exception
        The first that the function raises, when the others have ended.
    """
    count = min(threads, len(items))
    if count <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, items))
