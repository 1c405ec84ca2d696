"""Smooth maps from pixel to pixel, as sums of Chebyshev polynomials.

Distortion polynomials, rotations of the sphere and the tangent projection are analytic, so that such a sum converges
as fast as a geometric series (Trefethen, Approximation Theory and Approximation Practice, chapter 8). Twenty nodes
for each axis reach the rounding of RA and Dec in float64, which is about 1e-8 pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.resample.transforms import SMOOTH, PixelToPixel

__all__ = ["SmoothMap", "fit_smooth_map", "is_smooth"]

_NODES = 20
_CHECKED = 200
_TAIL = 3
_Limits = tuple[int, int]


def _leaves(model: Any) -> Iterator[Any]:
    """Simple transforms of a compound one."""
    if hasattr(model, "left"):
        yield from _leaves(model.left)
        yield from _leaves(model.right)
    else:
        yield model


def is_smooth(transform: Any) -> bool:
    """Whether a transform is made only of those known to be analytic.

    Parameters
    ----------
    transform : astropy.modeling.Model

    Returns
    -------
    bool
    """
    for leaf in _leaves(transform):
        projection = getattr(leaf, "projection", None)
        if type(leaf).__name__ not in SMOOTH or not (projection is None or is_smooth(projection)):
            return False
    return True


def _basis(points: np.ndarray, count: int) -> np.ndarray:
    """Chebyshev polynomials of degrees up to ``count - 1`` at points in -1..1, (points, count)."""
    return np.polynomial.chebyshev.chebvander(points, count - 1)


@dataclass(frozen=True)
class SmoothMap:
    """Sum of Chebyshev polynomials in x and y.

    Attributes
    ----------
    coefficients : (2, n, m) ndarray of float64, pixel
        Of output x and y; degrees in y, then in x.
    x_range, y_range : (int, int), pixel
        First and last column and row that it is for.
    """

    coefficients: np.ndarray
    x_range: _Limits
    y_range: _Limits

    def _scaled(self, values: np.ndarray, limits: _Limits) -> np.ndarray:
        return (2 * values - (limits[0] + limits[1])) / max(limits[1] - limits[0], 1)

    def bases(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Polynomials at rows and at columns: (rows, n) and (columns, m) float64."""
        _, degrees_y, degrees_x = self.coefficients.shape
        return _basis(self._scaled(y, self.y_range), degrees_y), _basis(self._scaled(x, self.x_range), degrees_x)

    def fill(self, out: np.ndarray, x0: int, y0: int) -> None:
        """Write the positions of pixels.

        Parameters
        ----------
        out : (rows, columns, 2) ndarray of float64, pixel
            C-contiguous. Updated in place.
        x0, y0 : int
            First column and row.
        """
        rows, columns, _ = out.shape
        y, x = self.bases(np.arange(y0, y0 + rows), np.arange(x0, x0 + columns))
        along_x = np.moveaxis(self.coefficients @ x.T, 0, -1).reshape(y.shape[1], columns * 2)
        np.matmul(y, along_x, out=out.reshape(rows, columns * 2))

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Positions of points.

        Parameters
        ----------
        x, y : (n,) ndarray of float, pixel
            Points.

        Returns
        -------
        (2, n) ndarray of float64, pixel
        """
        basis_y, basis_x = self.bases(y, x)
        return np.einsum("pj,aji,pi->ap", basis_y, self.coefficients, basis_x, optimize=True)


def _middle(limits: _Limits) -> tuple[float, float]:
    return (limits[0] + limits[1]) / 2, (limits[1] - limits[0]) / 2


def _rounding(way: PixelToPixel, x_range: _Limits, y_range: _Limits) -> float:
    """Error of output positions for that of RA in float64, pixel."""
    (x, _), (y, _) = _middle(x_range), _middle(y_range)
    sky = way.sky(np.array([x, x + 1]), np.array([y, y]), with_bounding_box=False)
    places = way.pixels(sky)
    lon, lat = np.deg2rad(sky)
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    angle = np.rad2deg(np.linalg.norm(vectors[:, 1] - vectors[:, 0]))
    step = np.hypot(*(places[:, 1] - places[:, 0]))
    return float(np.spacing(360.0) * step / angle + 8 * np.spacing(np.abs(places).max()))


def _coefficients(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients of values (2, n, n) at the nodes."""
    angles = np.pi * (np.arange(_NODES) + 0.5) / _NODES
    cosines = np.cos(np.outer(np.arange(_NODES), angles)) * (2 / _NODES)
    cosines[0] /= 2
    return cosines @ values @ cosines.T


def _shortened(coefficients: np.ndarray, tolerance: float) -> np.ndarray | None:
    """Without high degrees that are noise; None if the highest are more than that."""
    large = (np.abs(coefficients) > tolerance).any(axis=0)
    degree_y, degree_x = (int(np.max(np.nonzero(large.any(axis=axis))[0], initial=0)) for axis in (1, 0))
    if max(degree_x, degree_y) >= _NODES - _TAIL:
        return None
    return np.ascontiguousarray(coefficients[:, : degree_y + 1, : degree_x + 1])


def _scattered(limits: tuple[_Limits, _Limits]) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly, with the corners; not the nodes (Roberts' R2 sequence)."""
    steps = np.outer([0.7548776662466927, 0.5698402909980532], np.arange(1, _CHECKED)) % 1.0
    unit = np.hstack([steps, [[0, 0, 1, 1], [0, 1, 0, 1]]])
    (x0, x1), (y0, y1) = limits
    return x0 + unit[0] * (x1 - x0), y0 + unit[1] * (y1 - y0)


def fit_smooth_map(way: PixelToPixel, x_range: _Limits, y_range: _Limits) -> SmoothMap | None:
    """Find the sum that is equal to the transforms within their rounding.

    Parameters
    ----------
    way : PixelToPixel
        Transforms.
    x_range, y_range : (int, int), pixel
        First and last column and row; all inside of the bounding box.

    Returns
    -------
    SmoothMap or None
        None where there is a transform that is not known to be analytic, or the sum does not converge, or it differs
        from the transforms at any of 200 points by more than ten times the rounding of RA.
    """
    if way.backward is None or not (is_smooth(way.forward) and is_smooth(way.backward)):
        return None
    cosines = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    (x, width), (y, height) = _middle(x_range), _middle(y_range)
    nodes = [axis.ravel() for axis in np.meshgrid(x + width * cosines, y + height * cosines)]
    values = way(*nodes, with_bounding_box=False).reshape(2, _NODES, _NODES)
    rounding = _rounding(way, x_range, y_range)
    if not (np.isfinite(values).all() and np.isfinite(rounding)):
        return None
    coefficients = _shortened(_coefficients(values), rounding / 2)
    if coefficients is None:
        return None
    found = SmoothMap(coefficients, x_range, y_range)
    points = _scattered((x_range, y_range))
    error = np.abs(found.at(*points) - way(*points, with_bounding_box=False)).max()
    return found if error <= 10 * rounding else None
