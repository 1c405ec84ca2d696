"""Detection of sources in a combined image with the finders of tweakreg. Source: spec source_catalog.md, 1 and 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jwst.source_catalog.magnitudes import flux_scale
from stpipe.exceptions import InputError

__all__ = ["Detection", "check_image", "coverage_mask", "detect", "image_name"]

_COLUMNS = ("label", "x_centroid", "y_centroid", "segment_flux", "segment_flux_err", "area") + (
    "semimajor_axis",
    "semiminor_axis",
    "ellipticity",
    "orientation",
)
_VERSIONS = ("Python", "numpy", "scipy", "astropy", "photutils", "gwcs", "jwst")
_DETECTION_META = ("date", "local_bkg_width", "aperture_mask_method", "kron_params")


@dataclass(frozen=True, slots=True)
class Detection:
    """How sources are found.

    Attributes
    ----------
    starfinder : str
        ``segmentation``, ``dao`` or ``iraf``.
    snr_threshold : float
        Least signal over noise of the background.
    kernel_fwhm : float, pixels
    bkg_boxsize : int, pixels
    options : mapping
        Further keywords of the finder, as photutils names them.
    """

    starfinder: str
    snr_threshold: float
    kernel_fwhm: float
    bkg_boxsize: int
    options: Mapping[str, Any] = field(default_factory=dict)


def image_name(model: Any) -> str:
    """What to call an image in messages."""
    return str(model.meta.filename or "the image")


def check_image(model: Any) -> None:
    """Check that sources can be catalogued in an image.

    Raises
    ------
    InputError
        It has no data or no errors, they do not fit, or fluxes cannot be told from them.
    """
    data, error = plane(model, "data"), plane(model, "err")
    if data is None or data.ndim != 2 or data.size == 0:
        shape = None if data is None else data.shape
        raise InputError(f"Sources are catalogued in images; the data (SCI) of {image_name(model)} are {shape}")
    if error is None or error.shape != data.shape:
        shape = None if error is None else error.shape
        raise InputError(
            f"The data (SCI) of {image_name(model)} are {data.shape} and the errors (ERR) {shape}; both are needed"
        )
    flux_scale(model)


def plane(model: Any, name: str) -> np.ndarray | None:
    """A plane of an image; None if it has none, where the model itself would make one up."""
    return getattr(model, name, None) if model.hasattr(name) else None


def coverage_mask(model: Any) -> np.ndarray:
    """Pixels that no exposure contributed to.

    Parameters
    ----------
    model : ImageModel

    Returns
    -------
    (ny, nx) ndarray of bool
        True where the error is NaN or the weight is 0; an image without weights has no such pixels.
    """
    mask = np.isnan(model.err)
    weight = plane(model, "wht")
    if weight is not None:
        mask |= weight == 0
    return mask


def detect(model: Any, how: Detection) -> tuple[Any, np.ndarray | None] | None:
    """Find the sources of an image.

    Parameters
    ----------
    model : ImageModel
        Not changed.
    how : Detection

    Returns
    -------
    table : QTable
        As `jwst.source_catalog.source_catalog.JWSTSourceCatalog` takes it.
    segments : (ny, nx) ndarray of int or None
        The segmentation map, where the finder makes one.

    None instead of both where no source is found.
    """
    from jwst.tweakreg.tweakreg_catalog import make_tweakreg_catalog

    mask = coverage_mask(model)
    if mask.all():
        return None
    table, segments = make_tweakreg_catalog(
        model,
        how.snr_threshold,
        how.kernel_fwhm,
        how.bkg_boxsize,
        coverage_mask=mask,
        starfinder_name=how.starfinder,
        starfinder_kwargs=how.options,
        columns=_COLUMNS,
    )
    if len(table) == 0:
        return None
    _describe(table, how.starfinder)
    return table, None if segments is None else np.asarray(segments.data)


def _describe(table: Any, starfinder: str) -> None:
    """Tidy what the finder gave: only versions that matter, and no count of pixels in place of an area."""
    from jwst import __version__

    versions = {**table.meta.get("version", {}), "jwst": __version__}
    keep = {name: table.meta[name] for name in _DETECTION_META if name in table.meta}
    table.meta.clear()
    table.meta["date"] = keep.pop("date", None)
    table.meta["version"] = {name: versions[name] for name in sorted(_VERSIONS) if versions.get(name)}
    table.meta.update(keep)
    if starfinder != "segmentation" and "area" in table.colnames:
        table.remove_column("area")
