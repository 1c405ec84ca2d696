"""Places, fluxes and shapes of segments: `photutils.segmentation.SourceCatalog`, with sums over all segments at once.

photutils cuts each source out of the image, with its mask and its segment; most of its time goes there. Here the pixels
of all segments are listed once, sorted by label. Formulas, order of the pixels and precision of sums are the same.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = ["source_catalog_class"]

_ORDERS = 4


@functools.cache
def source_catalog_class() -> Any:
    """`SourceCatalog` for labels that are consecutive from 1."""
    from astropy.utils import lazyproperty
    from photutils.segmentation import SourceCatalog

    class QuickCatalog(SourceCatalog):
        @lazyproperty
        def _pixels(self) -> _Pixels:
            return _Pixels(self._segmentation_image.data, self._mask)

        @lazyproperty
        def _good(self) -> np.ndarray:
            return self._pixels.usable & np.isfinite(self._pixels.of(self._data))

        @lazyproperty
        def _all_masked(self) -> np.ndarray:
            return self._pixels.counts(self._good) == 0

        @lazyproperty
        def _data_values(self) -> list[np.ndarray]:
            return self._pixels.lists(self._pixels.of(self._data).astype(np.float64), self._good)

        @lazyproperty
        def _error_values(self) -> list[Any]:
            if self._error is None:
                return self._null_objects
            return self._pixels.lists(self._pixels.of(self._error), self._good)

        @lazyproperty
        def _moment_values(self) -> np.ndarray:
            values = self._pixels.of(self._convolved_data).astype(np.float64)
            values[~(self._pixels.usable & np.isfinite(values) & (values >= 0))] = 0.0
            return values

        @lazyproperty
        def moments(self) -> np.ndarray:
            """Spatial moments up to 3rd order, from the corner of the box around each segment."""
            return self._pixels.moments(self._moment_values, np.zeros((self.n_labels, 2)), self._slices)

        @lazyproperty
        def moments_central(self) -> np.ndarray:
            """Spatial moments up to 3rd order, from the centroid."""
            return self._pixels.moments(self._moment_values, np.reshape(self.cutout_centroid, (-1, 2)), self._slices)

    return QuickCatalog


class _Pixels:
    """Pixels of all segments, sorted by label, and by row and column within one."""

    def __init__(self, segments: np.ndarray, mask: np.ndarray | None) -> None:
        self._place = np.nonzero(segments)
        label = segments[self._place]
        order = np.argsort(label, kind="stable")
        self._place = self._place[0][order], self._place[1][order]
        self._number = label[order] - 1
        self._count = int(self._number[-1]) + 1
        self.usable = np.ones(len(order), bool) if mask is None else ~self.of(mask)

    def of(self, image: np.ndarray) -> np.ndarray:
        """Values of an image."""
        return image[self._place]

    def counts(self, kept: np.ndarray) -> np.ndarray:
        """Number of pixels that are kept, of each segment."""
        return np.bincount(self._number[kept], minlength=self._count)

    def lists(self, values: np.ndarray, kept: np.ndarray) -> list[np.ndarray]:
        """Values that are kept, of each segment; NaN where there is none."""
        parts = np.split(values[kept], np.cumsum(self.counts(kept))[:-1])
        return [part if part.size else np.array([np.nan]) for part in parts]

    def moments(self, values: np.ndarray, centres: np.ndarray, slices: list[Any]) -> np.ndarray:
        """Sums of values times powers of y and x (n, 4, 4), from centres (n, 2: x, y) in the boxes of segments."""
        corners = np.array([(columns.start, rows.start) for rows, columns in slices])
        x, y = (self._place[1 - axis] - corners[self._number, axis] - centres[self._number, axis] for axis in (0, 1))
        result = np.empty((self._count, _ORDERS, _ORDERS))
        for i in range(_ORDERS):
            weights = values
            for j in range(_ORDERS):
                result[:, i, j] = np.bincount(self._number, weights, minlength=self._count)
                weights = weights * x
            values = values * y
        return result
