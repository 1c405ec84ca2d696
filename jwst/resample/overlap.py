"""Drizzle of several planes at once, for whole pixels on a grid that is nearly parallel to them: arrays in, arrays out.

The areas of overlap are the same for all planes of an input. Here they are found once, by numpy, and used for all;
the `drizzle` library finds them anew for each plane. Nearly parallel means that nearly all pixels lie over the corner
of four output pixels (`jwst.resample.pieces`); the few that lie otherwise are clipped (`jwst.resample.clipping`).
Source: spec resample.md §4, and the square kernel of `drizzle` (Fruchter & Hook 2002, PASP 114, 144).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from jwst.lib.threads import in_threads
from jwst.resample.clipping import Irregular
from jwst.resample.pieces import PIECES, cut
from jwst.resample.places import Places

__all__ = ["is_nearly_parallel", "overlap_sums"]

_BAND = 256
"""Rows of the input that one thread does at one time."""

_TILE = (64, 256)
"""Rows and columns that are done at one time; their arrays fit the cache."""

_APART = 4
"""Rows of the output that have to be between those of two threads."""

_MOST_IRREGULAR = 0.12


@dataclass(frozen=True, eq=False)
class _Input:
    """What is summed up, see `overlap_sums`."""

    planes: Sequence[np.ndarray]
    weight: np.ndarray
    places: Places
    roots: int

    def values(self, rows: slice, columns: slice, out: np.ndarray) -> None:
        """Weights, and weights times values, of a rectangle: (1 + planes, rows, columns + 1) float32."""
        out[:, :, -1] = 0
        inner = out[:, :, :-1]
        inner[0] = self.weight[rows, columns]
        for index, plane in enumerate(self.planes, start=1):
            found = plane[rows, columns]
            if index > len(self.planes) - self.roots:
                found = np.sqrt(found, out=inner[index])
            np.multiply(found, inner[0], out=inner[index])
        weight = out[0]
        unused = np.flatnonzero(weight == 0)
        if unused.size:
            out.reshape(len(out), -1)[1:, unused] = 0


def overlap_sums(
    planes: Sequence[np.ndarray],
    weight: np.ndarray,
    places: Places,
    shape: tuple[int, int],
    *,
    roots: int = 0,
    threads: int = 1,
) -> np.ndarray:
    """Sum weighted planes over the areas of overlap.

    Parameters
    ----------
    planes : sequence of (ny, nx) ndarray of float32
        Values; those of pixels without weight are not used.
    weight : (ny, nx) ndarray of float32
        Weights. Pixels that reach beyond the output must have none.
    places : Places
        Where the pixels fall, for which `is_nearly_parallel` is true.
    shape : (int, int)
        Rows and columns of the output.
    roots : int, optional
        So many planes at the end are variances, of which the square roots are summed; NaN for negative ones.
    threads : int, optional
        The sums do not depend on it.

    Returns
    -------
    (1 + n, rows, columns) ndarray of float32
        Sums of the weights, and of weights times values, each times the part of the pixel that falls into the output
        pixel.
    """
    result = np.zeros((1 + len(planes), *shape), dtype=np.float32)
    bands = list(_steps(0, weight.shape[0], _BAND))
    add = partial(_add_band, _Input(planes, weight, places, roots), result)
    for first in (0, 1):
        chosen = bands[first::2]
        in_threads(add, chosen, threads if _are_apart(places, chosen) else 1)
    return result


def is_nearly_parallel(places: Places) -> bool:
    """Find out whether most pixels of an input lie over the corner of four output pixels.

    Parameters
    ----------
    places : Places

    Returns
    -------
    bool
        False also for maps with NaN.
    """
    ny, nx = places.shape
    if min(ny, nx) < 4 or not (places.is_smooth or np.isfinite(places.array()).all()):
        return False
    rows = range(0, ny, max(1, ny // 16))
    sample = [cut(places.corners(slice(row, row + 1), slice(0, nx))).regular[:, :-1].mean() for row in rows]
    return bool(np.mean(sample) > 1 - _MOST_IRREGULAR)


def _steps(start: int, stop: int, step: int) -> Iterator[slice]:
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


def _are_apart(places: Places, bands: Sequence[slice]) -> bool:
    """Whether bands of rows fall on rows of the output of their own, so that threads do not meet."""
    if not places.is_smooth:
        return False
    columns, above = np.arange(places.shape[1]), -np.inf
    for band in bands:
        y = places.block(np.array([band.start, band.stop - 1]), columns)[..., 1]
        if y.min() - above < _APART:
            return False
        above = y.max()
    return True


def _add_band(source: _Input, result: np.ndarray, band: slice) -> None:
    """Add some rows of the input to sums."""
    irregular = Irregular()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for rows in _steps(band.start, band.stop, _TILE[0]):
            for columns in _steps(0, source.weight.shape[1], _TILE[1]):
                _add_tile(source, result, (rows, columns), irregular)
        irregular.add_to(result)


def _add_tile(source: _Input, result: np.ndarray, tile: tuple[slice, slice], irregular: Irregular) -> None:
    """Add the regular pixels of a rectangle to sums, and the others to those that are clipped."""
    rows, columns = tile
    pieces = cut(source.places.corners(rows, columns), result.shape[1:])
    stack = np.empty((PIECES + len(result), *pieces.regular.shape), dtype=np.float32)
    values = stack[PIECES:]
    source.values(rows, columns, values)
    if not pieces.all_regular:
        chosen = np.flatnonzero(~pieces.regular & (values[0] != 0))
        irregular.corners.append(pieces.corners(chosen))
        irregular.values.append(values.reshape(len(values), -1)[:, chosen])
    pieces.shares(stack[:PIECES])
    pieces.add_to(result, stack)
