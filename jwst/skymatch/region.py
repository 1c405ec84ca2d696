"""Which pixels a polygon takes: the rule of ``gwcs.region.Polygon.scan``, for all scan lines at once.

Source: spec skymatch.md §3; the source of gwcs 1.0.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Spans", "fill", "polygon_spans"]


@dataclass(frozen=True, eq=False)
class Spans:
    """Pixels of a polygon, row by row.

    Parameters
    ----------
    row : int
        First row.
    start, stop : (n, m) ndarray of int
        For each of n rows the m ranges of columns ``start:stop``; those with ``stop <= start`` are empty.
    """

    row: int
    start: np.ndarray
    stop: np.ndarray

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the smallest window with all pixels; empty where there are none."""
        used = self.stop > self.start
        if not used.any():
            return slice(0, 0), slice(0, 0)
        columns = slice(int(self.start[used].min()), int(self.stop[used].max()))
        rows = np.flatnonzero(used.any(axis=1))
        return slice(self.row + int(rows[0]), self.row + int(rows[-1]) + 1), columns


def polygon_spans(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> Spans:
    """Find the pixels of a polygon.

    Parameters
    ----------
    x, y : (k,) ndarray of float64, pixel
        Vertices in order; the first is not repeated. They are rounded to whole pixels.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    Spans
        Within the image.

    Notes
    -----
    The pixels on the upper and right sides belong to the polygon; on a slanted side those from the first whole column
    at or right of it.
    """
    (x, left), (y, bottom) = _whole(x), _whole(y)
    ny, nx = shape
    edges = _edges(x, y)
    top, low = int(y.max()), int(y.min())
    rows = np.arange(max(low, -bottom), min(top, ny - 1 - bottom) + 1)
    if not len(edges) or rows.size == 0 or np.ptp(x) == 0:
        return Spans(0, np.zeros((0, 0), int), np.zeros((0, 0), int))
    ends = _crossings(edges, rows, top)
    start = np.clip(ends[:, 0::2] + left, 0, nx)
    stop = np.clip(ends[:, 1::2] + left + 1, 0, nx)
    return Spans(int(rows[0]) + bottom, start, stop)


def _whole(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Coordinates in whole pixels from the least of them or 0, and that in whole pixels."""
    least = min(float(values.min()), 0.0)
    return np.rint(values - least).astype(np.int64), int(np.rint(least))


def _edges(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sides (m, 4) that are not level: x and y of both ends."""
    edges = np.stack([x, y, np.roll(x, -1), np.roll(y, -1)], axis=1)
    return edges[edges[:, 1] != edges[:, 3]]


def _crossings(edges: np.ndarray, rows: np.ndarray, top: int) -> np.ndarray:
    """Columns (n, m), ascending, where each row crosses sides; ends of empty ranges where there are fewer."""
    x0, y0, x1, y1 = edges.T
    seen = np.minimum(rows, top - 1)[:, None]  # the highest row takes the sides of the one below
    active = (np.minimum(y0, y1) <= seen) & (seen < np.maximum(y0, y1))
    part = (rows[:, None] - y0) / (y1 - y0)
    far = np.iinfo(np.int32).max
    columns = np.where(active, np.ceil(part * (x1 - x0) + x0), far).astype(np.int64)
    columns.sort(axis=1)
    count = int(active.sum(axis=1).max(initial=0))
    return columns[:, : count + count % 2]


def fill(mask: np.ndarray, spans: Spans, window: tuple[slice, slice]) -> None:
    """Set the pixels of a polygon in part of an image.

    Parameters
    ----------
    mask : (n, m) ndarray of bool
        The window's pixels. Updated in place; pixels that are set stay so.
    spans : Spans
    window : (slice, slice)
        Rows and columns of the image that ``mask`` is; it has all pixels of ``spans``.
    """
    offset = spans.row - window[0].start
    starts = np.maximum(spans.start - window[1].start, 0).tolist()
    stops = np.maximum(spans.stop - window[1].start, 0).tolist()
    for number in range(max(0, -offset), min(len(starts), len(mask) - offset)):
        row = mask[offset + number]
        for start, stop in zip(starts[number], stops[number], strict=True):
            row[start:stop] = True
