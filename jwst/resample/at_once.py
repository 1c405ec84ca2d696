"""Sums of several planes of one input over its overlaps with the output, the edges of the output included.

Inside of the output `jwst.resample.overlap` does all planes at once. Pixels that reach over an edge of the output are
left to the `drizzle` library, which does not use all of them. Source: spec resample.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jwst.lib.threads import threads_allowed
from jwst.resample.drizzling import DrizzleRule, Limits, Mosaic, Placement
from jwst.resample.overlap import is_nearly_parallel, overlap_sums
from jwst.resample.places import Places, edges_of
from jwst.resample.variances import deviation

__all__ = ["can_be_summed", "sums_at_once"]

_BESIDE = 0.4
"""Distance from the edge, output pixels, from which on the centres of pixels are well inside."""

_STEP = 64

_AROUND = 2
"""Pixels around a strip whose places the library needs for its corners."""

_FEWEST = 1 << 18
"""Pixels of an input from which on it is worth the while."""

_MOST_CUT = 1.0
"""Output pixels by which centres of pixels may lie beyond the output."""


def can_be_summed(weight: np.ndarray, places: Places, rule: DrizzleRule, shape: tuple[int, int]) -> bool:
    """Find out whether `sums_at_once` may be used.

    Parameters
    ----------
    weight : (ny, nx) ndarray of float32
    places : Places
        Of all pixels of the input, and all are to be used.
    rule : DrizzleRule
    shape : (int, int)
        Rows and columns of the output.

    Returns
    -------
    bool
        True for large inputs whose pixels, all and whole, are dropped on a grid that is nearly parallel to them and
        holds them but for a part of the outermost ones.
    """
    whole = rule.kernel == "square" and rule.pixfrac == 1 and weight.size >= _FEWEST
    if not whole or weight.min() < 0 or not is_nearly_parallel(places):
        return False
    edges = edges_of(places)
    return bool(edges.min() > -_MOST_CUT and (edges.max(axis=0) < np.array(shape[::-1]) - 1 + _MOST_CUT).all())


def sums_at_once(
    planes: Sequence[np.ndarray], weight: np.ndarray, places: Places, shape: tuple[int, int], *, roots: int = 0
) -> np.ndarray:
    """Sum weights, and weighted planes, over the areas of overlap.

    Parameters
    ----------
    planes : sequence of (ny, nx) ndarray of float32
    weight : (ny, nx) ndarray of float32
        Not negative. Changed.
    places : Places
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
    strips = [_Strip.of(weight, places, limits) for limits in _strips(_inside(places, shape), weight.shape)]
    for strip in strips:
        xmin, xmax, ymin, ymax = strip.limits
        weight[ymin : ymax + 1, xmin : xmax + 1] = 0
    sums = overlap_sums(planes, weight, places, shape, roots=roots, threads=threads_allowed())
    for strip in strips:
        for number, plane in enumerate(planes):
            values = plane[strip.part]
            values = deviation(values) if number >= len(planes) - roots else values
            strip.add_to((sums[0] if number == 0 else None, sums[1 + number]), values)
    return sums


@dataclass(frozen=True, eq=False)
class _Strip:
    """A part of the input that the library does.

    Attributes
    ----------
    limits : (int, int, int, int)
        First and last column, first and last row.
    part : (slice, slice)
        Rows and columns with those around it.
    weight : (rows, columns) ndarray of float32
    placement : Placement
        Of the part.
    """

    limits: Limits
    part: tuple[slice, slice]
    weight: np.ndarray
    placement: Placement

    @classmethod
    def of(cls, weight: np.ndarray, places: Places, limits: Limits) -> _Strip:
        """Cut a strip out."""
        xmin, xmax, ymin, ymax = limits
        x0, y0 = max(xmin - _AROUND, 0), max(ymin - _AROUND, 0)
        x1, y1 = min(xmax + 1 + _AROUND, weight.shape[1]), min(ymax + 1 + _AROUND, weight.shape[0])
        positions = np.ascontiguousarray(places.block(np.arange(y0, y1), np.arange(x0, x1)))
        placement = Placement(positions, (xmin - x0, xmax - x0, ymin - y0, ymax - y0))
        part = slice(y0, y1), slice(x0, x1)
        return cls(limits, part, weight[part].copy(), placement)

    def add_to(self, sums: tuple[np.ndarray | None, np.ndarray], values: np.ndarray) -> None:
        """Add it to the sum of the weights, if wanted, and to that of a plane."""
        total, plane = sums
        rule = DrizzleRule()
        window = self.placement.window(plane.shape, rule.margin)
        if window is None:
            return
        mosaic = Mosaic(plane.shape, rule)
        mosaic.add(values, self.weight, self.placement)
        weight = mosaic.weight[window.index]
        if total is not None:
            total[window.index] += weight
        plane[window.index] += mosaic.data[window.index] * weight


def _inside(places: Places, shape: tuple[int, int]) -> Limits:
    """First and last column, first and last row, of the pixels that are well inside of the output."""
    ny, nx = places.shape
    rows, columns = (np.append(np.arange(0, n, _STEP), n - 1) for n in (ny, nx))
    x, y = places.block(rows, np.arange(nx))[..., 0], places.block(np.arange(ny), columns)[..., 1]
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
