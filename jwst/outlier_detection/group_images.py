"""One image for each group of exposures, on the common grid.

Source: spec outlier_detection.md §A.2 b; resample.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jwst.lib.assignment import unvalidated
from jwst.outlier_detection.utils import Options, fill_value, label, unsubtracted_sky
from jwst.resample.drizzling import DrizzleRule, Mosaic, Placement, Window, input_limits
from jwst.resample.grid import OutputGrid
from jwst.resample.pixmap import PixelMap, PixelMaps
from jwst.resample.weights import weight_map
from stpipe.exceptions import InputError

__all__ = ["GroupImage", "GroupImages"]


@dataclass(frozen=True)
class GroupImages:
    """Where and how groups are resampled.

    Attributes
    ----------
    grid : OutputGrid
        The common grid.
    options : Options
    maps : PixelMaps
        Where the pixels of the exposures fall.
    regions : sequence of str
        Footprints of all exposures.
    """

    grid: OutputGrid
    options: Options
    maps: PixelMaps
    regions: Sequence[str] = ()

    @property
    def fill(self) -> float:
        """Value of pixels without data."""
        return fill_value(self.options.fillval)

    def start(self) -> GroupImage:
        """Begin the image of a group."""
        rule = DrizzleRule(self.options.kernel, self.options.pixfrac, self.grid.pixel_scale_ratio)
        return GroupImage(self, Mosaic(self.grid.shape, rule))

    def places(self, model: Any) -> PixelMap:
        """Find where the pixels of an exposure fall on the common grid.

        Raises
        ------
        InputError
            It has no world coordinates.
        """
        wcs = model.meta.wcs
        if wcs is None:
            raise InputError(f"{label(model)} has no world coordinates: run assign_wcs on it, or leave it out")
        options = self.options
        return self.maps.find(wcs, model.data.shape, self.grid.wcs, stepsize=options.stepsize, order=options.order)

    def model_of(self, first: Any, data: NDArray[np.float32], weight: NDArray[np.float32] | None = None) -> Any:
        """Make a model of an image on the common grid.

        Parameters
        ----------
        first : ImageModel
            Exposure whose metadata it takes.
        data, weight : (ny, nx) ndarray of float32

        Returns
        -------
        ImageModel
            With the metadata of the mosaic of one group.
        """
        from stdatamodels.jwst import datamodels

        from jwst.resample.bookkeeping import TimeBook
        from jwst.resample.product_metadata import describe_grid, forget_sky

        model = datamodels.ImageModel()
        with unvalidated(model):
            model.update(first)
        model.data = np.array(data)
        if weight is not None:
            model.wht = np.array(weight)
        describe_grid(model, self.grid, self.regions)
        forget_sky(model)
        times = TimeBook()
        times.add(first, 0)
        times.write(model)
        model.meta.cal_step.resample = "COMPLETE"
        node, options = model.meta.resample, self.options
        node.pixel_scale_ratio, node.pixfrac = self.grid.pixel_scale_ratio, options.pixfrac
        node.kernel, node.fillval, node.weight_type = options.kernel, options.fillval, options.weight_type
        return model


class GroupImage:
    """The exposures of one group, drizzled.

    Parameters
    ----------
    images : GroupImages
    mosaic : Mosaic
        Of the size of the common grid. Only the part that is written to takes memory.
    """

    def __init__(self, images: GroupImages, mosaic: Mosaic) -> None:
        self._images = images
        self._mosaic = mosaic
        self._window: Window | None = None

    def add(self, model: Any) -> None:
        """Add an exposure; a sky that is still in its data is taken off.

        Parameters
        ----------
        model : ImageModel
            Not changed.
        """
        options = self._images.options
        limits = input_limits(getattr(model.meta.wcs, "bounding_box", None), model.data.shape)
        placement = Placement(self._images.places(model).array(), limits)
        weight = weight_map(model, options.weight_type, options.good_bits)
        sky = unsubtracted_sky(model)
        data = model.data - np.float32(sky) if sky else model.data
        if self._mosaic.add(data, weight, placement):
            self._include(placement.window(self._mosaic.data.shape, self._mosaic.rule.margin))

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]]:
        """Cut out the part of the common grid that the exposures reach.

        Returns
        -------
        data : (ny, nx) ndarray of float32
            The fill value where there is no weight.
        weight : (ny, nx) ndarray of float32
        corner : (int, int)
            Row and column of the first pixel.
        """
        window = self._window or Window(slice(0, 0), slice(0, 0))
        data, weight = (plane[window.index].copy() for plane in (self._mosaic.data, self._mosaic.weight))
        data[weight == 0] = self._images.fill
        return data, weight, (window.rows.start, window.columns.start)

    def _include(self, other: Window | None) -> None:
        """Widen the part that is cut out."""
        if other is None:
            return
        one = self._window or other
        rows = slice(min(one.rows.start, other.rows.start), max(one.rows.stop, other.rows.stop))
        columns = slice(min(one.columns.start, other.columns.start), max(one.columns.stop, other.columns.stop))
        self._window = Window(rows, columns)
