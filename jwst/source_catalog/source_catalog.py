"""The catalogue of the sources that were found in an image. Source: spec source_catalog.md, 4 to 13."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from jwst.source_catalog.aperture import circle_sums, ring_background
from jwst.source_catalog.columns import catalog_columns, concentration_names, flux_names
from jwst.source_catalog.magnitudes import flux_scale, flux_to_abmag, image_unit
from jwst.source_catalog.reference_data import ApertureParameters
from jwst.source_catalog.shape import nearest_neighbours, sharpness_roundness
from jwst.source_catalog.sky import bounding_boxes, north_angle, sky_orientation
from stpipe.exceptions import InputError

__all__ = ["JWSTSourceCatalog"]

log = logging.getLogger(__name__)

_AWAY = -1000.0
_CORNERS = ("ll", "ul", "lr", "ur")


class JWSTSourceCatalog:
    """Photometry, shapes and positions of sources.

    Parameters
    ----------
    model : ImageModel
        The image, in MJy/sr or, after `convert_mjysr_to_jy`, in Jy. It is not changed.
    catalog : Table
        What the detection found: ``id`` or ``label``, ``xcentroid``, ``ycentroid`` (pixels, 0-based), ``flux`` (in the
        unit of the image) and whatever it knows of segment_flux_err, area, semimajor_axis, semiminor_axis,
        ellipticity and orientation.
    kernel_fwhm : float, pixels
        Of a star.
    aperture_params : ApertureParameters or mapping
        Circles and ring.
    abvega_offset : float, mag
        AB minus Vega magnitude.
    ci_star_thresholds : sequence of float
        Concentration indices above which a source is extended: second to first circle, third to second.
    segments : (ny, nx) ndarray of int, optional
        The segmentation map; without one the boxes around sources are unknown.

    Raises
    ------
    InputError
        The unit of the image is another one, or it has no pixel area.
    """

    def __init__(
        self,
        model: Any,
        catalog: Any,
        kernel_fwhm: float,
        aperture_params: ApertureParameters | Mapping[str, Any],
        abvega_offset: float,
        ci_star_thresholds: Sequence[float],
        *,
        segments: np.ndarray | None = None,
    ) -> None:
        self.model = model
        self.detected = catalog
        self.segments = segments
        self.kernel_fwhm = kernel_fwhm
        self.aperture_params = ApertureParameters.of(aperture_params)
        self.abvega_offset = abvega_offset
        self.ci_star_thresholds = tuple(ci_star_thresholds)
        self._scale = flux_scale(model)
        self.positions = np.column_stack([_numbers(catalog, name) for name in ("xcentroid", "ycentroid")])
        self.labels = np.asarray(catalog["label" if "label" in catalog.colnames else "id"]).astype(np.int32)

    @cached_property
    def catalog(self) -> Any:
        """The catalogue as an astropy QTable."""
        from astropy.table import QTable
        from astropy.units import Quantity

        values = self._values()
        table = QTable()
        table.meta.update(self._meta())
        for column in catalog_columns(self.aperture_params.aperture_ee):
            value = values[column.name]
            table[column.name] = value if column.unit is None else Quantity(value, column.unit, copy=False)
            table[column.name].info.description = column.description
            if column.format is not None:
                table[column.name].info.format = column.format
        return table

    def _meta(self) -> dict[str, Any]:
        return {
            **self.detected.meta,
            "aperture_params": self.aperture_params.as_mapping(),
            "abvega_offset": self.abvega_offset,
        }

    def _values(self) -> dict[str, Any]:
        """Values of all columns by name, without units."""
        fluxes = self._fluxes()
        return {
            "label": self.labels,
            "xcentroid": self.positions[:, 0],
            "ycentroid": self.positions[:, 1],
            **fluxes,
            **self._magnitudes(fluxes),
            **self._concentration(fluxes),
            **self._shapes(),
            **self._sky(),
        }

    @cached_property
    def _places(self) -> np.ndarray:
        """Positions to measure at; those that are unknown lie far outside."""
        known = np.isfinite(self.positions).all(axis=1)
        return np.where(known[:, None], self.positions, _AWAY)

    def _fluxes(self) -> dict[str, np.ndarray]:
        """Fluxes and errors in Jy: background, circles, total, segment."""
        circles = self.aperture_params
        image, error, radii = self.model.data, self.model.err, np.asarray(circles.aperture_radii)
        background, background_err = ring_background(
            image,
            positions=self._places,
            inner=circles.bkg_aperture_inner_radius,
            outer=circles.bkg_aperture_outer_radius,
        )
        sums, errors = circle_sums(image, error, positions=self._places, radii=circles.aperture_radii)
        sums -= background[:, None] * (np.pi * np.square(radii))
        total = circles.aperture_corrections[-1]
        values = [background, *sums.T, total * sums[:, -1], self._column("flux")]
        uncertainties = [background_err, *errors.T, total * errors[:, -1], self._column("segment_flux_err")]
        names = ["aper_bkg", *flux_names(circles.aperture_ee), "isophotal"]
        named = zip(names, values, uncertainties)
        return {
            key: array * self._scale
            for name, value, uncertainty in named
            for key, array in ((f"{name}_flux", value), (f"{name}_flux_err", uncertainty))
        }

    def _magnitudes(self, fluxes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = {}
        for name in (*flux_names(self.aperture_params.aperture_ee), "isophotal"):
            abmag, abmag_err = flux_to_abmag(fluxes[f"{name}_flux"], fluxes[f"{name}_flux_err"])
            values[f"{name}_abmag"], values[f"{name}_abmag_err"] = abmag, abmag_err
            values[f"{name}_vegamag"], values[f"{name}_vegamag_err"] = abmag - self.abvega_offset, abmag_err.copy()
        return values

    def _concentration(self, fluxes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Ratios of fluxes, and whether a source is extended."""
        first, second, third = (fluxes[f"aper{ee}_flux"] for ee in self.aperture_params.aperture_ee)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = second / first, third / second, third / first
        extended = (ratios[0] > self.ci_star_thresholds[0]) & (ratios[1] > self.ci_star_thresholds[1])
        return {**dict(zip(concentration_names(self.aperture_params.aperture_ee), ratios)), "is_extended": extended}

    def _shapes(self) -> dict[str, np.ndarray]:
        sharpness, roundness = sharpness_roundness(self.model.data, self._places, self.kernel_fwhm)
        near, distance = nearest_neighbours(self.labels, self.positions)
        return {
            "sharpness": sharpness,
            "roundness": roundness,
            "nn_label": near,
            "nn_dist": distance,
            "isophotal_area": self._column("area"),
            "semimajor_sigma": self._column("semimajor_axis"),
            "semiminor_sigma": self._column("semiminor_axis"),
            "ellipticity": self._column("ellipticity"),
            "orientation": self._column("orientation"),
        }

    def _sky(self) -> dict[str, Any]:
        """Positions on the sky and position angles; NaN without a WCS."""
        wcs, info = getattr(self.model.meta, "wcs", None), self.model.meta.wcsinfo
        if wcs is None:
            log.warning(
                "%s has no WCS: the sky positions of its sources are NaN", self.model.meta.filename or "The image"
            )
            names = ("sky_centroid", "sky_orientation", *(f"sky_bbox_{corner}" for corner in _CORNERS))
            return {name: np.full(len(self.labels), np.nan) for name in names}
        ny, nx = self.model.data.shape
        crpix = (info.crpix1 or (nx + 1) / 2, info.crpix2 or (ny + 1) / 2)
        angle = north_angle(wcs, crpix[0] - 1.0, crpix[1] - 1.0)
        return {
            "sky_centroid": wcs.pixel_to_world(*self.positions.T),
            "sky_orientation": sky_orientation(self._column("orientation"), angle),
            **self._corners(wcs),
        }

    def _corners(self, wcs: Any) -> dict[str, Any]:
        """Corners of the boxes around the segments; NaN where there are no segments."""
        if self.segments is None:
            return {f"sky_bbox_{corner}": np.full(len(self.labels), np.nan) for corner in _CORNERS}
        left, right, bottom, top = bounding_boxes(self.segments, self.labels).T
        places = {"ll": (left, bottom), "ul": (left, top), "lr": (right, bottom), "ur": (right, top)}
        return {f"sky_bbox_{corner}": wcs.pixel_to_world(*place) for corner, place in places.items()}

    def _column(self, name: str) -> np.ndarray:
        """Numbers of a column of the detection; NaN where it has none."""
        if name not in self.detected.colnames:
            return np.full(len(self.labels), np.nan)
        return _numbers(self.detected, name)

    @staticmethod
    def convert_mjysr_to_jy(model: Any) -> None:
        """Convert data and errors of an image from MJy/sr to Jy, in place.

        Parameters
        ----------
        model : ImageModel

        Raises
        ------
        InputError
            The image is not in MJy/sr, or its pixel area (PIXAR_SR) is not given.
        """
        _convert(model, "MJy/sr", "Jy")

    @staticmethod
    def convert_jy_to_mjysr(model: Any) -> None:
        """Convert data and errors of an image from Jy to MJy/sr, in place; see `convert_mjysr_to_jy`."""
        _convert(model, "Jy", "MJy/sr")

    @staticmethod
    def convert_flux_to_abmag(flux: np.ndarray, flux_err: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """AB magnitudes of fluxes in Jy and their errors; see `jwst.source_catalog.magnitudes.flux_to_abmag`."""
        return flux_to_abmag(flux, flux_err)


def _numbers(table: Any, name: str) -> np.ndarray:
    """A column as float64, without its unit."""
    column = table[name]
    return np.asarray(getattr(column, "value", column)).astype(np.float64)


def _convert(model: Any, from_unit: str, to_unit: str) -> None:
    if image_unit(model) != from_unit:
        raise InputError(f"The image is in {image_unit(model)}, not in {from_unit}")
    model.meta.bunit_data = model.meta.bunit_err = "MJy/sr"
    scale = flux_scale(model)
    factor = np.float32(scale if to_unit == "Jy" else 1.0 / scale)
    for name in ("data", "err"):
        setattr(model, name, getattr(model, name) * factor)
    model.meta.bunit_data = model.meta.bunit_err = to_unit
