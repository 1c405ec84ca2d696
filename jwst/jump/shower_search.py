"""Pixels whose smoothed differences are brighter than expected, in every group of an integration.

Nearly all pixels are decided in single precision: the sum over the ring is compared with bounds that its rounding
errors cannot cross. Tiles with a pixel between the bounds are decided in the precision of the spec. Source: spec
jump.md §7.4, steps 4 to 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jwst.jump.differences import Ramps
from jwst.jump.shower_ratio import Expected, spoiled
from jwst.jump.smoothing import Ring
from jwst.jump.threads import share
from jwst.lib.dqflags import DO_NOT_USE, JUMP_DET, SATURATED

__all__ = ["LEFT_OUT", "Scene", "bright_pixels"]

LEFT_OUT = np.uint8(DO_NOT_USE | SATURATED | JUMP_DET)

TILE_BYTES = 1 << 21
"""Memory of the arrays of a tile in single precision, which are about eight."""

EPSILON = 2.0**-24
"""Largest relative error of a rounding to single precision."""

LARGEST = np.float32(1e30)
"""Ratios from here on are left to double precision, as are scatters whose logarithm is as far from 0."""

THRESHOLDS = 1e-6, 1e6
"""Thresholds outside are left to double precision."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is searched.

    Attributes
    ----------
    ramps : Ramps
    expected : Expected
    bad_pixels : (ny, nx) ndarray of bool
        Pixels that take no part.
    ring : Ring
    threshold : float
        Smallest smoothed ratio of a difference to its expected scatter.
    workers : int
        Threads that share the rows; the result does not depend on it.
    """

    ramps: Ramps
    expected: Expected
    bad_pixels: NDArray[np.bool_]
    ring: Ring
    threshold: float
    workers: int = 1


@dataclass(frozen=True, slots=True)
class _Tile:
    """Rows ``top`` to ``bottom``, with those that their rings touch: ``low`` to ``high``."""

    top: int
    bottom: int
    low: int
    high: int

    def pixels(self, nx: int) -> slice:
        return slice(self.low * nx, self.high * nx)


def bright_pixels(scene: Scene, i: int, groups: list[int]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Find the pixels whose smoothed ratio exceeds the threshold.

    Parameters
    ----------
    scene : Scene
    i : int
        Integration.
    groups : list of int
        Later groups of the differences to search, ascending.

    Yields
    ------
    int
        Group.
    (n,) ndarray of intp
        Flat indices, ascending.
    """
    tiles = _tiles(scene)
    found = share(lambda some: _search(scene, (i, groups), some), tiles, workers=scene.workers)
    for g, parts in zip(groups, zip(*found)):
        yield g, np.concatenate(parts)


def _tiles(scene: Scene) -> list[_Tile]:
    ny, nx = scene.bad_pixels.shape
    r = scene.ring.radius
    height = max(TILE_BYTES // (32 * nx), 4 * r, 1)
    return [
        _Tile(top, min(top + height, ny), max(top - r, 0), min(min(top + height, ny) + r, ny))
        for top in range(0, ny, height)
    ]


def _search(scene: Scene, place: tuple[int, list[int]], tiles: list[_Tile]) -> list[list[NDArray[np.intp]]]:
    """Bright pixels of each group, for each tile."""
    worker = _Worker(scene, max(tile.bottom - tile.top for tile in tiles))
    with np.errstate(all="ignore"):
        return [worker.search(*place, tile) for tile in tiles]


class _Worker:
    """Searches tiles of at most ``height`` rows, in memory of its own."""

    def __init__(self, scene: Scene, height: int) -> None:
        self._scene = scene
        r, nx = scene.ring.radius, scene.bad_pixels.shape[1]
        self._stride = nx + r
        size = (height + 2 * r) * self._stride + 2 * r
        self._padded, self._total = np.empty(size, np.float32), np.empty(height * self._stride, np.float32)
        self._scratch = np.empty((2, size), np.float32)
        self._electrons = np.empty((2, (height + 2 * r) * nx), np.float32)
        self._screens = scene.ring.size > 0 and THRESHOLDS[0] < scene.threshold < THRESHOLDS[1]

    def search(self, i: int, groups: list[int], tile: _Tile) -> list[NDArray[np.intp]]:
        """Flat indices of the bright pixels of each group in a tile."""
        found, scale, previous = [], None, None
        self._padded[:] = 0
        for g in groups:
            if scale is None or self._scene.expected.by_group:
                scale = self._scale(g, tile)
            pixels = self._quick(i, g, tile, scale, known=previous == g - 1) if self._screens else None
            previous = g if self._screens else None
            found.append(_exact(self._scene, (i, g), tile) if pixels is None else pixels)
        return found

    def _scale(self, g: int, tile: _Tile) -> _Scale:
        part = tile.pixels(self._scene.bad_pixels.shape[1])
        median, scatter = self._scene.expected.of(g, part)
        return _Scale.of(median, scatter)

    def _quick(self, i: int, g: int, tile: _Tile, scale: _Scale, *, known: bool) -> NDArray[np.intp] | None:
        """Bright pixels of a tile; None where single precision cannot tell. ``known``: the last call was for g - 1."""
        scene, ring, nx = self._scene, self._scene.ring, self._scene.bad_pixels.shape[1]
        height = tile.bottom - tile.top
        left_out = self._ratios((i, g), tile, scale, known=known)
        if left_out is None:
            return None
        padded = self._padded[: (height + 2 * ring.radius) * self._stride + 2 * ring.radius]
        total = self._total[: height * self._stride]
        ring.add(padded, self._stride, out=total, scratch=self._scratch)
        error = (4 * ring.radius + 16) * EPSILON
        least = ring.size * (scene.threshold * (1 - error) - scale.error)
        surely = ring.size * (scene.threshold * (1 + error) + scale.error)
        total = total.reshape(height, self._stride)[:, :nx]
        found = np.flatnonzero(~(total <= least))
        found = found[~left_out.reshape(-1)[found + (tile.top - tile.low) * nx]]
        if not (total[np.divmod(found, nx)] > surely).all():
            return None
        return found + tile.top * nx

    def _ratios(self, place: tuple[int, int], tile: _Tile, scale: _Scale, *, known: bool) -> NDArray[np.bool_] | None:
        """Fill the padded tile; gives the pixels that are left out, or None where a ratio is too large."""
        scene, (i, g) = self._scene, place
        nx, r = scene.bad_pixels.shape[1], scene.ring.radius
        part, rows = tile.pixels(nx), tile.high - tile.low
        earlier, later = self._electrons[:, : rows * nx]
        data, groupdq, gain = scene.ramps.data, scene.ramps.groupdq, scene.ramps.gain[part]
        if not known:
            np.multiply(data[i, g - 1, part], gain, out=earlier)
        np.multiply(data[i, g, part], gain, out=later)
        distance = np.subtract(later, earlier, out=earlier)
        self._electrons = self._electrons[::-1]
        distance -= scale.median
        np.abs(distance, out=distance)
        first = r + (tile.low - tile.top + r) * self._stride
        ratio = self._padded[first : first + rows * self._stride].reshape(rows, self._stride)[:, :nx]
        np.multiply(distance.reshape(rows, nx), scale.weight.reshape(rows, nx), out=ratio)
        flagged = spoiled(groupdq[i, g - 1, part])
        flagged |= (groupdq[i, g, part] & LEFT_OUT).astype(bool)
        left_out = flagged.reshape(rows, nx)
        left_out |= scene.bad_pixels[tile.low : tile.high]
        usable = ratio < LARGEST
        odd = np.flatnonzero(~(usable | left_out))
        if odd.size and not np.isnan(ratio[np.divmod(odd, nx)]).all():
            return None
        np.less_equal(usable, left_out, out=left_out)
        np.copyto(ratio, np.float32(scene.threshold), where=left_out)
        return left_out


@dataclass(frozen=True, eq=False)
class _Scale:
    """Median and reciprocal scatter in single precision.

    Attributes
    ----------
    median, weight : (n,) ndarray of float32
    error : float
        Largest error of a ratio from the rounding of the median; infinite where single precision will not do.
    """

    median: NDArray[np.float32]
    weight: NDArray[np.float32]
    error: float

    @classmethod
    def of(cls, median: NDArray[np.float64], scatter: NDArray[np.float64]) -> _Scale:
        weight = np.divide(1.0, scatter).astype(np.float32)
        largest = np.fmax.reduce(np.abs(median) / scatter, initial=0.0)
        extreme = (scatter > LARGEST) | ((scatter < 1 / LARGEST) & (scatter > 0))
        error = np.inf if extreme.any() else 1.01 * EPSILON * float(largest)
        return cls(median.astype(np.float32), weight, error)


def _exact(scene: Scene, place: tuple[int, int], tile: _Tile) -> NDArray[np.intp]:
    """Flat indices of the bright pixels of a group in a tile, in double precision."""
    nx, r = scene.bad_pixels.shape[1], scene.ring.radius
    part, rows = tile.pixels(nx), slice(tile.low, tile.high)
    padded = np.zeros((tile.bottom - tile.top + 2 * r, nx + 2 * r))
    inner = padded[tile.low - tile.top + r : tile.high - tile.top + r, r : r + nx]
    inner[...] = scene.expected.ratio(*place, part).reshape(inner.shape)
    left_out = (scene.ramps.groupdq[place][part] & LEFT_OUT).astype(bool).reshape(inner.shape)
    np.copyto(inner, np.nan, where=left_out | scene.bad_pixels[rows])
    return np.flatnonzero(scene.ring.mean(padded) > scene.threshold) + tile.top * nx
