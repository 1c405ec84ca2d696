"""Connected groups of flagged pixels: their area, centre and ellipse.

Flags are sparse, so components are found among the coordinates of the flagged pixels alone, and no image is labelled
unless it is crowded. Source: spec jump.md §7.1, §7.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blobs", "draw_ellipse", "find_blobs", "flagged_pixels"]

CROWDED = 100_000
"""From this number of flagged pixels on, labelling the image is faster than joining coordinates."""

PAIRS = 1 << 20
"""Blobs and points compared at a time."""

FEW_PAIRS = 400
"""Up to this number of touching pairs, spreading labels is faster than building a graph."""

SMALLEST_RING = 8
"""Fewest pixels that enclose a background pixel on all eight sides."""


@dataclass(frozen=True)
class Blobs:
    """Ellipses with the second moments of connected pixels, in raster order of their first pixels.

    Attributes
    ----------
    x, y : (n,) ndarray of float64, pixel
        Centroids.
    short, long : (n,) ndarray of float64, pixel
        Full lengths of the axes; -1 where the blob has no extent.
    angle : (n,) ndarray of float64, radian
        Of the long axis, from the row axis.
    first, area : (n,) ndarray of intp
        Where the pixels of each blob start in ``members``, and how many they are.
    members : (2, npixels) ndarray of intp
        Rows and columns of the pixels of all blobs.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    short: NDArray[np.float64]
    long: NDArray[np.float64]
    angle: NDArray[np.float64]
    first: NDArray[np.intp]
    area: NDArray[np.intp]
    members: NDArray[np.intp]

    def __len__(self) -> int:
        """Number of blobs."""
        return self.x.size

    def __getitem__(self, which: NDArray) -> Blobs:
        """Choose blobs by index or mask."""
        ellipses = {name: getattr(self, name)[which] for name in ("x", "y", "short", "long", "angle")}
        return Blobs(**ellipses, first=self.first[which], area=self.area[which], members=self.members)

    def outlines(self) -> Iterator[tuple[tuple[float, float], float, float, float]]:
        """Give ((x, y), short, long, angle) of each blob with the rounding that decides about pixels on a border.

        The released pipeline forms these moments from an image of the blob; a circle has its angle from nothing but
        their last bits.
        """
        for x, y, first, area in zip(self.x.tolist(), self.y.tolist(), self.first.tolist(), self.area.tolist()):
            rows, columns = self.members[:, first : first + area]
            top, left = rows.min(), columns.min()
            image = np.zeros((int(rows.max() - top) + 1, int(columns.max() - left) + 1), dtype=np.uint8)
            image[rows - top, columns - left] = 1
            yield (x, y), *_outline(image.shape, image.tobytes())

    def contains_any(self, points: Blobs) -> NDArray[np.bool_]:
        """Tell which ellipses have the centre of any of ``points`` inside or on them, shape (n,)."""
        inside = np.zeros(len(self), dtype=bool)
        reach = self.long.clip(1) / 2 + 1
        order = np.argsort(points.y, kind="stable")
        ys = points.y[order]
        first = np.searchsorted(ys, self.y - reach)
        count = np.searchsorted(ys, self.y + reach, side="right") - first
        total = np.cumsum(count)
        for start in range(0, int(total[-1]) if len(self) else 0, PAIRS):
            pair = np.arange(start, min(start + PAIRS, total[-1]))
            blob = np.searchsorted(total, pair, side="right")
            point = order[first[blob] + pair - (total - count)[blob]]
            inside[blob[self[blob].contain(points.x[point], points.y[point])]] = True
        return inside

    def contain(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for each ellipse and the point of the same number whether the point is inside or on it."""
        turn = np.pi - self.angle
        dx, dy = x - self.x, y - self.y
        xi, eta = dx * np.cos(turn) - dy * np.sin(turn), dx * np.sin(turn) + dy * np.cos(turn)
        with np.errstate(divide="ignore", invalid="ignore"):
            return xi**2 / (self.long / 2) ** 2 + eta**2 / (self.short / 2) ** 2 <= 1


def flagged_pixels(mask: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Find the non-zero elements of a C-contiguous array of bytes with few of them; ascending flat indices."""
    flat = mask.reshape(-1)
    whole = flat.size // 8 * 8
    words = np.flatnonzero(flat[:whole].view(np.uint64) != 0)
    found = (words[:, None] * 8 + np.arange(8)).reshape(-1)
    return np.concatenate([found[flat[found] != 0], np.flatnonzero(flat[whole:]) + whole])


def find_blobs(pixels: NDArray[np.intp], shape: tuple[int, int], *, minimum: float) -> Blobs:
    """Join flagged pixels that touch at edges or corners and describe each blob with enough area.

    Parameters
    ----------
    pixels : (n,) ndarray of intp
        Flat indices of flagged pixels, ascending.
    shape : (ny, nx)
        Shape of the image.
    minimum : float
        Smallest area, holes included. A ring of n pixels encloses no more than (n / 4 + 1)**2, itself included.
    """
    if pixels.size < min(minimum, SMALLEST_RING):
        return _nothing()
    label, count = _components(pixels, shape)
    y, x = np.divmod(pixels, shape[1])
    area = np.bincount(label, minlength=count)
    keep = area >= minimum
    doubtful = ~keep & (area >= SMALLEST_RING) & ((area / 4 + 1) ** 2 >= minimum)
    if doubtful.any():
        doubtful[doubtful] = _may_enclose(pixels, shape, label, np.flatnonzero(doubtful))
    for small in np.flatnonzero(doubtful):
        members = label == small
        keep[small] = _filled_area(y[members], x[members]) >= minimum
    if not keep.any():
        return _nothing()
    chosen = keep[label]
    number = np.cumsum(keep) - 1
    return _describe(number[label[chosen]], x[chosen], y[chosen])


@lru_cache(maxsize=1)
def _nothing() -> Blobs:
    """No blobs; computed once, since most planes have none."""
    none, index = np.empty(0), np.empty(0, dtype=np.intp)
    return Blobs(none, none, none, none, none, index, index, np.empty((2, 0), dtype=np.intp))


def _components(pixels: NDArray[np.intp], shape: tuple[int, int]) -> tuple[NDArray[np.intp], int]:
    """Number the component of each pixel, in order of the first pixels of the components."""
    if pixels.size == 0:
        return np.empty(0, dtype=np.intp), 0
    labels = _label_image(pixels, shape) if pixels.size >= CROWDED else _join(pixels, shape[1])
    _, first, label = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.intp)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[label.reshape(-1)], first.size


def _label_image(pixels: NDArray[np.intp], shape: tuple[int, int]) -> NDArray[np.int32]:
    from scipy.ndimage import label

    mask = np.zeros(shape, dtype=bool)
    mask.reshape(-1)[pixels] = True
    return label(mask, structure=np.ones((3, 3)))[0].reshape(-1)[pixels]


def _join(pixels: NDArray[np.intp], nx: int) -> NDArray[np.intp]:
    column = pixels % nx
    starts, ends = [], []
    for step, possible in ((1, column < nx - 1), (nx - 1, column > 0), (nx, None), (nx + 1, column < nx - 1)):
        place = np.searchsorted(pixels, pixels + step)
        touches = pixels[np.minimum(place, pixels.size - 1)] == pixels + step
        if possible is not None:
            touches &= possible
        starts.append(np.flatnonzero(touches))
        ends.append(place[touches])
    start, end = np.concatenate(starts), np.concatenate(ends)
    if start.size <= FEW_PAIRS:
        return _spread(pixels.size, start, end)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(start.size, dtype=np.int8), (start, end)), shape=(pixels.size, pixels.size))
    return connected_components(graph, directed=False)[1]


def _spread(count: int, start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the components of a small graph by their lowest member."""
    label = np.arange(count)
    while start.size:
        lowest = np.minimum(label[start], label[end])
        before = label.copy()
        np.minimum.at(label, start, lowest)
        np.minimum.at(label, end, lowest)
        label = label[label]
        if np.array_equal(label, before):
            break
    return label


def _may_enclose(
    pixels: NDArray[np.intp], shape: tuple[int, int], label: NDArray[np.intp], which: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell which components can have a hole, shape (len(which),); nearly all that pass do.

    The first background pixel of a hole has flagged pixels above it, on both sides of that one, and on its left; the
    last one has them below, on both sides of that one, and on its right.
    """
    flagged = np.zeros(shape[0] * shape[1], dtype=bool)
    flagged[pixels] = True
    wanted = np.zeros(int(label.max(initial=-1)) + 1, dtype=bool)
    wanted[which] = True
    column = pixels % shape[1]
    middle = np.flatnonzero(wanted[label] & (column > 0) & (column < shape[1] - 1))
    middle = middle[flagged[pixels[middle] - 1] & flagged[pixels[middle] + 1]]
    result = np.ones(which.size, dtype=bool)
    for down, side in ((shape[1], -1), (-shape[1], 1)):
        place = pixels[middle] + down
        inside = (place >= 0) & (place < flagged.size)
        corner, below = flagged[np.where(inside, place + side, 0)], flagged[np.where(inside, place, 0)]
        seen = np.zeros(wanted.size, dtype=bool)
        seen[label[middle[inside & corner & ~below]]] = True
        result &= seen[which]
    return result


def _filled_area(y: NDArray[np.intp], x: NDArray[np.intp]) -> int:
    """Area with the background that even diagonal steps cannot leave."""
    from scipy.ndimage import binary_fill_holes

    mask = np.zeros((np.ptp(y) + 1, np.ptp(x) + 1), dtype=bool)
    mask[y - y.min(), x - x.min()] = True
    return int(np.count_nonzero(binary_fill_holes(mask, structure=np.ones((3, 3)))))


def _describe(label: NDArray[np.intp], x: NDArray[np.intp], y: NDArray[np.intp]) -> Blobs:
    order = np.argsort(label, kind="stable")
    area = np.bincount(label)
    first = np.cumsum(area) - area
    members = np.stack([y[order], x[order]])
    left, top = members[1, first], members[0, first]
    u, v = x - left[label], y - top[label]
    sum_u, sum_v = np.bincount(label, u), np.bincount(label, v)
    xx = (area * np.bincount(label, u * u) - sum_u * sum_u) / area**2
    yy = (area * np.bincount(label, v * v) - sum_v * sum_v) / area**2
    xy = (area * np.bincount(label, u * v) - sum_u * sum_v) / area**2
    half, split = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    angle = np.where(xx == yy, np.where(xy > 0, np.pi / 4, -np.pi / 4), 0.5 * np.arctan2(2 * xy, yy - xx))
    short, long = 4 * np.sqrt(np.maximum(half - split, 0)) - 1, 4 * np.sqrt(half + split) - 1
    return Blobs(left + sum_u / area, top + sum_v / area, short, long, angle, first, area, members)


@lru_cache(maxsize=256)
def _outline(shape: tuple[int, int], pixels: bytes) -> tuple[float, float, float]:
    """Short axis, long axis and angle from the central moments of an image, formed as products of matrices."""
    image = np.frombuffer(pixels, dtype=np.uint8).reshape(shape).astype(np.float64)
    raw = _moments(image, (0.0, 0.0))
    area = raw[0, 0]
    central = _moments(image, (raw[1, 0] / area, raw[0, 1] / area))
    total = central[2, 0] + central[0, 2]
    rr, cc, rc = (total - central[2, 0]) / area, (total - central[0, 2]) / area, -central[1, 1] / area
    low, high = np.clip(np.linalg.eigvalsh([[rr, rc], [rc, cc]]), 0, None)
    if rr == cc:
        angle = np.pi / 4 if rc < 0 else -np.pi / 4
    else:
        angle = 0.5 * math.atan2(-2 * rc, cc - rr)
    return float(4 * np.sqrt(low) - 1), float(4 * np.sqrt(high) - 1), math.radians(math.degrees(angle))


def _moments(image: NDArray[np.float64], centre: tuple[float, float]) -> NDArray[np.float64]:
    """Moments up to the third power in rows and columns about ``centre`` (row, column), shape (4, 4)."""
    powers = np.arange(4.0)
    rows, columns = (np.arange(float(size))[:, None] - middle for size, middle in zip(image.shape, centre))
    return np.dot(np.dot(image.T, rows**powers).T, columns**powers)


@lru_cache(maxsize=16)
def _stamp(short: int, long: int, angle: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column offsets of the pixels inside an ellipse around the origin."""
    cosine, sine = np.cos(angle % np.pi), np.sin(angle % np.pi)
    rows = math.floor(abs(long * cosine) + short * sine)
    columns = math.floor(long * sine + abs(short * cosine))
    row, column = np.mgrid[-rows : max(rows + 1, -rows), -columns : max(columns + 1, -columns)]
    along, across = row * cosine + column * sine, row * sine - column * cosine
    inside_row, inside_column = np.nonzero((along / long) ** 2 + (across / short) ** 2 < 1)
    return inside_row - rows, inside_column - columns


def draw_ellipse(
    centre: tuple[float, float], semi_axes: tuple[int, int], angle: float, *, shape: tuple[int, int]
) -> NDArray[np.intp]:
    """Find the pixels inside a filled ellipse.

    Parameters
    ----------
    centre : (x, y)
        Rounded to the nearest pixel, halves to even.
    semi_axes : (short, long)
        Whole numbers of pixels. Nothing is drawn if one is 0. A negative short one (of a blob one pixel wide) narrows
        the box around the turned ellipse and otherwise counts as positive.
    angle : float, radian
        Of the long axis, from the row axis.
    shape : (ny, nx)
        Shape of the image; the part outside is cut off.

    Returns
    -------
    (n,) ndarray of intp
        Flat indices.
    """
    short, long = semi_axes
    if short == 0 or long == 0:
        return np.empty(0, dtype=np.intp)
    row, column = _stamp(short, long, angle)
    y, x = row + round(centre[1]), column + round(centre[0])
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    return y[inside] * shape[1] + x[inside]
