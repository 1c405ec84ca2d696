"""The three ways to find stars; photutils does it. Source: spec tweakreg.md §2d-f."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.tweakreg.background import Background
from jwst.tweakreg.peaks import star_finder
from stpipe.exceptions import ParameterError

__all__ = ["POSITIONS", "STARFINDERS", "Image", "find_sources", "least_separation", "quiet"]

log = logging.getLogger(__name__)

STARFINDERS = ("iraf", "dao", "segmentation")
POSITIONS = ("label", "x_centroid", "y_centroid", "segment_flux")

_FWHM_TO_SIGMA = 0.42466090014400953
_BAND = 32
_STARS = ("sigma_radius", "sharpness_range", "roundness_range", "n_brightest", "peak_max", "min_separation")
_SEGMENTS = ("n_pixels", "connectivity", "n_levels", "contrast", "mode", "deblend")
_APERTURES = ("local_bkg_width", "aperture_mask_method", "kron_params")
_SEGMENT_COLUMNS = (
    "label",
    "x_centroid",
    "y_centroid",
    "sky_centroid",
    "bbox_xmin",
    "bbox_xmax",
    "bbox_ymin",
    "bbox_ymax",
    "area",
    "semimajor_axis",
    "semiminor_axis",
    "orientation",
    "eccentricity",
    "min_value",
    "max_value",
    "segment_flux",
    "segment_flux_err",
    "kron_flux",
    "kron_flux_err",
    "ellipticity",
    "sky_bbox_ll",
    "sky_bbox_ul",
    "sky_bbox_lr",
    "sky_bbox_ur",
)
_COLUMNS = {
    "label": "id",
    "x_centroid": "xcentroid",
    "y_centroid": "ycentroid",
    "segment_flux": "flux",
}


@dataclass(frozen=True)
class Image:
    """An image in which stars are looked for.

    Parameters
    ----------
    data : (ny, nx) ndarray of float32
        Without background.
    mask : (ny, nx) ndarray of bool
        True for pixels without a star's centre.
    background : Background
    err : (ny, nx) ndarray or None
        Errors; used by ``segmentation``.
    columns : tuple of str
        What ``segmentation`` is to measure, as photutils names it; by default everything.
    """

    data: np.ndarray
    mask: np.ndarray
    background: Background
    err: np.ndarray | None = None
    columns: tuple[str, ...] = ()


def find_sources(
    image: Image, name: str, *, snr: float, fwhm: float, options: Mapping[str, Any] | None = None
) -> tuple[Any, Any]:
    """Find sources in an image.

    Parameters
    ----------
    image : Image
    name : str
        One of `STARFINDERS`.
    snr : float
        Threshold in standard deviations of the background.
    fwhm : float, pixel
        Full width at half maximum of the kernel.
    options : mapping, optional
        Further keywords of the classes of photutils; those that the finder does not know are not used.

    Returns
    -------
    (astropy.table.QTable or None, SegmentationImage or None)
        None where there is no source.

    Raises
    ------
    ParameterError
        There is no such finder.
    """
    if name not in STARFINDERS:
        raise ParameterError(f"starfinder is {name!r}; it can be {', '.join(STARFINDERS)}")
    keywords = _keywords(name, options or {}, fwhm)
    find = _segments if name == "segmentation" else _stars
    with quiet(f"Search for sources ({name})"):
        table, segments = find(image, name, snr, fwhm, keywords)
    return (None, segments) if table is None or len(table) == 0 else (_renamed(table), segments)


@contextmanager
def quiet(what: str) -> Iterator[None]:
    """Tell warnings of other packages in log lines of level DEBUG."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(str(one.message) for one in caught):
        log.debug("%s: %s", what, message)


def _keywords(name: str, options: Mapping[str, Any], fwhm: float) -> dict[str, Any]:
    """Keywords of a finder; ranges and separation may have the names that they had before photutils 3."""
    known = _SEGMENTS + _APERTURES if name == "segmentation" else _STARS
    keywords = {key: value for key, value in options.items() if key in known}
    if name == "segmentation":
        return keywords
    for new, low, high in (("sharpness_range", "sharplo", "sharphi"), ("roundness_range", "roundlo", "roundhi")):
        if low in options and high in options:
            keywords[new] = options[low], options[high]
    if "minsep_fwhm" in options and name == "iraf":
        keywords.setdefault("min_separation", least_separation(options["minsep_fwhm"], fwhm))
    return keywords


def least_separation(minsep_fwhm: float, fwhm: float) -> int:
    """Least distance of sources in pixels, given in units of their width."""
    return max(2, int(minsep_fwhm * fwhm + 0.5))


def _stars(image: Image, name: str, snr: float, fwhm: float, keywords: dict[str, Any]) -> tuple[Any, None]:
    """Find point sources by their shape."""
    from photutils.detection import DAOStarFinder, IRAFStarFinder

    noise = image.background.noise_image()
    noise *= np.float32(snr)
    threshold = np.median(noise)
    del noise
    finder = IRAFStarFinder if name == "iraf" else DAOStarFinder
    search = star_finder(finder, threshold=threshold, fwhm=fwhm, **keywords)
    return search(image.data, mask=image.mask), None


def _segments(image: Image, _: str, snr: float, fwhm: float, keywords: dict[str, Any]) -> tuple[Any, Any]:
    """Find connected pixels above a threshold."""
    from jwst.tweakreg.segment_table import source_catalog_class

    smooth = _smoothed(image, fwhm)
    segments = _found(image, smooth, snr, {key: value for key, value in keywords.items() if key in _SEGMENTS})
    if segments is None:
        return None, None
    apertures = {key: value for key, value in keywords.items() if key in _APERTURES}
    if apertures.get("kron_params") is None:
        apertures["kron_params"] = (2.5, 1.4, 0.0)
    given = {"mask": image.mask, "convolved_data": smooth, "error": image.err}
    sources = source_catalog_class()(image.data, segments, **given, **apertures)
    return sources.to_table(columns=list(image.columns or _SEGMENT_COLUMNS)), segments


def _smoothed(image: Image, fwhm: float) -> np.ndarray:
    """Image convolved with a star, pixels of the mask left out, as `astropy.convolution.convolve` does it.

    A Gaussian is a product of functions of x and of y; in bands of rows that stay in the cache.
    """
    from astropy.convolution import Gaussian2DKernel

    kernel = Gaussian2DKernel(fwhm * _FWHM_TO_SIGMA).array
    taps = kernel[len(kernel) // 2] / kernel[len(kernel) // 2].sum()
    result = np.empty(image.data.shape, np.float32)
    for first in range(0, len(result), _BAND):
        rows = slice(first, min(len(result), first + _BAND))
        result[rows] = _smoothed_rows(image, rows, taps)
    return result


def _smoothed_rows(image: Image, rows: slice, taps: np.ndarray) -> np.ndarray:
    """Rows of an image convolved with a kernel that is ``taps`` along both axes; NaN where no pixel can be used."""
    (ny, nx), half = image.data.shape, taps.size // 2
    used = slice(max(0, rows.start - half), min(ny, rows.stop + half))
    top = used.start - rows.start + half
    inner = slice(top, top + used.stop - used.start), slice(half, half + nx)
    planes = np.zeros((2, rows.stop - rows.start + 2 * half, nx + 2 * half))
    planes[0][inner], planes[1] = image.data[used], 1.0
    bad = image.mask[used] | np.isnan(image.data[used])
    if not bad.any():
        return _convolved(planes[0], taps)
    for plane in planes:
        plane[inner][bad] = 0.0
    values, weights = (_convolved(plane, taps) for plane in planes)
    return np.divide(values, weights, out=np.full(values.shape, np.nan), where=weights > 0)


def _convolved(plane: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Convolve with a symmetric kernel along both axes; the result is smaller by what it reaches over."""
    half = taps.size // 2
    for axis in (0, 1):
        size = plane.shape[axis] - 2 * half
        shifted = [
            plane[start : start + size] if axis == 0 else plane[:, start : start + size] for start in range(taps.size)
        ]
        result = shifted[half] * taps[half]
        pair = np.empty_like(result)
        for step in range(1, half + 1):
            np.add(shifted[half - step], shifted[half + step], out=pair)
            pair *= taps[half + step]
            result += pair
        plane = result
    return plane


def _found(image: Image, smooth: np.ndarray, snr: float, keywords: dict[str, Any]) -> Any:
    """Segments of a smoothed image above a threshold, those in which sources overlap taken apart; None if none."""
    from photutils.segmentation import SegmentationImage

    from jwst.lib.deblending import Deblending, deblend, touching

    wanted = keywords.pop("deblend", True)
    how = Deblending(**keywords)
    above = np.empty(smooth.shape, bool)
    for rows, noise in image.background.noise_bands():
        np.greater(smooth[rows], noise * np.float32(snr), out=above[rows])
    above &= ~image.mask
    segments = touching(above, how)
    del above
    if segments is None:
        return None
    return SegmentationImage(deblend(smooth, segments, how) if wanted else segments)


def _renamed(table: Any) -> Any:
    """Give columns of all finders the same names, in a plain table."""
    from astropy.table import QTable

    names = [_COLUMNS.get(name, name) for name in table.colnames]
    meta = {key: value for key, value in table.meta.items() if key not in ("localbkg_width", "apermask_method")}
    return QTable([table[name] for name in table.colnames], names=names, meta=meta)
