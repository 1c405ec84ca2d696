"""Matrix products in blocks so small that the linear algebra library does not start threads for them.

Its threads wait for each other while they spin; on a machine whose cores are all in use, a product takes ten times as
long with threads as without.
"""

from __future__ import annotations

import numpy as np

__all__ = ["product"]

LARGEST = 1 << 18
"""Multiplications up to which OpenBLAS stays in the calling thread."""


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Multiply matrices.

    Parameters
    ----------
    left : (m, k) ndarray
    right : (k, n) ndarray

    Returns
    -------
    (m, n) ndarray
    """
    (rows, inner), columns = left.shape, right.shape[1]
    result = np.empty((rows, columns), np.result_type(left, right))
    wide = min(columns, 256)
    high = max(1, LARGEST // max(inner * wide, 1))
    for first in range(0, rows, high):
        for begin in range(0, columns, wide):
            block = slice(begin, begin + wide)
            np.matmul(left[first : first + high], right[:, block], out=result[first : first + high, block])
    return result
