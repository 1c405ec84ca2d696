"""Union and intersection of polygons in a plane.

A region is a list of closed loops of vertices with the inside on the left: outlines run counter-clockwise, holes
clockwise. Where two outlines cross, the result changes from one to the other (Greiner & Hormann 1998, ACM Trans.
Graphics 17, 71). Edges and vertices that lie on each other have no such crossings; a shift by a millionth of a pixel
takes them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Region", "intersection", "signed_area", "simplified", "union"]

Region = list[np.ndarray]

_JITTER = 1e-6
_SEAM = 2e-4
_ATTEMPTS = 8


class _NotCrossingError(Exception):
    """Crossings that do not alternate between in and out: vertices lie on edges within rounding."""


def signed_area(loop: np.ndarray) -> float:
    """Area of a loop of vertices (n, 2); positive if they run counter-clockwise."""
    x, y = (loop - loop[0]).T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)


@dataclass(frozen=True)
class _Edges:
    """Vertices of all loops of a region, each with the one that follows."""

    points: np.ndarray
    follows: np.ndarray
    starts: list[int]

    @classmethod
    def of(cls, region: Region) -> _Edges:
        sizes = [len(loop) for loop in region]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
        follows = np.concatenate([np.roll(np.arange(n), -1) + s for n, s in zip(sizes, starts, strict=True)])
        return cls(np.concatenate(region), follows, [int(start) for start in starts])

    def sides(self, points: np.ndarray) -> np.ndarray:
        """How far points are to the left of each edge, times its length: (edges, points)."""
        along = self.points[self.follows] - self.points
        x, y = (points[None, :, axis] - self.points[:, None, axis] for axis in range(2))
        return along[:, :1] * y - along[:, 1:] * x

    def hold(self, point: np.ndarray) -> bool:
        """Whether a point is inside: a ray to the right crosses an odd number of edges."""
        low, high = self.points[:, 1] > point[1], self.points[self.follows, 1] > point[1]
        crossed = np.nonzero(low != high)[0]
        to_the_left = self.sides(point[None])[crossed, 0] > 0
        return bool(np.sum(to_the_left == high[crossed]) % 2)


@dataclass
class _Crossings:
    """Crossings of the outlines of two regions, by number.

    ``after[k]`` gives the numbers in the order along the edges of region k (0 or 1); ``enters`` is whether the first
    outline enters the second region there, and the second leaves the first.
    """

    points: np.ndarray
    edges: tuple[np.ndarray, np.ndarray]
    enters: np.ndarray
    along: tuple[np.ndarray, np.ndarray]


def _cross(a: _Edges, b: _Edges) -> _Crossings:
    """All crossings of two outlines."""
    of_a, of_b = b.sides(a.points), a.sides(b.points)  # (edges b, vertices a), (edges a, vertices b)
    a_left, b_left = of_a > 0, of_b > 0
    apart_b = b_left != b_left[:, b.follows]
    apart_a = a_left != a_left[:, a.follows]
    i, j = np.nonzero(apart_b & apart_a.T)
    start, end = of_a[j, i], of_a[j, a.follows[i]]
    t = start / (start - end)
    first, last = of_b[i, j], of_b[i, b.follows[j]]
    points = a.points[i] + t[:, None] * (a.points[a.follows[i]] - a.points[i])
    return _Crossings(points, (i, j), end > 0, (t, first / (first - last)))


def _walks(edges: _Edges, crossings: _Crossings, which: int) -> dict[int, tuple[list[int], int]]:
    """For each crossing, the vertices from there along one outline to the next crossing, and that crossing."""
    on, along = crossings.edges[which], crossings.along[which]
    by_edge: dict[int, list[int]] = {}
    for number in np.lexsort((along, on)):
        by_edge.setdefault(int(on[number]), []).append(int(number))
    found: dict[int, tuple[list[int], int]] = {}
    for edge, numbers in by_edge.items():
        found.update({one: ([], following) for one, following in zip(numbers, numbers[1:], strict=False)})
        vertices = [int(edges.follows[edge])]
        while vertices[-1] not in by_edge:
            vertices.append(int(edges.follows[vertices[-1]]))
        found[numbers[-1]] = (vertices, by_edge[vertices[-1]][0])
    return found


def _trace(a: _Edges, b: _Edges, crossings: _Crossings, inside: bool) -> Region:
    """Loops that go through crossings: parts of each outline inside of the other region, or outside."""
    edges, walks = (a, b), (_walks(a, crossings, 0), _walks(b, crossings, 1))
    waiting = {int(number) for number in np.nonzero(crossings.enters == inside)[0]}
    loops = []
    while waiting:
        first = number = min(waiting)
        vertices: list[np.ndarray] = []
        which = 0
        while True:
            if bool(crossings.enters[number]) != (inside if which == 0 else not inside):
                raise _NotCrossingError
            waiting.discard(number) if which == 0 else None
            between, following = walks[which][number]
            vertices += [crossings.points[number], *edges[which].points[between]]
            number, which = following, 1 - which
            if number == first and which == 0:
                break
            if which == 0 and number not in waiting:
                raise _NotCrossingError
        loops.append(np.array(vertices))
    return loops


def _untouched(region: Region, own: _Edges, other: _Edges, touched: np.ndarray, inside: bool) -> Region:
    """Loops without crossings that are inside of the other region, or outside."""
    ends = [*own.starts[1:], len(own.points)]
    free = [not ((touched >= start) & (touched < end)).any() for start, end in zip(own.starts, ends, strict=True)]
    return [loop for loop, is_free in zip(region, free, strict=True) if is_free and other.hold(loop[0]) == inside]


def _combined(first: Region, second: Region, inside: bool) -> Region:
    """Intersection (``inside``) or union of two regions in general position."""
    a, b = _Edges.of(first), _Edges.of(second)
    crossings = _cross(a, b)
    loops = _trace(a, b, crossings, inside)
    loops += _untouched(first, a, b, crossings.edges[0], inside)
    return loops + _untouched(second, b, a, crossings.edges[1], inside)


def _moved(region: Region, seam: float, rng: np.random.Generator) -> Region:
    """Grown a little, so that regions side by side overlap, and with vertices off those of others."""
    points = np.concatenate(region)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    half = np.maximum(np.ptp(points, axis=0) / 2, 1.0)
    return [loop + (loop - middle) * (seam / half) + rng.uniform(-_JITTER, _JITTER, loop.shape) for loop in region]


def _try(first: Region, second: Region, inside: bool) -> Region:
    """Combine two regions; where that fails, with other small shifts."""
    if not (first and second):
        return [] if inside else first + second
    rng = np.random.default_rng(20260721)
    for _ in range(_ATTEMPTS):
        try:
            return _combined(first, _moved(second, 0.0 if inside else _SEAM, rng), inside)
        except _NotCrossingError:
            continue
    return second if inside else first + second


def _apart(first: Region, second: Region) -> bool:
    """Whether the boxes around two regions are apart by more than a seam."""
    (low_a, high_a), (low_b, high_b) = (
        (points.min(axis=0) - _SEAM, points.max(axis=0) + _SEAM)
        for points in (np.concatenate(first), np.concatenate(second))
    )
    return bool((low_a > high_b).any() or (low_b > high_a).any())


def union(polygons: Sequence[np.ndarray]) -> Region:
    """Outlines of all that is in one polygon or more.

    Parameters
    ----------
    polygons : sequence of (n, 2) ndarray of float
        Vertices in either direction; edges of one polygon must not cross.

    Returns
    -------
    list of (n, 2) ndarray
        Outlines of the pieces, counter-clockwise; holes are filled. Right to 1e-3 units.
    """
    unique = {np.asarray(polygon, float).tobytes(): np.asarray(polygon, float) for polygon in polygons}
    regions = [[loop if signed_area(loop) > 0 else loop[::-1]] for loop in unique.values() if signed_area(loop) != 0]
    while len(regions) > 1:
        pairs = [regions[n : n + 2] for n in range(0, len(regions), 2)]
        regions = [
            sum(pair, []) if len(pair) == 1 or _apart(*pair) else _try(pair[0], pair[1], inside=False) for pair in pairs
        ]
    return [loop for loop in (regions[0] if regions else []) if signed_area(loop) > 0]


def intersection(region: Region, polygon: np.ndarray) -> Region:
    """Parts of a region that are in a polygon.

    Parameters
    ----------
    region : list of (n, 2) ndarray of float
        Outlines, counter-clockwise.
    polygon : (n, 2) ndarray of float
        Counter-clockwise.

    Returns
    -------
    list of (n, 2) ndarray
        Outlines of the pieces, counter-clockwise. Right to 1e-5 units.
    """
    return [loop for loop in _try([polygon], region, inside=True) if signed_area(loop) > 0] if region else []


def _without_close(loop: np.ndarray, distance: float) -> np.ndarray:
    """Without vertices that are near the previous one in x and y."""
    kept = [loop[0]]
    for vertex in loop[1:]:
        if np.abs(vertex - kept[-1]).max() > distance:
            kept.append(vertex)
    if len(kept) > 1 and np.abs(kept[-1] - kept[0]).max() <= distance:
        kept.pop()
    return np.array(kept)


def _without_collinear(loop: np.ndarray, angle: float) -> np.ndarray:
    """Without vertices where the outline does not turn, or by less than the seams."""
    before, after = loop - np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0) - loop
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    straight = np.abs(np.arctan2(turn, np.sum(before * after, axis=1))) < angle
    near = np.abs(turn) < 10 * _SEAM * np.hypot(*(before + after).T)
    return loop[~(straight | near)]


def simplified(loop: np.ndarray, distance: float = 0.05, angle: float = 1e-6) -> np.ndarray:
    """Drop vertices that say nothing.

    Parameters
    ----------
    loop : (n, 2) ndarray of float
        Vertices.
    distance : float
        Vertices that near to the previous one in x and y go.
    angle : float, rad
        Vertices where the outline turns by less go.

    Returns
    -------
    (m, 2) ndarray
        Fewer than three vertices where nothing is left.
    """
    found = _without_close(loop, distance)
    return _without_collinear(found, angle) if len(found) > 2 else found
