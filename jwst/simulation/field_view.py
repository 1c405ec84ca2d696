"""How a detector sees a field: where the sources are in pixels, and their light."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np

from jwst.simulation.psf import PSF, Psf
from jwst.simulation.sky_field import sersic_mixture
from jwst.simulation.subarrays import Subarray

__all__ = ["FieldView", "Placed", "place_sources", "true_wcs"]

NEWTON_STEPS = 4
REACH = 5.5
"""Gaussians end there, in widths."""
MARGIN = 40.0
"""Sources so far outside still shine into a frame, pixels."""
HALF = 0.5


def true_wcs(metadata: dict[str, dict[str, Any]], shape: tuple[int, int]) -> Any:
    """World coordinates of a frame, as our assign_wcs makes them of the references of the simulated detector.

    Parameters
    ----------
    metadata : dict of str to dict
        Sections of metadata; instrument, exposure, subarray, wcsinfo and velocity_aberration are used.
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    gwcs.wcs.WCS
        Without a bounding box.
    """
    from stdatamodels.jwst.datamodels import ImageModel

    from jwst.assign_wcs.assign_wcs import load_wcs
    from jwst.simulation.distortion import FILTER_SHIFTS, write_distortion, write_filter_shifts

    instrument = metadata["instrument"]
    with tempfile.TemporaryDirectory(prefix="jwst_field_") as folder, ImageModel(shape) as model:
        for section in ("instrument", "exposure", "subarray", "wcsinfo", "velocity_aberration"):
            for name, value in metadata[section].items():
                if value is not None:
                    setattr(getattr(model.meta, section), name, value)
        references = {"distortion": str(Path(folder) / "distortion.asdf")}
        write_distortion(Path(references["distortion"]), instrument["detector"])
        if instrument["name"] in FILTER_SHIFTS:
            references["filteroffset"] = str(Path(folder) / "filteroffset.asdf")
            write_filter_shifts(Path(references["filteroffset"]), instrument["name"])
        wcs = load_wcs(model, references).meta.wcs
    wcs.bounding_box = None
    return wcs


@dataclass(frozen=True, eq=False)
class Placed:
    """Sources in pixels.

    Parameters
    ----------
    x, y : (n,) ndarray of float64
        Columns and rows from 0.
    jacobian : (n, 2, 2) ndarray of float64, arcsec per pixel
        What a step along x (first column) and y is to the east (first row) and north.
    """

    x: np.ndarray
    y: np.ndarray
    jacobian: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """Solid angle of a pixel at each source: (n,) ndarray of float64, arcsec^2."""
        return np.abs(np.linalg.det(self.jacobian))


def _offsets(wcs: Any, x: np.ndarray, y: np.ndarray, sky: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """East and north of a place on the sky, arcsec: (2, n) ndarray."""
    ra, dec = wcs(x, y, with_bounding_box=False)
    east = ((ra - sky[0] + 180) % 360 - 180) * np.cos(np.radians(sky[1]))
    return np.stack([east, dec - sky[1]]) * 3600


def _jacobian(wcs: Any, x: np.ndarray, y: np.ndarray, sky: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    steps = ((HALF, 0.0), (0.0, HALF))
    columns = [
        _offsets(wcs, x + dx, y + dy, sky) - _offsets(wcs, x - dx, y - dy, sky) for dx, dy in steps
    ]  # two half steps are one pixel
    return np.moveaxis(np.stack(columns, axis=1), -1, 0)


def place_sources(wcs: Any, ra: np.ndarray, dec: np.ndarray) -> Placed:
    """Find where places on the sky are in a frame.

    Parameters
    ----------
    wcs : gwcs.wcs.WCS
        From `true_wcs`.
    ra, dec : (n,) ndarray of float64, deg
        Places.

    Returns
    -------
    Placed
        Good to 1e-8 pixels: the inverse in the reference, which is an approximation, is improved with Newton's method.
    """
    sky = np.asarray(ra, float), np.asarray(dec, float)
    x, y = (np.array(values, float) for values in wcs.invert(*sky, with_bounding_box=False))
    jacobian = _jacobian(wcs, x, y, sky)
    inverse = np.linalg.inv(jacobian)
    for _ in range(NEWTON_STEPS):
        step = np.einsum("nij,jn->in", inverse, _offsets(wcs, x, y, sky))
        x, y = x - step[0], y - step[1]
    return Placed(x, y, _jacobian(wcs, x, y, sky))


def _add_round(image: np.ndarray, x: float, y: float, light: float, sigma: float) -> None:
    """Add a round Gaussian: a product of two curves."""
    box = _box(image, x, y, REACH * sigma)
    if box is None:
        return
    rows, columns = box
    across = np.exp(-0.5 * ((np.arange(columns.start, columns.stop) - x) / sigma) ** 2)
    along = np.exp(-0.5 * ((np.arange(rows.start, rows.stop) - y) / sigma) ** 2) * (light / (2 * np.pi * sigma**2))
    image[box] += along[:, None] * across


def _add_oblong(image: np.ndarray, x: float, y: float, light: float, covariance: np.ndarray) -> None:
    box = _box(image, x, y, REACH * float(np.sqrt(covariance[[0, 1], [0, 1]].max())))
    if box is None:
        return
    rows, columns = box
    dx = np.arange(columns.start, columns.stop) - x
    dy = (np.arange(rows.start, rows.stop) - y)[:, None]
    (xx, xy), (_, yy) = np.linalg.inv(covariance)
    power = xx * dx**2 + 2 * xy * dx * dy + yy * dy**2
    image[box] += light / (2 * np.pi * np.sqrt(np.linalg.det(covariance))) * np.exp(-0.5 * power)


def _box(image: np.ndarray, x: float, y: float, reach: float) -> tuple[slice, slice] | None:
    ny, nx = image.shape
    x0, x1 = max(floor(x - reach), 0), min(ceil(x + reach) + 1, nx)
    y0, y1 = max(floor(y - reach), 0), min(ceil(y + reach) + 1, ny)
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _shape(source: np.void, jacobian: np.ndarray) -> np.ndarray:
    """Covariance in pixels^2 of a Gaussian whose width along the long axis is the radius of half of the light."""
    angle = np.radians(source["position_angle"])
    long = np.array([np.sin(angle), np.cos(angle)])
    short = np.array([np.cos(angle), -np.sin(angle)]) * source["axis_ratio"]
    sky = (np.outer(long, long) + np.outer(short, short)) * source["half_light_radius"] ** 2
    inverse = np.linalg.inv(jacobian)
    return inverse @ sky @ inverse.T


@dataclass(frozen=True, eq=False)
class FieldView:
    """Light of a field on a rectangle of a detector.

    Parameters
    ----------
    sources : (n,) ndarray of `jwst.simulation.sky_field.SOURCES`
        What is on the sky.
    placed : Placed
        Where it is on the rectangle.
    background : float, MJy/sr
        Light between the sources, the pedestal of the exposure included.
    nominal_area : float, arcsec^2
        Solid angle of a pixel in the keywords.
    response : float, electrons per second and pixel for 1 MJy/sr
        Of the detector in this filter.
    psf : Psf
        What a star looks like.
    """

    sources: np.ndarray
    placed: Placed
    background: float
    nominal_area: float
    response: float
    psf: Psf = PSF

    def brightness(self, shape: tuple[int, int]) -> np.ndarray:
        """Return what the calibrated product should be.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns of the rectangle.

        Returns
        -------
        (ny, nx) ndarray of float64, MJy/sr
            Flux of a source in MJy over the true solid angle of a pixel there: a flat field makes the sky flat, so that
            sources look fainter in larger pixels.
        """
        from jwst.simulation.references_photom import STERADIANS

        image = np.zeros(shape)
        totals = self.sources["flux"] * 1e-6 / (self.placed.area * STERADIANS)
        x, y = self.placed.x, self.placed.y
        inside = (x > -MARGIN) & (x < shape[1] + MARGIN) & (y > -MARGIN) & (y < shape[0] + MARGIN)
        for number in np.flatnonzero(inside):
            self._add(image, int(number), float(totals[number]))
        image += self.background
        return image

    def _add(self, image: np.ndarray, number: int, total: float) -> None:
        source, x, y = self.sources[number], float(self.placed.x[number]), float(self.placed.y[number])
        if source["kind"] == "star":
            for share, sigma in zip(self.psf.shares, self.psf.sigmas):
                _add_round(image, x, y, share * total, sigma)
            return
        shape = _shape(source, self.placed.jacobian[number])
        for part, width in zip(*sersic_mixture(float(source["sersic"]))):
            for share, sigma in zip(self.psf.shares, self.psf.sigmas):
                covariance = width**2 * shape + sigma**2 * np.eye(2)
                _add_oblong(image, x, y, part * share * total, covariance)

    def render(self, region: Subarray) -> np.ndarray:
        """Return the light as `jwst.simulation.scene.render_scene` does: (ny, nx) ndarray of float32, electrons/s."""
        return (self.brightness(region.shape) * self.response).astype(np.float32)
