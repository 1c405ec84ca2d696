"""Drizzle of one image after the other onto a mosaic: arrays in, arrays out.

The work is done by the `drizzle` library (Fruchter & Hook 2002, PASP 114, 144). Source: spec resample.md §4.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.threads import in_threads, threads_allowed
from stpipe.exceptions import InputError

__all__ = ["KERNELS", "DrizzleRule", "Limits", "Mosaic", "Placement", "Window", "input_limits"]

KERNELS = ("square", "gaussian", "point", "turbo", "lanczos2", "lanczos3")

Limits = tuple[int, int, int, int]

_BITS = 32
"""Images of one context plane."""

_BLOCK = 1 << 16
"""Pixels that are merged at one time."""

_REACH = {"gaussian": 1.1, "lanczos2": 2.0, "lanczos3": 3.0}
"""Half width of a drop, in input pixels, of kernels that are wider than a pixel."""


@dataclass(frozen=True)
class DrizzleRule:
    """How pixels are dropped.

    Attributes
    ----------
    kernel : str
        One of `KERNELS`.
    pixfrac : float
        Size of the drops, in input pixels.
    pixel_scale_ratio : float
        Output to input scale; the size of the kernels that are no polygons depends on it.
    """

    kernel: str = "square"
    pixfrac: float = 1.0
    pixel_scale_ratio: float = 1.0

    @property
    def margin(self) -> int:
        """Output pixels that drops can reach over the places of the pixel centres."""
        reach = max(1.0, _REACH.get(self.kernel, 1.0) * self.pixfrac)
        return 2 + math.ceil(reach / min(self.pixel_scale_ratio, 1.0))


@dataclass(frozen=True)
class Placement:
    """Where the pixels of an input lie in the output.

    Attributes
    ----------
    pixmap : (ny, nx, 2) ndarray of float64, pixel
        x and y of each pixel centre in the output, NaN where there is none.
    limits : (int, int, int, int)
        First and last column, first and last row that are used.
    """

    pixmap: np.ndarray
    limits: Limits

    def window(self, shape: tuple[int, int], margin: int) -> Window | None:
        """Part of the output that the input reaches.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns of the output.
        margin : int
            See `DrizzleRule.margin`.

        Returns
        -------
        Window or None
            None if the input lies outside of the output, or nowhere.
        """
        xmin, xmax, ymin, ymax = self.limits
        block = self.pixmap[ymin : ymax + 1, xmin : xmax + 1]
        if block.size == 0:
            return None
        return Window.around(_extremes(block), shape, margin)

    def move_into(self, window: Window) -> None:
        """Have the map count pixels from the corner of a window of the output.

        Parameters
        ----------
        window : Window

        Notes
        -----
        The map is changed in place. The shift is by whole pixels and therefore exact.
        """
        if window.columns.start or window.rows.start:
            corner = np.array([window.columns.start, window.rows.start], dtype=np.float64)
            np.subtract(self.pixmap, corner, out=self.pixmap)

    @property
    def is_whole(self) -> bool:
        """Whether all pixels of the input are used."""
        return self.limits == (0, self.pixmap.shape[1] - 1, 0, self.pixmap.shape[0] - 1)


@dataclass(frozen=True)
class Window:
    """A rectangle of the output.

    Attributes
    ----------
    rows, columns : slice
    """

    rows: slice
    columns: slice

    @classmethod
    def around(cls, ends: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], margin: int) -> Window | None:
        """Find the window of some positions.

        Parameters
        ----------
        ends : (2,) ndarray, (2,) ndarray, pixel
            Least and greatest x and y.
        shape : (int, int)
            Rows and columns of the output.
        margin : int
            See `DrizzleRule.margin`.

        Returns
        -------
        Window or None
            None beside of the output, and for NaN.
        """
        if not np.isfinite(ends).all():
            return None
        low, high = ends
        first = [max(0, math.floor(value) - margin) for value in low]
        last = [min(size, math.ceil(value) + margin + 1) for value, size in zip(high, shape[::-1])]
        if any(end <= start for start, end in zip(first, last)):
            return None
        return cls(slice(first[1], last[1]), slice(first[0], last[0]))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def index(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array of the output."""
        return self.rows, self.columns


def input_limits(bounding_box: Any, shape: tuple[int, int]) -> Limits:
    """Find the pixels of an input that lie in its bounding box.

    Parameters
    ----------
    bounding_box : ((float, float), (float, float)) or None, pixel
        Limits of x, then of y. A `ModelBoundingBox` is understood too. None is the whole image.
    shape : (int, int)
        Rows and columns of the input.

    Returns
    -------
    (int, int, int, int)
        First and last column, first and last row.
    """
    ny, nx = shape
    if bounding_box is None:
        return 0, nx - 1, 0, ny - 1
    if hasattr(bounding_box, "bounding_box"):
        bounding_box = bounding_box.bounding_box(order="F")
    (left, right), (bottom, top) = bounding_box
    return (
        max(0, int(left + 0.5)),
        min(nx - 1, int(right + 0.5)),
        max(0, int(bottom + 0.5)),
        min(ny - 1, int(top + 0.5)),
    )


class Mosaic:
    """Weighted mean of images on one grid.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    rule : DrizzleRule, optional
        How pixels are dropped.
    inputs : int, optional
        Number of images, for the context planes: image k sets bit k % 32 of plane k // 32. 0 makes none.
    flags : bool, optional
        Collect flags of the pixels that contribute.

    Attributes
    ----------
    data : (ny, nx) ndarray of float32
        Mean; 0 where there is nothing, until `fill`.
    weight : (ny, nx) ndarray of float32
        Sum of the weights times the areas of overlap, in output pixels.
    context : (n, ny, nx) ndarray of int32 or None
    dq : (ny, nx) ndarray of uint32 or None

    Notes
    -----
    Images are added in place: the library works on the arrays of the mosaic, and its cost is that of the input.
    """

    def __init__(
        self, shape: tuple[int, int], rule: DrizzleRule | None = None, *, inputs: int = 0, flags: bool = False
    ) -> None:
        self.rule = rule or DrizzleRule()
        self.data = np.zeros(shape, dtype=np.float32)
        self.weight = np.zeros(shape, dtype=np.float32)
        self.context = np.zeros(((inputs - 1) // _BITS + 1, *shape), dtype=np.int32) if inputs else None
        self.dq = np.zeros(shape, dtype=np.uint32) if flags else None
        self._count = 0

    def add(self, data: np.ndarray, weight: np.ndarray, placement: Placement, *, dq: np.ndarray | None = None) -> bool:
        """Add an image.

        Parameters
        ----------
        data : (ny, nx) ndarray of float32
            Surface brightness, which is kept.
        weight : (ny, nx) ndarray of float32
            0 where a pixel is not to be used.
        placement : Placement
            Where its pixels lie.
        dq : (ny, nx) ndarray of uint32, optional
            Flags; used if the mosaic collects them.

        Returns
        -------
        bool
            False if the image lies outside of the mosaic, or nowhere. It counts for the context planes nevertheless.

        Raises
        ------
        InputError
            The arrays differ in shape, or there are more images than context planes were made for.
        """
        number, self._count = self._count, self._count + 1
        if self.context is not None and number >= _BITS * len(self.context):
            raise InputError(f"The mosaic has context planes for {_BITS * len(self.context)} images; this is one more")
        if data.shape != weight.shape or data.shape != placement.pixmap.shape[:2]:
            raise InputError(
                f"An image has shape {data.shape}, its weights {weight.shape}, its map {placement.pixmap.shape[:2]}; "
                "they must be equal"
            )
        if placement.window(self.data.shape, self.rule.margin) is None or _too_narrow(placement.limits):
            return False
        self._drop((data, weight, dq), placement, number)
        return True

    def _drop(
        self, planes: tuple[np.ndarray, np.ndarray, np.ndarray | None], placement: Placement, number: int
    ) -> None:
        """Have the library add an image to the arrays, in place."""
        from drizzle import cdrizzle

        data, weight, dq = planes
        flags = None if self.dq is None or dq is None else np.ascontiguousarray(dq, dtype=np.uint32)
        xmin, xmax, ymin, ymax = placement.limits
        with _quiet(self.rule):
            cdrizzle.tdriz(
                input=np.ascontiguousarray(data, dtype=np.float32),
                weights=np.ascontiguousarray(weight, dtype=np.float32),
                pixmap=np.ascontiguousarray(placement.pixmap, dtype=np.float64),
                output=self.data,
                counts=self.weight,
                context=None if self.context is None else self.context[number // _BITS],
                dq=flags,
                outdq=None if flags is None else self.dq,
                uniqid=number % _BITS + 1,
                xmin=xmin,
                xmax=xmax,
                ymin=ymin,
                ymax=ymax,
                iscale=1.0,
                pscale_ratio=self.rule.pixel_scale_ratio,
                pixfrac=self.rule.pixfrac,
                kernel=self.rule.kernel,
                in_units="cps",
                expscale=1.0,
                wtscale=1.0,
                fillstr="INDEF",
            )

    def merge(self, total: np.ndarray, weight: np.ndarray, window: Window) -> None:
        """Add an image that has been drizzled into a window already.

        Parameters
        ----------
        total : (ny, nx) ndarray of float32
            Sum of weights times data; given up.
        weight : (ny, nx) ndarray of float32
            Sum of weights.
        window : Window
            Where it lies.
        """
        number, self._count = self._count, self._count + 1
        context = None if self.context is None else self.context[number // _BITS][window.index]
        bit = np.uint32(1 << number % _BITS).astype(np.int32)
        data, old = self.data[window.index], self.weight[window.index]

        def add(rows: slice) -> None:
            part, covered = total[rows], weight[rows] > 0
            if context is not None:
                np.bitwise_or(context[rows], bit, out=context[rows], where=covered)
            part += data[rows] * old[rows]
            old[rows] += weight[rows]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                np.divide(part, old[rows], out=part)
            np.copyto(data[rows], part, where=covered)

        step = max(1, _BLOCK // weight.shape[1])
        blocks = [slice(start, start + step) for start in range(0, weight.shape[0], step)]
        in_threads(add, blocks, threads_allowed())

    def fill(self, value: float) -> None:
        """Set the pixels that have no weight to a value."""
        np.copyto(self.data, np.float32(value), where=self.weight == 0)


def _too_narrow(limits: Limits) -> bool:
    """Whether an input is less than two pixels wide or high, which the library refuses."""
    xmin, xmax, ymin, ymax = limits
    return xmax <= xmin or ymax <= ymin


def _extremes(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest x and y of a map, those of its edges if they are all there."""
    edges: Sequence[np.ndarray] = (block[0], block[-1], block[:, 0], block[:, -1])
    points = np.concatenate(edges)
    if not np.isfinite(points).all():
        points = block.reshape(-1, 2)
    low = np.fmin.reduce(points, axis=0)
    return low, np.fmax.reduce(points, axis=0)


@contextmanager
def _quiet(rule: DrizzleRule) -> Iterator[None]:
    """Keep the library from warning for each image of what `rule` says."""
    with warnings.catch_warnings():
        if rule.kernel.startswith(("gaussian", "lanczos")):
            warnings.filterwarnings("ignore", message=".*not a flux-conserving kernel")
        if rule.pixfrac <= 0.001:
            warnings.filterwarnings("ignore", message="Kernel reset to 'point'")
        yield
