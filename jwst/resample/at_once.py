"""Sums of several planes of one input over its overlaps with the output, the edges of the output included.

Inside of the output `jwst.resample.overlap` does all planes at once. Pixels that reach over an edge of the output are
left to the `drizzle` library, which does not use all of them. Source: spec resample.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jwst.resample.drizzling import DrizzleRule, Limits, Mosaic, Placement
from jwst.resample.overlap import is_nearly_parallel, overlap_sums
from jwst.resample.variances import deviation

__all__ = ["can_be_summed", "sums_at_once"]

_BESIDE = 0.4
"""Distance from the edge, output pixels, from which on the centres of pixels are well inside."""

_STEP = 16

_FEWEST = 1 << 18
"""Pixels of an input from which on it is worth the while."""

_MOST_CUT = 1.0
"""Output pixels by which centres of pixels may lie beyond the output."""


def can_be_summed(weight: np.ndarray, placement: Placement, rule: DrizzleRule, shape: tuple[int, int]) -> bool:
    """Find out whether `sums_at_once` may be used.

    Parameters
    ----------
    weight : (ny, nx) ndarray of float32
    placement : Placement
    rule : DrizzleRule
    shape : (int, int)
        Rows and columns of the output.

    Returns
    -------
    bool
        True for large inputs whose pixels, all and whole, are dropped on a grid that is nearly parallel to them and
        holds them but for a part of the outermost ones.
    """
    whole = rule.kernel == "square" and rule.pixfrac == 1 and placement.is_whole and weight.size >= _FEWEST
    if not whole or weight.min() < 0 or not is_nearly_parallel(placement.pixmap):
        return False
    edges = np.concatenate([placement.pixmap[[0, -1]].reshape(-1, 2), placement.pixmap[:, [0, -1]].reshape(-1, 2)])
    return bool(edges.min() > -_MOST_CUT and (edges.max(axis=0) < np.array(shape[::-1]) - 1 + _MOST_CUT).all())


def sums_at_once(
    planes: Sequence[np.ndarray], weight: np.ndarray, placement: Placement, shape: tuple[int, int], *, roots: int = 0
) -> np.ndarray:
    """Sum weights, and weighted planes, over the areas of overlap.

    Parameters
    ----------
    planes : sequence of (ny, nx) ndarray of float32
    weight : (ny, nx) ndarray of float32
        Not negative.
    placement : Placement
        For which `can_be_summed` is true.
    shape : (int, int)
        Rows and columns of the output, or of a window of it that holds the input.
    roots : int, optional
        So many planes at the end are variances, of which the square roots are summed.

    Returns
    -------
    (1 + n, rows, columns) ndarray of float32
        Of the weights, then of each plane.
    """
    first, last, bottom, top = inner = _inside(placement.pixmap, shape)
    ny, nx = weight.shape
    if inner == (0, nx - 1, 0, ny - 1):
        return overlap_sums(planes, weight, placement.pixmap, shape, roots=roots)
    cut = np.zeros_like(weight)
    cut[bottom : top + 1, first : last + 1] = weight[bottom : top + 1, first : last + 1]
    sums = overlap_sums(planes, cut, placement.pixmap, shape, roots=roots)
    for strip in _strips(inner, weight.shape):
        for number, plane in enumerate(planes):
            values = deviation(plane) if number >= len(planes) - roots else plane
            _add_strip(
                (sums[0] if number == 0 else None, sums[1 + number]), values, weight, Placement(placement.pixmap, strip)
            )
    return sums


def _add_strip(
    sums: tuple[np.ndarray | None, np.ndarray], values: np.ndarray, weight: np.ndarray, strip: Placement
) -> None:
    """Add a strip of the input to the sum of the weights, if wanted, and to that of a plane, by the library."""
    total, plane = sums
    rule = DrizzleRule()
    window = strip.window(plane.shape, rule.margin)
    if window is None:
        return
    mosaic = Mosaic(plane.shape, rule)
    mosaic.add(values, weight, strip)
    part = mosaic.weight[window.index]
    if total is not None:
        total[window.index] += part
    plane[window.index] += mosaic.data[window.index] * part


def _inside(pixmap: np.ndarray, shape: tuple[int, int]) -> Limits:
    """First and last column, first and last row, of the pixels that are well inside of the output."""
    ny, nx = pixmap.shape[:2]
    rows, columns = (np.append(np.arange(0, n, _STEP), n - 1) for n in (ny, nx))
    x, y = pixmap[rows, :, 0], pixmap[:, columns, 1]
    first, last = _ends(np.all((x > _BESIDE) & (x < shape[1] - 1 - _BESIDE), axis=0))
    bottom, top = _ends(np.all((y > _BESIDE) & (y < shape[0] - 1 - _BESIDE), axis=1))
    return first, last, bottom, top


def _ends(good: np.ndarray) -> tuple[int, int]:
    """First and last of the good ones in the middle; what is left on each side is nothing, or two or more."""
    bad, middle = np.flatnonzero(~good), len(good) // 2
    first = int(bad[bad <= middle].max(initial=-1)) + 1
    last = int(bad[bad > middle].min(initial=len(good))) - 1
    return max(first, 2) if first else 0, min(last, len(good) - 3) if last < len(good) - 1 else last


def _strips(inner: Limits, shape: tuple[int, int]) -> list[Limits]:
    """The rectangles around the inner one."""
    first, last, bottom, top = inner
    ny, nx = shape
    around = [
        (0, nx - 1, 0, bottom - 1),
        (0, nx - 1, top + 1, ny - 1),
        (0, first - 1, bottom, top),
        (last + 1, nx - 1, bottom, top),
    ]
    return [(x0, x1, y0, y1) for x0, x1, y0, y1 in around if x0 < x1 and y0 < y1]
