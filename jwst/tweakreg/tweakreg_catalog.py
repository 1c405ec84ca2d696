"""Catalogue of the sources of an exposure. Source: spec tweakreg.md §2."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, NON_SCIENCE
from jwst.tweakreg.background import Background, NoBackgroundError, measure_background
from jwst.tweakreg.starfinders import POSITIONS, Image, find_sources
from stpipe.exceptions import InputError

__all__ = ["make_tweakreg_catalog"]

log = logging.getLogger(__name__)


def make_tweakreg_catalog(
    model: Any,
    snr_threshold: float,
    kernel_fwhm: float,
    bkg_boxsize: int | tuple[int, int] = 400,
    coverage_mask: np.ndarray | None = None,
    starfinder_name: str = "iraf",
    starfinder_kwargs: Mapping[str, Any] | None = None,
    *,
    full: bool = True,
    columns: tuple[str, ...] = (),
) -> tuple[Any, Any]:
    """Find the sources of an exposure.

    Parameters
    ----------
    model : ImageModel
        Stays as it is.
    snr_threshold : float
        Peaks, or pixels of segments, above so many standard deviations of the background are sources.
    kernel_fwhm : float, pixel
        Full width at half maximum of the stars.
    bkg_boxsize : int or (int, int), pixel
        Size of the boxes in which the background is measured.
    coverage_mask : (ny, nx) ndarray of bool, optional
        True for pixels to leave out; by default those flagged DO_NOT_USE or NON_SCIENCE.
    starfinder_name : str
        ``iraf``, ``dao`` or ``segmentation``.
    starfinder_kwargs : mapping, optional
        Further keywords of the class of photutils that finds the sources (`IRAFStarFinder`, `DAOStarFinder`,
        `SourceFinder` and `SourceCatalog`); those that it does not know are not used.
    full : bool
        False: ``segmentation`` measures places and fluxes only.
    columns : tuple of str
        What ``segmentation`` measures instead, as photutils names it.

    Returns
    -------
    (astropy.table.QTable, SegmentationImage or None)
        The catalogue with columns ``id``, ``xcentroid``, ``ycentroid`` (pixels from 0), ``flux`` and those of the
        finder; no row where there is no source. The segmentation image where the finder makes one.

    Raises
    ------
    InputError
        The model has no image, or the mask is of another shape.
    ParameterError
        There is no such finder.
    """
    data = _image_of(model)
    mask = _mask_of(model, coverage_mask)
    background = _background(data, mask, bkg_boxsize)
    if background is None:
        return _no_sources(), None
    err = model.err if full and starfinder_name == "segmentation" else None
    image = Image(background.subtracted(data), mask, background, err, columns or (() if full else POSITIONS))
    table, segments = find_sources(
        image, starfinder_name, snr=snr_threshold, fwhm=kernel_fwhm, options=starfinder_kwargs
    )
    if table is None:
        log.warning("No sources were found in %s", model.meta.filename or "the image")
        return _no_sources(), segments
    return table, segments


def _image_of(model: Any) -> np.ndarray:
    """Pixels of a model in native byte order."""
    data: Any = getattr(model, "data", None)
    if data is None or np.ndim(data) != 2 or np.size(data) == 0:
        raise InputError(
            f"Stars are looked for in images; the data of this {type(model).__name__} have the shape {np.shape(data)}"
        )
    return np.asarray(data, np.float32)


def _mask_of(model: Any, coverage_mask: np.ndarray | None) -> np.ndarray:
    """Pixels to leave out."""
    if coverage_mask is None:
        return (np.asarray(model.dq) & np.uint32(DO_NOT_USE | NON_SCIENCE)) != 0
    mask = np.asarray(coverage_mask, bool)
    if mask.shape != np.shape(model.data):
        raise InputError(f"coverage_mask is {mask.shape}; the image is {np.shape(model.data)}")
    return mask


def _background(data: np.ndarray, mask: np.ndarray, box_size: int | tuple[int, int]) -> Background | None:
    """Background in boxes, else in one box as large as the image; None where that cannot be done either."""
    try:
        return measure_background(data, mask, box_size=box_size)
    except NoBackgroundError as error:
        log.info("%s: one box is made of the whole image", error)
    try:
        return measure_background(data, mask, box_size=data.shape, excluded=100.0)
    except NoBackgroundError:
        log.warning("The background cannot be measured: all pixels are flagged or not finite. The catalogue is empty")
        return None


def _no_sources() -> Any:
    """Catalogue without rows."""
    from astropy.table import QTable

    return QTable(names=("id", "xcentroid", "ycentroid", "flux"), dtype=(int, float, float, float))
