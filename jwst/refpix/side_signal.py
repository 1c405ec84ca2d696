"""Row by row signal of the reference columns at the two sides of the detector. Source: spec refpix.md §A2."""

from __future__ import annotations

import numpy as np

from jwst.lib.orientation import FULL_SIZE

__all__ = ["side_signal"]


def side_signal(
    left: np.ndarray, right: np.ndarray, bad: tuple[np.ndarray, np.ndarray], rows: slice, height: int
) -> np.ndarray:
    """Average the running medians of the left and the right reference columns.

    Parameters
    ----------
    left, right : (nplanes, 2048, 4) ndarray of float32 or float64, DN
        Reference columns of the whole detector.
    bad : two (2048, 4) ndarrays of bool
        Pixels of `left` and `right` not to use.
    rows : slice
        Detector rows that are wanted.
    height : int
        Rows in the window of the median.

    Returns
    -------
    (nplanes, number of rows) ndarray of float64, DN
        The side that is defined where the other has no good pixel, or one that is NaN or too many that are infinite; 0
        where neither is defined.

    Notes
    -----
    Medians have the precision of the values, their average is double: so the released pipeline has it, and another
    last bit here is one in every sample of a row.
    """
    sides = [_running_median(values, flags, rows, height) for values, flags in zip((left, right), bad)]
    known = [np.isfinite(side) for side in sides]
    total = sum(np.where(ok, side, 0.0) for side, ok in zip(sides, known))
    number = known[0].astype(np.int8) + known[1]
    return np.asarray(total / np.maximum(number, 1))


def _running_median(values: np.ndarray, bad: np.ndarray, rows: slice, height: int) -> np.ndarray:
    """Median of the good pixels of each window of rows; NaN where there is none, or where one of them is NaN."""
    shape = values.shape[0], rows.stop - rows.start
    if bad.all():
        return np.full(shape, np.nan)
    window = _mirrored(rows.start - height // 2, rows.stop - height // 2 + height - 1)
    values = np.where(bad[window], values.dtype.type(np.inf), values[:, window]).reshape(shape[0], -1)
    width = bad.shape[-1]
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(values, height * width, axis=1)[:, ::width], axis=-1)
    good = (~bad[window]).sum(axis=1)
    number = np.lib.stride_tricks.sliding_window_view(good, height).sum(axis=1)
    lower, upper = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, height * width - 1)
    row = np.arange(shape[1])
    median = ((ordered[:, row, lower] + ordered[:, row, upper]) / 2).astype(np.float64)
    median[:, number == 0] = np.nan
    median[np.isnan(ordered[..., -1])] = np.nan
    return median


def _mirrored(start: int, stop: int) -> np.ndarray:
    """Row numbers of a range that may leave the detector, reflected at its first and last row."""
    row = np.abs(np.arange(start, stop)) % (2 * FULL_SIZE - 2)
    return np.minimum(row, 2 * FULL_SIZE - 2 - row)
