"""What an output grid is, and what a user may ask of it. Source: spec resample.md §3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stpipe.exceptions import StpipeException

__all__ = ["GridRequest", "OutputGrid", "UnsupportedWCSError", "check_imaging"]


class UnsupportedWCSError(StpipeException, RuntimeError):
    """World coordinates that are not those of an image: two axes in, RA and Dec out."""


@dataclass(frozen=True)
class GridRequest:
    """What the user asks of the output grid; None leaves it to the inputs.

    Attributes
    ----------
    crpix : (float, float) or None, pixel
        Place of ``crval`` in the output, x and y from 0.
    crval : (float, float) or None, deg
        RA and Dec of the tangent point.
    rotation : float or None, deg
        Position angle of the y axis, east of north; None keeps that of the first input.
    pixel_scale_ratio : float
        Output to input scale.
    pixel_scale : float or None, arcsec
        Output scale; stands above the ratio.
    output_shape : (int, int) or None, pixel
        Columns and rows.
    """

    crpix: Sequence[float] | None = None
    crval: Sequence[float] | None = None
    rotation: float | None = None
    pixel_scale_ratio: float = 1.0
    pixel_scale: float | None = None
    output_shape: Sequence[int] | None = None


@dataclass(frozen=True)
class OutputGrid:
    """A grid to resample to.

    Attributes
    ----------
    wcs : gwcs.wcs.WCS
        Pixels from 0 to RA and Dec in deg.
    shape : (int, int)
        Rows and columns.
    pixel_scale_ratio : float
        Output to input scale.
    pixel_scale : float, arcsec
        Output scale.
    """

    wcs: Any
    shape: tuple[int, int]
    pixel_scale_ratio: float
    pixel_scale: float


def check_imaging(wcs: Any, what: str) -> None:
    """Refuse world coordinates that are not those of an image.

    Parameters
    ----------
    wcs : gwcs.wcs.WCS or None
        Of an input or of an output.
    what : str
        What it is, for the message.

    Raises
    ------
    UnsupportedWCSError
        There are none, or they have other than two axes.
    """
    if wcs is None:
        raise UnsupportedWCSError(f"The {what} has no world coordinates (meta.wcs). Run assign_wcs on it first")
    axes = wcs.forward_transform.n_inputs, wcs.forward_transform.n_outputs
    if axes != (2, 2):
        raise UnsupportedWCSError(
            f"The world coordinates of the {what} go from {axes[0]} to {axes[1]} axes; images have two, x and y to RA "
            "and Dec. Spectra need resample_spec"
        )
