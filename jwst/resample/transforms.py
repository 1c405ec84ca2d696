"""The way from pixels of an image to pixels of the output, by gwcs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from jwst.resample.grid_types import UnsupportedWCSError

__all__ = ["SMOOTH", "PixelToPixel", "content"]

SMOOTH = frozenset(
    (
        *("AffineTransformation2D", "Chebyshev2D", "Const1D", "Hermite2D", "Identity", "Legendre2D", "Linear1D"),
        *("Mapping", "Multiply", "Polynomial1D", "Polynomial2D", "Scale", "Shift"),
        *("CartesianToSpherical", "SphericalToCartesian", "Rotation2D", "RotationSequence3D"),
        *("SphericalRotationSequence", "RotateCelestial2Native", "RotateNative2Celestial"),
        *("Pix2Sky_Gnomonic", "Sky2Pix_Gnomonic", "FITSImagingWCSTransform"),
    )
)
"""Names of transforms that are analytic: given by their parameters and `_SETTINGS`."""

_SETTINGS = (
    *("mapping", "axes_order", "wrap_lon_at", "degree", "x_degree", "y_degree", "domain", "window"),
    *("x_domain", "y_domain", "x_window", "y_window", "lon_pole"),
)


def content(transform: Any) -> Hashable:
    """What a transform does, to be compared with others.

    Parameters
    ----------
    transform : astropy.modeling.Model

    Returns
    -------
    hashable
        Equal for transforms that do the same. Transforms of unknown kinds are equal to themselves only.
    """
    if hasattr(transform, "left"):
        return transform.op, content(transform.left), content(transform.right)
    name = type(transform).__name__
    if name not in SMOOTH:
        return _Same(transform)
    projection = getattr(transform, "projection", None)
    settings = tuple(repr(getattr(transform, setting, None)) for setting in _SETTINGS)
    parameters = transform.parameters.tobytes()
    return name, transform.n_inputs, parameters, settings, projection and content(projection)


class _Same:
    """Equal to others of the same object, which it keeps alive."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __hash__(self) -> int:
        return id(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value


class PixelToPixel:
    """From x and y of an image by RA and Dec to x and y of the output. The transforms are put together once.

    Parameters
    ----------
    input_wcs, output_wcs : gwcs.wcs.WCS
        World coordinates of the image and of the output; the bounding box of the output is not used.

    Attributes
    ----------
    forward : astropy.modeling.Model
        Pixels of the image to the sky.
    backward : astropy.modeling.Model or None
        Sky to pixels of the output; None where transforms have units, which is left to gwcs.

    Raises
    ------
    UnsupportedWCSError
        The output has no way from the sky to pixels.
    """

    def __init__(self, input_wcs: Any, output_wcs: Any) -> None:
        self._input_wcs, self._output_wcs = input_wcs, output_wcs
        self.forward = input_wcs.forward_transform
        self.backward: Any = None
        try:
            backward = output_wcs.backward_transform
        except NotImplementedError as error:
            raise UnsupportedWCSError(
                "The world coordinates of the output have no inverse, from RA and Dec to pixels. Give an output_wcs "
                "with one: the WCS of a mosaic has it"
            ) from error
        if not (self.forward.uses_quantity or backward.uses_quantity):
            self.backward = backward

    @property
    def content(self) -> Hashable:
        """What the transforms do, to be compared with others."""
        if self.backward is None:
            return _Same(self._input_wcs), _Same(self._output_wcs)
        return content(self.forward), content(self.backward)

    def sky(self, x: np.ndarray, y: np.ndarray, *, with_bounding_box: bool = True) -> np.ndarray:
        """RA and Dec of points.

        Parameters
        ----------
        x, y : (n,) ndarray of float, pixel
            Points of the image.
        with_bounding_box : bool
            Give NaN outside of the bounding box of the image.

        Returns
        -------
        (2, n) ndarray of float64, deg
        """
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if self.backward is None:
            return np.array(self._input_wcs(x, y, with_bounding_box=with_bounding_box), dtype=np.float64)
        return np.array(self.forward(x, y, with_bounding_box=with_bounding_box, fill_value=np.nan), dtype=np.float64)

    def pixels(self, sky: np.ndarray) -> np.ndarray:
        """Positions in the output of points of the sky.

        Parameters
        ----------
        sky : (2, n) ndarray of float64, deg
            RA and Dec.

        Returns
        -------
        (2, n) ndarray of float64, pixel
        """
        if self.backward is None:
            return np.array(self._output_wcs.invert(*sky, with_bounding_box=False), dtype=np.float64)
        return np.array(self.backward(*sky), dtype=np.float64)

    def __call__(self, x: np.ndarray, y: np.ndarray, *, with_bounding_box: bool = True) -> np.ndarray:
        """Positions in the output of points of the image, see `sky`."""
        return self.pixels(self.sky(x, y, with_bounding_box=with_bounding_box))
