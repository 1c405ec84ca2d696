"""Sums and products over the groups of many ramps whose last bit does not depend on how many ramps stand beside.

BLAS treats the last columns of a matrix, and large matrices that it shares among threads, in another order of
operations, and numpy a single column. A ramp would then get another last bit of its rate in a tile, a block or a slice
of rows of another width, or in a process with another number of threads.
"""

from __future__ import annotations

import numpy as np

__all__ = ["column_products", "column_sums"]

_WIDTH = 16
"""Columns that BLAS kernels treat alike: a multiple of what any of them takes at once."""

_ONE_THREAD = 1 << 17
"""Multiplications of a product that BLAS does not share among threads."""


def column_products(coefficients: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Matrix product ``coefficients @ columns``.

    Parameters
    ----------
    coefficients : (m, length) or (length,) ndarray of float64
    columns : (length, n) ndarray of float64

    Returns
    -------
    (m, n) or (n,) ndarray of float64
    """
    if coefficients.ndim == 1:
        return column_sums(coefficients[:, None] * columns)
    if columns.strides[1] != columns.itemsize:
        columns = np.ascontiguousarray(columns)
    count = columns.shape[1]
    whole = count - count % _WIDTH
    step = max(1, _ONE_THREAD // (coefficients.size * _WIDTH)) * _WIDTH
    result = np.empty((coefficients.shape[0], count))
    for first in range(0, whole, step):
        part = slice(first, min(first + step, whole))
        np.matmul(coefficients, columns[:, part], out=result[:, part])
    if whole < count:
        rest = np.zeros((columns.shape[0], _WIDTH))
        rest[:, : count - whole] = columns[:, whole:]
        result[:, whole:] = (coefficients @ rest)[:, : count - whole]
    return result


def column_sums(columns: np.ndarray) -> np.ndarray:
    """Sum over the first axis, one row after the other.

    Parameters
    ----------
    columns : (length, n) ndarray of float64

    Returns
    -------
    (n,) ndarray of float64
    """
    columns = np.ascontiguousarray(columns)  # numpy adds in pairs along the fastest axis, also where it is the only one
    return np.asarray(columns.sum(0) if columns.shape[1] != 1 else np.repeat(columns, 2, axis=1).sum(0)[:1])
