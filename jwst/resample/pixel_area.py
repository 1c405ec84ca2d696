"""Mean area of the pixels of an image on the sky. Source: spec resample.md §8."""

from __future__ import annotations

from typing import Any

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["mean_pixel_area", "polygon_area"]

_SPACING = 15
_Limits = tuple[int, int, int, int]


def _unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """From angles in deg, (n, 3)."""
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def polygon_area(lon: np.ndarray, lat: np.ndarray) -> float:
    """Area of a polygon of great circles, by triangles about its middle.

    Parameters
    ----------
    lon, lat : (n,) ndarray of float, deg
        Vertices in order; the polygon must not go beyond a hemisphere.

    Returns
    -------
    float, steradian
        Without sign. The solid angle of a triangle is that of Van Oosterom & Strackee (1983), IEEE Trans. BME-30, 125.
    """
    a = _unit_vectors(np.asarray(lon, float), np.asarray(lat, float))
    c = a.mean(axis=0)
    c /= np.linalg.norm(c)
    b = np.roll(a, -1, axis=0)
    volume = np.cross(a - c, b - c) @ c
    area = abs(float(2 * np.arctan2(volume, 1 + np.sum(a * b, axis=1) + b @ c + a @ c).sum()))
    return 4 * np.pi - area if area > 2 * np.pi else area


def _box(wcs: Any, shape: tuple[int, int]) -> tuple[tuple[float, float], tuple[float, float]]:
    if wcs.bounding_box is None:
        return (-0.5, shape[1] - 0.5), (-0.5, shape[0] - 0.5)
    return wcs.bounding_box.bounding_box(order="F")


def _steps(first: int, last: int) -> np.ndarray:
    """Pixels along a side, without the last one."""
    spacing = max(1, min((last - first) // 4, _SPACING))
    return np.linspace(first, last, -(-(last - first) // spacing), endpoint=False)


def _sides(limits: _Limits) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points of the lower, right, upper and left side, counter-clockwise."""
    xmin, xmax, ymin, ymax = limits
    x, y = _steps(xmin, xmax), _steps(ymin, ymax)
    return [
        (x, np.full(x.size, float(ymin))),
        (np.full(y.size, float(xmax)), y),
        (xmin + xmax - x, np.full(x.size, float(ymax))),
        (np.full(y.size, float(xmin)), ymin + ymax - y),
    ]


def _shrunk(limits: _Limits, bad: list[bool]) -> _Limits:
    """One pixel less on the sides that have no coordinates: lower, right, upper, left."""
    xmin, xmax, ymin, ymax = limits
    return xmin + bad[3], xmax - bad[1], ymin + bad[0], ymax - bad[2]


def mean_pixel_area(wcs: Any, shape: tuple[int, int]) -> float:
    """Mean area of the pixels inside of the bounding box.

    Parameters
    ----------
    wcs : gwcs.wcs.WCS
        From x, y to RA, Dec in deg.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    float, steradian

    Raises
    ------
    InputError
        No part of the image has coordinates on the sky.
    """
    (left, right), (low, high) = _box(wcs, shape)
    limits = (
        max(0, int(left + 0.5)),
        min(shape[1] - 1, int(right - 0.5)),
        max(0, int(low + 0.5)),
        min(shape[0] - 1, int(high - 0.5)),
    )
    while limits[1] > limits[0] and limits[3] > limits[2]:
        sides = _sides(limits)
        x, y = (np.concatenate([side[axis] for side in sides]) for axis in range(2))
        sky = np.array(wcs(x, y))
        finite = np.isfinite(sky).all(axis=0)
        if finite.all():
            return polygon_area(*sky) / ((limits[1] - limits[0]) * (limits[3] - limits[2]))
        ends = np.cumsum([side[0].size for side in sides])[:-1]
        limits = _shrunk(limits, [not part.all() for part in np.split(finite, ends)])
    raise InputError(
        f"The world coordinates have no finite values along the edges of the image of shape {tuple(shape)}, "
        "so that the area of its pixels is not known. Check meta.wcs and its bounding box, or run assign_wcs again"
    )
