"""Subtract the thermal picture frame of NIRSpec: arrays in, arrays out. Source: spec picture_frame.md.

The pattern is bright at the edge of the detector and even in its centre. The difference of the two tells its strength
in each image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jwst.picture_frame.masked_median import masked_median

__all__ = ["SIZE", "Pattern", "Regions", "subtract_from_images", "subtract_from_ramps"]

SIZE = 2048

_CENTRE = slice(76, 1984)
_INSIDE = slice(4, 2043)
_EDGES = (slice(4, 75), slice(1985, 2043))
_SIDES = slice(75, 1985)
_BAND = 32

_CENTRE_PARTS = ((_CENTRE, _CENTRE),)
_EDGE_PARTS = (*((band, _INSIDE) for band in _EDGES), *((_SIDES, band) for band in _EDGES))
"""Rectangles of the regions, without overlap."""


@dataclass(frozen=True)
class Regions:
    """Background pixels of the centre and of the edge; made by `of`.

    Parameters
    ----------
    centre, edge : (2048, 2048) ndarray of bool
        False outside the rectangles of the region.
    """

    centre: np.ndarray
    edge: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> Regions:
        """Regions of a mask that is True for background."""
        centre, edge = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool)
        centre[_CENTRE, _CENTRE] = mask[_CENTRE, _CENTRE]
        for band in _EDGES:
            edge[band, _INSIDE] = mask[band, _INSIDE]
            edge[_INSIDE, band] = mask[_INSIDE, band]
        return cls(centre, edge)

    @property
    def usable(self) -> bool:
        """Whether both have a pixel."""
        return bool(self.centre.any() and self.edge.any())

    def levels(self, image: np.ndarray) -> tuple[np.float32, np.float32]:
        """Medians of an image in the centre and at the edge; NaN is left out."""
        return _median(image, self.centre, _CENTRE_PARTS), _median(image, self.edge, _EDGE_PARTS)


@dataclass(frozen=True)
class Pattern:
    """The picture frame of a reference.

    Parameters
    ----------
    data : (2048, 2048) ndarray of float32
    centre, edge : np.float32
        Its medians in the two regions.
    """

    data: np.ndarray
    centre: np.float32
    edge: np.float32

    @classmethod
    def of(cls, data: np.ndarray, regions: Regions) -> Pattern:
        """Measure a reference."""
        return cls(data, *regions.levels(data))

    def correction(self, levels: tuple[np.float32, np.float32], band: slice) -> np.ndarray:
        """What is to be subtracted from some rows of an image with given medians."""
        centre, edge = levels
        result = self.data[band] - self.edge
        with np.errstate(divide="ignore", invalid="ignore"):
            result *= (centre - edge) / (self.centre - self.edge)
            result += edge
        return result


def subtract_from_ramps(
    data: np.ndarray, pattern: Pattern, regions: Regions, removed: np.ndarray | None = None
) -> None:
    """Subtract the pattern from the groups of ramps.

    Parameters
    ----------
    data : (nints, ngroups, 2048, 2048) ndarray of float32, DN
        Updated in place; the first group stays as it is.
    pattern : Pattern
    regions : Regions
    removed : ndarray of float32, optional
        Of the same shape, of zeros; receives output less input.
    """
    image = np.empty(data.shape[-2:], np.float32)
    for integration, ramp in enumerate(data):
        for number in range(1, len(ramp)):
            group = ramp[number]
            for band in _bands():
                np.subtract(group[band], ramp[0, band], out=image[band])
            levels = regions.levels(image)
            for band in _bands():
                change = pattern.correction(levels, band)
                np.subtract(ramp[0, band], change, out=change)
                np.add(image[band], change, out=change)
                if removed is not None:
                    np.subtract(change, group[band], out=removed[integration, number, band])
                group[band] = change


def subtract_from_images(
    data: np.ndarray, pattern: Pattern, regions: Regions, removed: np.ndarray | None = None
) -> None:
    """Subtract the pattern from rates.

    Parameters
    ----------
    data : (n, 2048, 2048) ndarray of float32, DN/s
        Updated in place.
    pattern : Pattern
    regions : Regions
    removed : ndarray of float32, optional
        Of the same shape; receives output less input.
    """
    for number, image in enumerate(data):
        levels = regions.levels(image)
        for band in _bands():
            result = image[band] - pattern.correction(levels, band)
            if removed is not None:
                np.subtract(result, image[band], out=removed[number, band])
            image[band] = result


def _median(image: np.ndarray, mask: np.ndarray, parts: tuple[tuple[slice, slice], ...]) -> np.float32:
    """Median of the finite values where a mask is True; NaN where there are none."""
    return masked_median([(image[part], mask[part]) for part in parts])


def _bands() -> Iterator[slice]:
    """Rows that fit the cache."""
    for first in range(0, SIZE, _BAND):
        yield slice(first, first + _BAND)
