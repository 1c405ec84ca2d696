"""`ResampleImage`: from calibrated images to one image on one grid. Source: spec resample.md §§4-6."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.assignment import unvalidated
from jwst.resample.at_once import can_be_summed, sums_at_once
from jwst.resample.bookkeeping import TimeBook
from jwst.resample.drizzling import DrizzleRule, Limits, Mosaic, Placement, Window, input_limits
from jwst.resample.grid import OutputGrid
from jwst.resample.pixmap import find_pixel_map
from jwst.resample.places import Places, edges_of, places_of
from jwst.resample.product_metadata import BLEND_IGNORED, describe_grid, forget_sky
from jwst.resample.variances import VARIANCES, InputVariances, VarianceSums, drizzle_variances
from jwst.resample.weights import GOOD_BITS, constant_weight, weight_map
from stpipe.exceptions import InputError, ParameterError, StpipeException

__all__ = ["NotAnImageError", "ResampleImage", "ResampleSettings", "check_image", "fill_value"]

log = logging.getLogger(__name__)


class NotAnImageError(InputError, RuntimeError):
    """An input is no image with two axes."""


@dataclass(frozen=True, kw_only=True)
class ResampleSettings:
    """How images are resampled; see the parameters of the step.

    Attributes
    ----------
    pixfrac : float
    kernel, fillval, weight_type : str
    good_bits : str, int or None
    context, errors, variances, flags, blend : bool
        Planes that the product has, and whether its metadata are blended.
    direct_errors : bool
        Drizzle the errors like the data, instead of the variances.
    stepsize : float, pixel
    order : int
        Of the map of pixels.
    """

    pixfrac: float = 1.0
    kernel: str = "square"
    fillval: str = "NAN"
    weight_type: str = "ivm"
    good_bits: str | int | None = GOOD_BITS
    context: bool = True
    errors: bool = True
    variances: bool = True
    flags: bool = False
    blend: bool = True
    direct_errors: bool = False
    stepsize: float = 1.0
    order: int = 1


def fill_value(text: str | float | None) -> float:
    """Value of pixels without data.

    Parameters
    ----------
    text : str or float or None
        A number, or ``"NAN"``, ``"INDEF"``, None or nothing for NaN.

    Raises
    ------
    ParameterError
        It is none of these.
    """
    word = "" if text is None else str(text).strip()
    if word.upper() in ("", "INDEF", "NAN"):
        return math.nan
    try:
        return float(word)
    except ValueError:
        raise ParameterError(f"fillval is {text!r}; it has to be a number, 'NAN' or 'INDEF'") from None


def check_image(model: Any) -> None:
    """Refuse what is no image with world coordinates.

    Raises
    ------
    NotAnImageError
        The data have other than two axes, or there are none. A RuntimeError.
    InputError
        There are no world coordinates.
    """
    name = model.meta.filename or "An input"
    data = getattr(model, "data", None)
    if data is None or data.ndim != 2 or data.size == 0:
        shape = None if data is None else data.shape
        raise NotAnImageError(
            f"{name} is no image: a {type(model).__name__} with data of shape {shape}. Images have two axes; cubes of "
            "rates are combined one integration at a time"
        )
    if getattr(model.meta, "wcs", None) is None:
        raise InputError(f"{name} has no world coordinates (meta.wcs). Run assign_wcs on it first")


class ResampleImage:
    """Drizzles images onto one grid, one at a time, and makes a product of them.

    Parameters
    ----------
    grid : OutputGrid
        Where to.
    settings : ResampleSettings
        How.
    inputs : int
        Number of images that are to be added.
    regions : sequence of str
        Their footprints (``meta.wcsinfo.s_region``).

    Notes
    -----
    Memory: planes of the product and two sums for each variance, and about six planes of one input besides the input
    itself. Nothing of the size of the product is made for each input.
    """

    def __init__(self, grid: OutputGrid, settings: ResampleSettings, *, inputs: int, regions: Sequence[str]) -> None:
        self.grid = grid
        self.settings = settings
        self._regions = regions
        self._fill = fill_value(settings.fillval)
        self._rule = DrizzleRule(settings.kernel, settings.pixfrac, grid.pixel_scale_ratio)
        self._mosaic = Mosaic(grid.shape, self._rule, inputs=inputs if settings.context else 0, flags=settings.flags)
        direct = settings.errors and settings.direct_errors
        self._errors = Mosaic(grid.shape, self._rule) if direct else None
        self._sums = VarianceSums(grid.shape) if settings.errors and not direct else None
        self._times = TimeBook()
        self._product: Any = None
        self._blender: Any = None

    def add_model(self, model: Any, group: Any) -> None:
        """Add an image.

        Parameters
        ----------
        model : ImageModel
            With world coordinates. Not changed.
        group : hashable
            Id of its exposure.

        Raises
        ------
        NotAnImageError, InputError, MissingMetadataError, ParameterError
            It cannot be used; the text says why.
        """
        check_image(model)
        self._add_planes(model)
        self._times.add(model, group)
        self._add_metadata(model)

    def finalize(self, filename: str | None = None) -> Any:
        """Make the product.

        Parameters
        ----------
        filename : str, optional
            Its name.

        Returns
        -------
        ImageModel
            The sums are used up: nothing can be added any more.

        Raises
        ------
        InputError
            Nothing was added.
        """
        if self._product is None:
            raise InputError("There is nothing to resample: give one image or more")
        product, self._product = self._product, None
        if self._blender is not None:
            self._blender.finalize_model(product)
        with unvalidated(product):
            self._write_planes(product)
            describe_grid(product, self.grid, self._regions)
            self._write_parameters(product)
            product.meta.filename = filename
        return product

    def _add_planes(self, model: Any) -> None:
        """Drizzle the planes of an image."""
        settings = self.settings
        weight = weight_map(model, settings.weight_type, settings.good_bits)
        places = self._places(model)
        limits = input_limits(model.meta.wcs.bounding_box, model.data.shape)
        if self._add_at_once(model, weight, places, limits):
            return
        placement = Placement(places.array(), limits)
        if not self._mosaic.add(_without_sky(model), weight, placement, dq=model.dq if settings.flags else None):
            log.warning("%s lies outside of the product; nothing of it is used", model.meta.filename or "An image")
        elif self._errors is not None:
            self._errors.add(_plane(model, "err"), weight, placement)
        elif self._sums is not None:
            self._add_variances(model, weight, placement)

    def _add_at_once(self, model: Any, weight: np.ndarray, places: Places, limits: Limits) -> bool:
        """Add all planes with the overlaps found once; False where each needs the library."""
        ny, nx = weight.shape
        if self.settings.flags or limits != (0, nx - 1, 0, ny - 1):
            return False
        if not can_be_summed(weight, places, self._rule, self.grid.shape):
            return False
        edges = edges_of(places)
        window = Window.around((edges.min(axis=0), edges.max(axis=0)), self.grid.shape, self._rule.margin)
        if window is None:
            return False
        places = places.moved(window.columns.start, window.rows.start)
        names = ["err"] if self._errors else [name for name in VARIANCES if self._sums and _has(model, name)]
        planes = [_without_sky(model), *(_plane(model, name) for name in names)]
        roots = len(names) if self._sums else 0
        total, data, *others = sums_at_once(planes, weight, places, window.shape, roots=roots)
        self._mosaic.merge(data, total, window)
        if self._errors is not None:
            self._errors.merge(others[0], total, window)
        elif self._sums is not None:
            self._sums.add(InputVariances(window, dict(zip(names, others))), self._constant(model), sums=total)
        return True

    def _places(self, model: Any) -> Places:
        wcs, shape, settings = model.meta.wcs, model.data.shape, self.settings
        try:
            found = find_pixel_map(wcs, shape, self.grid.wcs, stepsize=settings.stepsize, order=settings.order)
        except StpipeException as error:
            raise type(error)(f"{model.meta.filename or 'An image'}: {error}") from error
        return places_of(found)

    def _add_variances(self, model: Any, weight: np.ndarray, placement: Placement) -> None:
        """Drizzle the variances of an image; its map of pixels is used up."""
        window = placement.window(self.grid.shape, self._rule.margin)
        names = [name for name in VARIANCES if _has(model, name)]
        if window is None or not names:
            return
        placement.move_into(window)
        planes = {name: _plane(model, name) for name in names}
        assert self._sums is not None
        self._sums.add(drizzle_variances(planes, weight, placement, self._rule, window), self._constant(model))

    def _constant(self, model: Any) -> float | None:
        """Weight of the variances of an image; None for that by the variance of its read noise."""
        if self.settings.weight_type == "exptime":
            return constant_weight(model)
        return None if _has(model, "var_rnoise") else 1.0

    def _add_metadata(self, model: Any) -> None:
        if self._product is None:
            from stdatamodels.jwst.datamodels import ImageModel

            self._product = ImageModel()
            with unvalidated(self._product):
                self._product.update(model)
            if self.settings.blend:
                from jwst.model_blender.blender import ModelBlender

                self._blender = ModelBlender(blend_ignore_attrs=BLEND_IGNORED)
        if self._blender is not None:
            self._blender.accumulate(model)

    def _write_planes(self, product: Any) -> None:
        mosaic = self._mosaic
        mosaic.fill(self._fill)
        product.data, product.wht = mosaic.data, mosaic.weight
        if mosaic.context is not None:
            product.con = mosaic.context
        if mosaic.dq is not None:
            product.dq = mosaic.dq
        if self._errors is not None:
            self._errors.fill(self._fill)
            product.err = np.divide(self._errors.data, np.float32(self._rule.pixel_scale_ratio), out=self._errors.data)
        elif self._sums is not None:
            self._write_variances(product, self._sums)
        else:
            product.meta.bunit_err = None

    def _write_variances(self, product: Any, sums: VarianceSums) -> None:
        total = np.zeros(self.grid.shape, dtype=np.float32)
        empty = np.ones(self.grid.shape, dtype=bool)
        for name in VARIANCES:
            plane = sums.result(name, self._rule.pixel_scale_ratio)
            missing = np.isnan(plane)
            np.add(total, plane, out=total, where=~missing)
            empty &= missing
            if self.settings.variances:
                setattr(product, name, plane)
        np.sqrt(total, out=total)
        total[empty] = np.nan
        product.err = total

    def _write_parameters(self, product: Any) -> None:
        settings, node = self.settings, product.meta.resample
        node.pixel_scale_ratio, node.pixfrac = self.grid.pixel_scale_ratio, settings.pixfrac
        node.kernel, node.fillval, node.weight_type = settings.kernel, settings.fillval, settings.weight_type
        self._times.write(product)
        forget_sky(product)
        product.meta.cal_step.resample = "COMPLETE"


def _has(model: Any, name: str) -> bool:
    """Whether an image has a plane of the shape of its data."""
    plane = getattr(model, name, None)
    return plane is not None and plane.shape == model.data.shape


def _plane(model: Any, name: str) -> np.ndarray:
    """A plane of an image, as float32 of this machine."""
    if not _has(model, name):
        raise InputError(f"{model.meta.filename or 'An image'} has no {name.upper()} of the shape of its data")
    return np.ascontiguousarray(getattr(model, name), dtype=np.float32)


def _without_sky(model: Any) -> np.ndarray:
    """Data without the level of the sky, where that is known and has not been subtracted."""
    data, sky = _plane(model, "data"), model.meta.background
    if sky.level is None or sky.subtracted:
        return data
    return data - np.float32(sky.level)
