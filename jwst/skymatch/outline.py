"""Outlines of images on the sphere, and what two of them have in common. Source: spec skymatch.md §1 and §3."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Outline", "border_pixels", "intersections", "lonlat_of", "outline_of", "unit_vectors"]

log = logging.getLogger(__name__)

TOLERANCE = 1e-14
"""Distance, radian, below which a point lies on a line: a tenth of a millionth of a pixel of JWST."""

_HEMISPHERE = 1.2  # radian: farther from its centre nothing is projected onto the plane of an outline


def border_pixels(shape: tuple[int, int], stepsize: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates of the outline of an image, along the edges of its outer pixels.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    stepsize : int, optional
        Largest distance of neighbouring points, pixel; None: only the corners.

    Returns
    -------
    x, y : (k,) ndarray of float64, pixel
        Counterclockwise from the lower left corner, which is not repeated.
    """
    ny, nx = shape
    counts = (2, 2) if stepsize is None else tuple(max(2, math.ceil((n + 1) / stepsize)) for n in (nx, ny))
    x, y = (np.linspace(-0.5, n - 0.5, count) for n, count in zip((nx, ny), counts, strict=True))
    sides = [
        (x[:-1], np.full(x.size - 1, y[0])),
        (np.full(y.size - 1, x[-1]), y[:-1]),
        (x[:0:-1], np.full(x.size - 1, y[-1])),
        (np.full(y.size - 1, x[0]), y[:0:-1]),
    ]
    return np.concatenate([side[0] for side in sides]), np.concatenate([side[1] for side in sides])


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Directions, degree, as (..., 3) unit vectors."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lon) * np.cos(lat), np.sin(lon) * np.cos(lat), np.sin(lat)], axis=-1)


def lonlat_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude (0 to 360) and latitude, degree, of (..., 3) vectors."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    lon = np.degrees(np.arctan2(y, x))
    return np.where(lon < 0, lon + 360.0, lon), np.degrees(np.arctan2(z, np.sqrt(x * x + y * y)))


@dataclass(frozen=True, eq=False)
class Outline:
    """A polygon on the sphere, much smaller than a hemisphere.

    Parameters
    ----------
    vectors : (k, 3) ndarray of float64
        Unit vectors of its vertices, in order; the first is not repeated.
    """

    vectors: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Mean direction of the vertices, a unit vector."""
        mean = self.vectors.mean(axis=0)
        return mean / np.linalg.norm(mean)

    @property
    def radius(self) -> float:
        """Chord, about in radian, from the centre to the farthest vertex."""
        return float(np.linalg.norm(self.vectors - self.centre, axis=1).max())

    def meets(self, other: Outline) -> bool:
        """Whether the circles about two outlines meet; if not, the outlines have nothing in common."""
        return bool(np.linalg.norm(self.centre - other.centre) <= 1.0001 * (self.radius + other.radius))


def outline_of(pixel_to_sky: Callable[..., Any], shape: tuple[int, int], stepsize: int | None = None) -> Outline | None:
    """Outline of an image.

    Parameters
    ----------
    pixel_to_sky : callable
        Takes x and y, pixel, and gives longitude and latitude, degree, also outside of any bounding box.
    shape, stepsize
        As for `border_pixels`.

    Returns
    -------
    Outline or None
        None where a vertex has no place on the sky.
    """
    vectors = unit_vectors(*pixel_to_sky(*border_pixels(shape, stepsize)))
    return Outline(vectors) if np.isfinite(vectors).all() else None


def intersections(first: Outline, others: Sequence[Outline]) -> list[list[np.ndarray]]:
    """What an outline has in common with each of others.

    Parameters
    ----------
    first : Outline
    others : sequence of Outline

    Returns
    -------
    list of list of (m, 3) ndarray of float64
        For each other, the polygons of the intersection: unit vectors of their vertices, clockwise as seen from outside
        of the sphere, the first not repeated; none where they do not meet. Vertices of the outlines are kept as they
        are, to the last bit.

    Notes
    -----
    Great circles are straight lines in the gnomonic projection about the centre of ``first``. Two polygons are
    intersected there if all of both can be seen from a point that both have, as with convex ones; others, which no
    distortion of JWST makes, by ``spherical_geometry``.
    """
    found: list[list[np.ndarray]] = [[] for _ in others]
    plane = _Plane(first.centre)
    near = [index for index, other in enumerate(others) if _in_reach(first, other)]
    own = _Flat.of(first.vectors, plane)
    for index in near:
        other = _Flat.of(others[index].vectors, plane)
        common = _star_intersection(own, other, plane)
        found[index] = _general_intersection(first, others[index]) if common is None else common
    return found


def _in_reach(first: Outline, other: Outline) -> bool:
    return first.radius + 2 * other.radius < _HEMISPHERE and first.meets(other)


class _Plane:
    """The gnomonic projection about a direction."""

    def __init__(self, centre: np.ndarray) -> None:
        axis = np.eye(3)[np.argmin(np.abs(centre))]
        east = np.cross(axis, centre)
        self._centre, self._east = centre, _normed(east)
        self._north = np.cross(centre, self._east)

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Coordinates (..., 2), radian, of directions."""
        offsets = vectors - self._centre
        scale = vectors @ self._centre
        return np.stack([offsets @ self._east / scale, offsets @ self._north / scale], axis=-1)

    def vectors(self, points: np.ndarray) -> np.ndarray:
        """Unit vectors (..., 3) of coordinates."""
        return _normed(self._centre + points[..., :1] * self._east + points[..., 1:] * self._north)


def _normed(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class _Flat:
    """A polygon in the plane, counterclockwise, with its vertices on the sphere, and whether it is convex."""

    vectors: np.ndarray
    points: np.ndarray
    edges: np.ndarray
    is_convex: bool

    @classmethod
    def of(cls, vectors: np.ndarray, plane: _Plane) -> _Flat:
        points = plane.project(vectors)
        if _area(points) < 0:
            vectors, points = vectors[::-1], points[::-1]
        edges = np.roll(points, -1, axis=0) - points
        lengths = np.linalg.norm(edges, axis=1)
        turns = _cross(edges, np.roll(edges, -1, axis=0))
        slack = 10 * TOLERANCE * np.maximum(lengths, np.roll(lengths, -1))
        return cls(vectors, points, edges, bool((turns >= -slack).all()))

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Distances (k, m), radian, of m points from the k edges, positive inside."""
        lengths = np.maximum(np.linalg.norm(self.edges, axis=1), 1e-300)
        offsets = points[None] - self.points[:, None]
        return _cross(self.edges[:, None], offsets) / lengths[:, None]

    def holds(self, points: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Which of m points lie inside or on the border; ``distances`` are those from the edges."""
        if self.is_convex:
            return np.asarray((distances >= -TOLERANCE).all(axis=0))
        start, stop, point = self.points[:, None], self.points[:, None] + self.edges[:, None], points[None]
        between = (start[..., 1] > point[..., 1]) != (stop[..., 1] > point[..., 1])
        upward = self.edges[:, None, 1] > 0
        crossed = between & ((distances > 0) == upward)
        along = ((point - start) * self.edges[:, None]).sum(axis=-1) / np.maximum((self.edges**2).sum(axis=1), 1e-300)[
            :, None
        ]
        on_border = (np.abs(distances) <= TOLERANCE) & (along >= 0) & (along <= 1)
        return np.asarray((crossed.sum(axis=0) % 2 == 1) | on_border.any(axis=0))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _area(points: np.ndarray) -> float:
    """Signed area of a polygon in the plane."""
    local = points - points[0]
    return 0.5 * float(_cross(local, np.roll(local, -1, axis=0)).sum())


def _star_intersection(first: _Flat, other: _Flat, plane: _Plane) -> list[np.ndarray] | None:
    """Intersection of two polygons: the vertices of each inside the other, and where their sides cross.

    They are sorted by their direction from a point in both; None where that is not allowed, because from there one of
    the polygons hides part of itself.
    """
    of_other, of_first = first.distances(other.points), other.distances(first.points)
    own, others = other.holds(first.points, of_first), first.holds(other.points, of_other)
    crossings = _crossings(first.vectors, other.vectors, *np.nonzero(_crossed(of_other) & _crossed(of_first).T))
    vectors = np.concatenate([first.vectors[own], other.vectors[others], crossings])
    points = plane.project(vectors)
    kept = _distinct(points)
    points, vectors = points[kept], vectors[kept]
    if len(points) < 3:
        return []
    middle = points.mean(axis=0)
    order = np.argsort(np.arctan2(*(points - middle).T[::-1]), kind="stable")
    if _area(points[order]) <= TOLERANCE * np.ptp(points, axis=0).max():
        return []
    seen = min(polygon.distances(middle[None]).min() for polygon in (first, other)) >= -TOLERANCE
    return [vectors[order[::-1]]] if seen else None


def _crossed(distances: np.ndarray) -> np.ndarray:
    """Which lines (k) are crossed by the sides (m) of a polygon whose vertices are at distances (k, m) from them."""
    after = np.roll(distances, -1, axis=1)
    away = (np.abs(distances) > TOLERANCE) & (np.abs(after) > TOLERANCE)
    return away & ((distances > 0) != (after > 0))


def _crossings(first: np.ndarray, other: np.ndarray, side: np.ndarray, of_other: np.ndarray) -> np.ndarray:
    """Unit vectors (m, 3) where sides of a polygon cross those of another, exact to the last bit of float64.

    A vertex on the border of an image has a half-integral pixel coordinate, and which way that is rounded hangs on its
    last bits: hence the extended precision, where the platform has it.
    """
    if side.size == 0:
        return np.zeros((0, 3))
    long_first, long_other = first.astype(np.longdouble), other.astype(np.longdouble)
    plane = _Plane(_normed(long_first.mean(axis=0)))
    start, stop = plane.project(long_first[side]), plane.project(np.roll(long_first, -1, axis=0)[side])
    begin, end = plane.project(long_other[of_other]), plane.project(np.roll(long_other, -1, axis=0)[of_other])
    before, after = _cross(stop - start, begin - start), _cross(stop - start, end - start)
    points = begin + (before / (before - after))[:, None] * (end - begin)
    return plane.vectors(points).astype(np.float64)


def _distinct(points: np.ndarray) -> np.ndarray:
    """Positions of the points that differ from all before them."""
    apart = np.abs(points[:, None] - points[None]).max(axis=-1, initial=0) > 10 * TOLERANCE
    return np.flatnonzero((apart | ~np.tri(len(points), k=-1, dtype=bool)).all(axis=1))


def _general_intersection(first: Outline, other: Outline) -> list[np.ndarray]:
    """Intersection of any two polygons; where it cannot be found, the first one."""
    from spherical_geometry.polygon import SphericalPolygon

    try:
        polygons = [SphericalPolygon(np.concatenate([one.vectors, one.vectors[:1]])) for one in (first, other)]
        with np.errstate(all="ignore"):
            common = polygons[0].intersection(polygons[1])
            parts = [np.array(points)[:-1] for points in common.points]
            return [part for part in parts if len(part) >= 3] if common.area() > 0 else []
    except Exception as error:  # noqa: BLE001 - that package has many
        log.warning("The overlap of two images could not be found (%s): all of the image is taken", error)
        return [first.vectors]
