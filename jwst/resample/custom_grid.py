"""Output grids that users bring: world coordinates in an ASDF file. Source: spec resample.md §3."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.resample.grid_types import OutputGrid, UnsupportedWCSError, check_imaging
from jwst.resample.pixel_area import mean_pixel_area
from stpipe.exceptions import InputError

__all__ = ["CustomWCS", "load_grid", "read_custom_wcs"]

_ARCSEC = 3600.0


@dataclass(frozen=True)
class CustomWCS:
    """Contents of an ``output_wcs`` file.

    Attributes
    ----------
    wcs : gwcs.wcs.WCS
        Pixels from 0 to RA and Dec in deg; its shape is set.
    shape : (int, int)
        Rows and columns.
    pixel_scale : float or None, arcsec
        As the file gives it.
    """

    wcs: Any
    shape: tuple[int, int]
    pixel_scale: float | None


def _tree(source: Any) -> Mapping[str, Any]:
    """Contents of a file, read in full."""
    if not isinstance(source, str | os.PathLike):
        return source
    import asdf

    if not os.path.isfile(source):
        raise InputError(f"There is no file {os.fspath(source)!r}, given as output_wcs")
    try:
        with asdf.open(source, lazy_load=False, memmap=False) as file:
            return dict(file.tree)
    except (ValueError, OSError) as error:
        raise InputError(f"output_wcs {os.fspath(source)!r} cannot be read as ASDF: {error}") from error


def _numbers(values: Any) -> tuple[int, int] | None:
    """Two whole numbers, or None where there is nothing."""
    if values is None:
        return None
    found = [int(value) for value in values]
    if len(found) != 2:
        raise InputError(f"The shape {values!r} of the output grid has {len(found)} axes; images have two")
    return found[0], found[1]


def _box_shape(wcs: Any) -> tuple[int, int] | None:
    """Rows and columns up to the upper ends of the bounding box."""
    if wcs.bounding_box is None:
        return None
    (_, right), (_, top) = wcs.bounding_box.bounding_box(order="F")
    return int(top + 0.5), int(right + 0.5)


def _shape(tree: Mapping[str, Any], wcs: Any, output_shape: Sequence[int] | None) -> tuple[int, int]:
    """Rows and columns, from the first place that has them."""
    columns_first = _numbers(output_shape), _numbers(tree.get("pixel_shape"))
    parameter, pixel_shape = (None if pair is None else pair[::-1] for pair in columns_first)
    file_shape = _numbers(tree.get("array_shape")) or pixel_shape
    found = parameter or _numbers(wcs.array_shape) or file_shape or _box_shape(wcs)
    if found is None:
        raise InputError(
            "output_wcs does not say how large the output is: it has no array_shape, pixel_shape or bounding box. "
            "Give output_shape, or add one of them to the file"
        )
    if min(found) < 2:
        raise InputError(f"The output would have {found[1]} columns and {found[0]} rows; it needs 2 or more of each")
    return found


def _file_scale(tree: Mapping[str, Any]) -> float | None:
    """Scale that a file gives, arcsec."""
    area = tree.get("pixel_area")
    scale = tree.get("pixel_scale")
    if scale is None and area is not None:
        scale = float(np.sqrt(area)) if area > 0 else float(area)
    if scale is None:
        return None
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(f"The pixel scale or area of output_wcs is {scale!r}; it has to be a positive number")
    return float(scale)


def read_custom_wcs(source: Any, output_shape: Sequence[int] | None = None) -> CustomWCS:
    """Read an ``output_wcs`` file.

    Parameters
    ----------
    source : str, Path or mapping
        ASDF file or its contents: ``wcs``, and optionally ``pixel_scale`` (arcsec) or ``pixel_area`` (arcsec^2),
        ``pixel_shape`` (nx, ny), ``array_shape`` (ny, nx).
    output_shape : (int, int), optional
        Columns and rows; stands above those of the file.

    Returns
    -------
    CustomWCS
        The shape is the first of ``output_shape``, ``wcs.array_shape``, ``array_shape``, ``pixel_shape`` and the upper
        ends of the bounding box.

    Raises
    ------
    InputError
        The file is missing, is no ASDF file, has no ``wcs``, or gives no usable shape or scale. A ValueError.
    UnsupportedWCSError
        The world coordinates are not those of an image.
    """
    tree = _tree(source)
    wcs = tree.get("wcs")
    if wcs is None:
        raise InputError("output_wcs has no 'wcs'. Write it with asdf.AsdfFile({'wcs': model.meta.wcs}).write_to(path)")
    if not hasattr(wcs, "forward_transform"):
        raise UnsupportedWCSError(f"The 'wcs' of output_wcs is a {type(wcs).__name__}; it has to be a gwcs.WCS")
    check_imaging(wcs, "output_wcs")
    shape = _shape(tree, wcs, output_shape)
    wcs.array_shape = shape
    return CustomWCS(wcs, shape, _file_scale(tree))


def _input_scale(first_wcs: Any, pixelarea_steradians: float | None) -> float | None:
    """Scale of the first input, arcsec."""
    area = pixelarea_steradians
    if area is None:
        if first_wcs is None:
            return None
        shape = first_wcs.array_shape or _box_shape(first_wcs)
        if shape is None:
            raise InputError("The first input has no bounding box, so that its pixel scale is not known")
        area = mean_pixel_area(first_wcs, tuple(shape))
    if not (np.isfinite(area) and area > 0):
        raise InputError(f"meta.photometry.pixelarea_steradians is {area!r}; it has to be a positive number")
    return float(_ARCSEC * np.rad2deg(np.sqrt(area)))


def load_grid(
    path_or_tree: Any,
    *,
    output_shape: Sequence[int] | None = None,
    first_wcs: Any = None,
    pixelarea_steradians: float | None = None,
) -> OutputGrid:
    """Make an output grid of an ``output_wcs`` file.

    Parameters
    ----------
    path_or_tree : str, Path or mapping
        See `read_custom_wcs`, also for the errors.
    output_shape : (int, int), optional
        Columns and rows.
    first_wcs : gwcs.wcs.WCS, optional
        World coordinates of the first input, used where its pixel area is not known.
    pixelarea_steradians : float, optional
        ``meta.photometry.pixelarea_steradians`` of the first input.

    Returns
    -------
    OutputGrid
        Its ratio of scales is 1 if nothing is known of the inputs.
    """
    custom = read_custom_wcs(path_or_tree, output_shape)
    scale = custom.pixel_scale
    if scale is None:
        scale = float(_ARCSEC * np.rad2deg(np.sqrt(mean_pixel_area(custom.wcs, custom.shape))))
    first = _input_scale(first_wcs, pixelarea_steradians)
    return OutputGrid(custom.wcs, custom.shape, 1.0 if first is None else scale / first, scale)
