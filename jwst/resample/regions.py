"""Footprints on the sky as texts: POLYGON of the S_REGION keyword."""

from __future__ import annotations

import re

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["mean_position", "polygons_of", "region_text"]

_POLYGON = re.compile(r"POLYGON\s+(?:[A-Z]\w*\s+)?((?:[-+.\w]+\s*)*)", re.IGNORECASE)


def _vertices(numbers: str, region: str) -> np.ndarray:
    """Vertices of one polygon, (n, 2)."""
    try:
        values = np.array(numbers.split(), dtype=np.float64)
    except ValueError:
        values = np.empty(0)
    if values.size < 6 or values.size % 2 or not np.isfinite(values).all():
        raise InputError(
            f"The footprint {region!r} (meta.wcsinfo.s_region, S_REGION) has to have three or more vertices of finite "
            "RA and Dec in deg. Run assign_wcs again, or leave the exposure out"
        )
    return values.reshape(-1, 2)


def polygons_of(region: str | None) -> list[np.ndarray]:
    """Read the polygons of a footprint.

    Parameters
    ----------
    region : str or None
        ``meta.wcsinfo.s_region``: one or more ``POLYGON ICRS  ra dec ra dec …``.

    Returns
    -------
    list of (n, 2) ndarray of float64
        RA and Dec of the vertices, deg.

    Raises
    ------
    InputError
        There is no polygon in it, or one has no area or values that are not finite.
    """
    if not region or not str(region).strip():
        raise InputError(
            "An exposure has no footprint on the sky (meta.wcsinfo.s_region, S_REGION). Run assign_wcs on it first, "
            "or leave it out"
        )
    text = str(region)
    starts = [found.start() for found in re.finditer("POLYGON", text, re.IGNORECASE)]
    if not starts or text[: starts[0]].strip():
        raise InputError(f"The footprint {text!r} (meta.wcsinfo.s_region, S_REGION) is no POLYGON of RA and Dec in deg")
    parts = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    matches = [_POLYGON.match(part) for part in parts]
    return [_vertices(match.group(1) if match else "", text) for match in matches]


def region_text(vertices: np.ndarray) -> str:
    """Write a polygon as the S_REGION keyword does.

    Parameters
    ----------
    vertices : (n, 2) ndarray of float, deg
        RA and Dec.

    Returns
    -------
    str
        ``POLYGON ICRS  ra dec …`` with nine decimals.
    """
    return "POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in np.asarray(vertices, float).ravel())


def mean_position(vertices: np.ndarray) -> tuple[float, float]:
    """Middle of the box in Cartesian axes that holds points of the sky (spec resample.md §3.1).

    Parameters
    ----------
    vertices : (n, 2) ndarray of float, deg
        RA and Dec.

    Returns
    -------
    (float, float), deg
        RA in 0..360 and Dec.

    Raises
    ------
    InputError
        The points surround the sky, so that they have no middle.
    """
    lon, lat = np.deg2rad(vertices).T
    xyz = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    x, y, z = (xyz.max(axis=1) + xyz.min(axis=1)) / 2
    if np.sqrt(x * x + y * y + z * z) < 1e-3:
        raise InputError("The footprints lie all around the sky; give crval, the centre of the mosaic")
    return float(np.rad2deg(np.arctan2(y, x)) % 360.0), float(np.rad2deg(np.arctan2(z, np.hypot(x, y))))
