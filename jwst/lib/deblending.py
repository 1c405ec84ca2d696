"""Segments of an image: touching pixels above a threshold, and the sources that overlap in one.

The same segments as ``photutils.segmentation.deblend_sources``, for which see Bertin & Arnouts 1996, A&AS 117, 393, §5:
a segment is cut at levels between its faintest and brightest pixel; where a part falls into several of enough pixels,
each is a source, and a watershed shares out the rest. All levels of a segment are labelled together here, and segments
that never fall apart, which most are, cost one labelling.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Deblending", "deblend", "touching"]

log = logging.getLogger(__name__)

_LARGEST = 1 << 20
"""Most pixels of all levels that are labelled together."""
_MOST_MARKERS = 200
_ROWS = 128


@dataclass(frozen=True, slots=True)
class Deblending:
    """How segments are taken apart.

    Attributes
    ----------
    n_pixels : int
        Least pixels of a source.
    n_levels : int
        Levels between the faintest and the brightest pixel.
    contrast : float
        Least part of the flux of a segment that makes a source, 0 to 1.
    mode : str
        Spacing of the levels: ``exponential``, ``linear`` or ``sinh``.
    connectivity : int
        4 or 8: which pixels touch.
    """

    n_pixels: int = 10
    n_levels: int = 32
    contrast: float = 0.001
    mode: str = "exponential"
    connectivity: int = 8

    @property
    def footprint(self) -> np.ndarray:
        """Neighbours of a pixel, (3, 3)."""
        from scipy.ndimage import generate_binary_structure

        return generate_binary_structure(2, 2 if self.connectivity == 8 else 1)


def touching(above: np.ndarray, how: Deblending) -> np.ndarray | None:
    """Label touching pixels, as ``photutils.segmentation.detect_sources`` does.

    Parameters
    ----------
    above : (ny, nx) ndarray of bool
        Pixels above a threshold.
    how : Deblending
        Least pixels of a segment, and which pixels touch.

    Returns
    -------
    (ny, nx) ndarray of int32 or None
        Consecutive labels from 1, 0 elsewhere; None if there is no segment of enough pixels.
    """
    from scipy.ndimage import label

    segments, count = label(above, structure=how.footprint)
    areas = np.zeros(count + 1, np.int64)
    for first in range(0, len(segments), _ROWS):
        areas += np.bincount(segments[first : first + _ROWS].ravel(), minlength=count + 1)
    large = areas >= how.n_pixels
    large[0] = False
    if not large.any():
        return None
    _renumber(segments, large)
    return segments


def deblend(image: np.ndarray, segments: np.ndarray, how: Deblending) -> np.ndarray:
    """Take segments apart in which sources overlap, in place.

    Parameters
    ----------
    image : (ny, nx) ndarray of float
        The smoothed image in which the segments were found.
    segments : (ny, nx) ndarray of int32
        Their labels, consecutive from 1; 0 elsewhere. Updated in place.
    how : Deblending

    Returns
    -------
    (ny, nx) ndarray of int32
        ``segments``. Labels are consecutive from 1; parts of segments come after the segments that are whole.
    """
    from scipy.ndimage import find_objects

    if how.contrast >= 1:
        return segments
    places = find_objects(segments)
    last = len(places)
    whole = np.ones(last + 1, bool)
    whole[1:] = [place is not None for place in places]
    for label in _divisible(image, segments, last, how):
        place = places[label - 1]
        inside = segments[place] == label
        parts = _parts(np.where(inside, image[place], np.nan), inside, how)
        if parts is not None:
            whole[label] = False
            segments[place][inside] = parts[inside] + last
            last += int(parts.max())
    _renumber(segments, np.concatenate((whole, np.ones(last - len(places), bool))))
    return segments


def _divisible(image: np.ndarray, segments: np.ndarray, last: int, how: Deblending) -> list[int]:
    """Labels of segments with pixels for two sources and more than one peak: a pixel that no neighbour outshines."""
    y, x = np.nonzero(segments)
    label = segments[y, x]
    many = (np.bincount(label, minlength=last + 1) >= 2 * how.n_pixels)[label]
    y, x, label = y[many], x[many], label[many]
    value = image[y, x]
    for dy, dx in np.argwhere(how.footprint) - 1:
        rows, columns = y + dy, x + dx
        inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
        rows, columns = np.where(inside, rows, y), np.where(inside, columns, x)
        peak = (segments[rows, columns] != label) | ~(image[rows, columns] > value)
        y, x, label, value = y[peak], x[peak], label[peak], value[peak]
    return np.flatnonzero(np.bincount(label, minlength=last + 1) >= 2).tolist()


def _renumber(segments: np.ndarray, present: np.ndarray) -> None:
    """Make labels consecutive in place; ``present`` tells for each whether it is there."""
    present[0] = False
    if present[1:].all():
        return
    numbers = (np.cumsum(present) * present).astype(segments.dtype)
    for row in segments:
        row[:] = numbers[row]


def _parts(values: np.ndarray, inside: np.ndarray, how: Deblending) -> np.ndarray | None:
    """Labels of the sources in one segment, consecutive from 1; None if it is one source."""
    low, high = np.nanmin(values), np.nanmax(values)
    if not low < high:
        return None
    modes = [how.mode, "linear"] if how.mode != "linear" else ["linear"]
    if how.mode == "exponential" and low <= 0:
        modes = ["linear"]
    markers = None
    for mode in modes:
        markers = _markers(values, _levels(low, high, how.n_levels, mode), how)
        if markers is None:
            return None
        if np.count_nonzero(np.bincount(markers.ravel())[1:]) <= _MOST_MARKERS:
            break
    return _shared_out(values, inside, markers, how)


def _levels(low: Any, high: Any, count: int, mode: str) -> np.ndarray:
    """Levels between two values, these left out."""
    linear = np.linspace(low, high, count + 2)
    if mode == "linear":
        return linear[1:-1]
    steps = (linear - low) / (high - low)
    if mode == "sinh":
        levels = np.sinh(steps / 0.25) / np.sinh(1.0 / 0.25)
        levels *= high - low
        levels += low
        return levels[1:-1]
    return (low * (high / low) ** steps)[1:-1]


def _markers(values: np.ndarray, levels: np.ndarray, how: Deblending) -> np.ndarray | None:
    """Labels of the parts that segments fall into as the level rises; None if there is one at every level."""
    from scipy.ndimage import label

    footprint, lower = how.footprint, None
    for upper in _cuts(values, levels, footprint, how.n_pixels):
        if lower is None:
            lower = upper
            continue
        width = int(upper.max()) + 1
        pairs = np.unique((lower.astype(np.int64) * width + upper)[(lower > 0) & (upper > 0)])
        children = np.bincount(pairs // width, minlength=int(lower.max()) + 1)
        split = (children >= 2)[lower]
        if split.any():
            lower = label(np.where(split, upper > 0, lower > 0), structure=footprint)[0]
    return lower


def _cuts(values: np.ndarray, levels: np.ndarray, footprint: np.ndarray, n_pixels: int) -> Iterator[np.ndarray]:
    """Labels of what is above each level, parts of too few pixels left out; only levels with several parts."""
    from scipy.ndimage import label

    structure = np.zeros((3, 3, 3), bool)
    structure[1] = footprint
    together = max(1, _LARGEST // values.size)
    for first in range(0, len(levels), together):
        above = values[None] > levels[first : first + together, None, None]
        cuts, count = label(above, structure=structure)
        large = np.bincount(cuts[above], minlength=count + 1) >= n_pixels
        large[0] = False
        last = np.maximum.accumulate(cuts.max(axis=(1, 2)))  # labels rise from level to level
        parts = np.diff(np.cumsum(large)[last], prepend=0)
        for index in np.flatnonzero(parts >= 2):
            cut = cuts[index]
            yield np.where(large[cut], cut, 0)


def _shared_out(
    values: np.ndarray, inside: np.ndarray, markers: np.ndarray | None, how: Deblending
) -> np.ndarray | None:
    """Give all pixels of a segment to markers; those that are too faint are dropped one by one, the faintest first."""
    from scipy.ndimage import sum_labels
    from skimage.segmentation import watershed

    total = np.nansum(values[inside])
    depth = np.where(inside, -values, 0)
    while True:
        markers = watershed(depth, markers, mask=inside, connectivity=how.footprint)
        labels = np.flatnonzero(np.bincount(markers.ravel())[1:]) + 1
        if labels.size == 1:
            return None
        part = sum_labels(values, markers, index=labels) / total
        if not (part < how.contrast).any():
            break
        markers[markers == labels[np.argmin(part)]] = 0
    numbers = np.zeros(int(labels[-1]) + 1, markers.dtype)
    numbers[labels] = np.arange(1, labels.size + 1)
    return numbers[markers]
