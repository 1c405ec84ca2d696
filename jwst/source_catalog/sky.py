"""Sky positions and directions of sources. Source: spec source_catalog.md, 12."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["bounding_boxes", "north_angle", "sky_orientation"]


def north_angle(wcs: Any, x: float, y: float) -> float:
    """Direction of North at a position of an image.

    Parameters
    ----------
    wcs : gwcs.WCS
    x, y : float, pixels
        0-based.

    Returns
    -------
    float, degrees
        From the x axis, counter-clockwise.
    """
    longitude, latitude = wcs(x, y, with_bounding_box=False)
    step = 1.0 / 3600.0
    if latitude + step > 90.0:  # beyond the pole: south of here on this meridian, the other way round
        x_south, y_south = wcs.invert(longitude, latitude - step, with_bounding_box=False)
        return float(np.degrees(np.arctan2(y - y_south, x - x_south)))
    x_north, y_north = wcs.invert(longitude, latitude + step, with_bounding_box=False)
    return float(np.degrees(np.arctan2(y_north - y, x_north - x)))


def sky_orientation(orientation: np.ndarray, angle: float) -> np.ndarray:
    """Position angles of sources.

    Parameters
    ----------
    orientation : ndarray of float, degrees
        Of the major axes from the x axis, counter-clockwise.
    angle : float, degrees
        Direction of North; see `north_angle`.

    Returns
    -------
    ndarray of float64, degrees
        From North to East, 0 to 360.
    """
    return (180.0 - angle + orientation) % 360.0


def bounding_boxes(segments: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Boxes around segments, as photutils has them.

    Parameters
    ----------
    segments : (ny, nx) ndarray of int
        Segmentation map.
    labels : (n,) ndarray of int
        Labels to look for.

    Returns
    -------
    (n, 4) ndarray of float64, pixels
        xmin, xmax, ymin, ymax; NaN for a label that has no pixels. Left and lower sides are outer edges of pixels;
        right and upper ones lie one pixel further out, as in photutils 3.0 and so in the released pipeline.
    """
    from scipy.ndimage import find_objects

    found = find_objects(segments)
    edges = np.full((len(labels), 4), np.nan)
    for index, label in enumerate(labels):
        box = found[label - 1] if 0 < label <= len(found) else None
        if box is not None:
            rows, columns = box
            edges[index] = columns.start - 0.5, columns.stop + 0.5, rows.start - 0.5, rows.stop + 0.5
    return edges
