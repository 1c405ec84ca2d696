"""All figures about the products of a simulated field, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jwst.simulation.field import SimulatedField
from jwst.simulation.field_truth import FrameTruth
from jwst.simulation.judge_field import (
    Astrometry,
    Outliers,
    Photometry,
    SkyLevels,
    judge_astrometry,
    judge_outliers,
    judge_photometry,
    judge_sky,
    typical_noise,
)
from stpipe.exceptions import InputError

__all__ = ["FieldSummary", "compare_field"]

PIXEL_PART = 0.15
"""How well frames have to fit each other, in pixels."""
MEDIAN_LIMIT, SCATTER_LIMIT = 0.02, 0.05
"""Magnitudes; the median of few stars may be as far off as its scatter allows."""
COMPLETENESS = 0.9
FALSE_ALARMS = 2e-3
SKY_PART = 0.15
"""How well sky levels have to fit, in errors of a pixel."""
EDGE = 12.0
"""Sources nearer to the edge of the mosaic, or to pixels that no frame sees, are not compared; pixels."""


@dataclass(frozen=True)
class FieldSummary:
    """Agreement of the products of a field with its truth; None where there is no such product.

    Parameters
    ----------
    before, after : Astrometry
        World coordinates of the calibrated frames, and of those that left outlier_detection.
    sky : SkyLevels
        Levels found by skymatch.
    outliers : Outliers
        Flags of outlier_detection.
    photometry : Photometry
        The catalogue of the mosaic.
    pixel : float, mas
        Size of a pixel.
    """

    before: Astrometry | None
    after: Astrometry | None
    sky: SkyLevels | None
    outliers: Outliers | None
    photometry: Photometry | None
    pixel: float

    def checks(self) -> dict[str, bool]:
        """Return whether each figure is within its limit, by the name of the figure; only those that there are."""
        found: dict[str, bool] = {}
        if self.after is not None:
            found["astrometry"] = self.after.relative <= PIXEL_PART * self.pixel
        if self.sky is not None:
            found["sky"] = self.sky.rms <= SKY_PART * self.sky.noise
        if self.outliers is not None:
            found["outliers"] = not self.outliers.pixels or self.outliers.completeness >= COMPLETENESS
            found["false alarms"] = self.outliers.false_alarms <= FALSE_ALARMS * self.outliers.good_pixels
        if self.photometry is not None:
            flux = self.photometry
            found["photometry"] = abs(flux.median) <= _median_limit(flux) and flux.scatter <= SCATTER_LIMIT
        return found

    @property
    def good(self) -> bool:
        """True if there is something to compare and all of it is within the limits."""
        checks = self.checks()
        return bool(checks) and all(checks.values())

    def __str__(self) -> str:
        lines = [*self._astrometry_lines(), *self._sky_lines(), *self._outlier_lines(), *self._photometry_lines()]
        bad = ", ".join(name for name, good in self.checks().items() if not good)
        verdict = "within limits" if self.good else f"OUTSIDE LIMITS: {bad or 'no products'}"
        return "\n".join([*lines, _line("verdict", verdict)])

    def _astrometry_lines(self) -> list[str]:
        lines = []
        for name, found in (("before tweakreg", self.before), ("after tweakreg", self.after)):
            if found is not None:
                lines.append(_line(f"places, {name}", f"{found.absolute:.2f} mas"))
                limit = f"(at most {PIXEL_PART * self.pixel:.1f})" if found is self.after else ""
                lines.append(_line("  of frames to each other", f"{found.relative:.2f} mas", limit))
        return lines

    def _sky_lines(self) -> list[str]:
        if self.sky is None:
            return []
        return [
            _line("pedestals, rms", f"{self.sky.spread:.5f} MJy/sr"),
            _line("  left by skymatch", f"{self.sky.rms:.5f} MJy/sr", f"(at most {SKY_PART * self.sky.noise:.5f})"),
        ]

    def _outlier_lines(self) -> list[str]:
        found = self.outliers
        if found is None:
            return []
        share = found.false_alarms / max(found.good_pixels, 1)
        lines = []
        if found.pixels:
            lines += [
                _line("outliers on empty sky", f"{found.pixels:,}"),
                _line("  flagged", f"{found.completeness:.2%}", f"(at least {COMPLETENESS:.0%})"),
            ]
        if found.near_sources:
            lines += [
                _line("outliers on sources", f"{found.near_sources:,}"),
                _line("  flagged", f"{found.near_found:,}"),
            ]
        return [
            *lines,
            _line("false alarms per pixel", f"{share:.2e}", f"(at most {FALSE_ALARMS:.0e})"),
            _line("false alarms on sources", f"{found.false_near:,}"),
        ]

    def _photometry_lines(self) -> list[str]:
        found = self.photometry
        if found is None:
            return []
        return [
            _line("stars in the catalogue", f"{found.found:,} of {found.stars:,}"),
            _line("  well measured", f"{found.measured:,}"),
            _line("  measured - true", f"{found.median:+.4f} mag", f"(0 +- {_median_limit(found):.3f})"),
            _line("  scatter", f"{found.scatter:.4f} mag", f"(at most {SCATTER_LIMIT})"),
            _line("  places", f"{found.distance:.2f} mas"),
            _line("sources that are none", f"{found.unknown:,}"),
        ]


def _median_limit(flux: Photometry) -> float:
    return max(MEDIAN_LIMIT, 3 * 1.25 * flux.scatter / max(flux.measured, 1) ** 0.5)


def _line(name: str, value: str, limit: str = "") -> str:
    return f"{name:<26}{value:>18}   {limit}".rstrip()


def _products(folder: Path, exposures: Sequence[Path], ending: str) -> list[Path]:
    """A product of each exposure; none if one is missing."""
    found = []
    for exposure in exposures:
        matches = sorted(folder.glob(f"{exposure.name.rpartition('_')[0]}*_{ending}.fits"))
        if not matches:
            return []
        found.append(matches[-1])
    return found


def _open(paths: Sequence[Path]) -> list[Any]:
    from stdatamodels.jwst.datamodels import ImageModel

    return [ImageModel(path) for path in paths]


def covered_sources(mosaic: Any, sources: Any) -> np.ndarray:
    """Return which sources a mosaic shows, well inside of its edges.

    Parameters
    ----------
    mosaic : ImageModel
        With ``wht`` and ``meta.wcs``.
    sources : Table or structured ndarray
        With ``ra`` and ``dec`` (deg).

    Returns
    -------
    (n,) ndarray of bool
    """
    from scipy.ndimage import binary_erosion

    seen = binary_erosion(np.asarray(mosaic.wht) > 0, iterations=int(EDGE))
    ra, dec = (np.asarray(sources[name], float) for name in ("ra", "dec"))
    x, y = (np.rint(place) for place in mosaic.meta.wcs.invert(ra, dec, with_bounding_box=False))
    covered = (x >= 0) & (x < seen.shape[1]) & (y >= 0) & (y < seen.shape[0])
    covered[covered] = seen[y[covered].astype(int), x[covered].astype(int)]
    return covered


def _judge_catalogue(folder: Path, product: str, sources: Any) -> Photometry | None:
    from astropy.table import QTable
    from stdatamodels.jwst.datamodels import ImageModel

    mosaic, catalogue = folder / f"{product}_i2d.fits", folder / f"{product}_cat.ecsv"
    if not mosaic.exists() or not catalogue.exists():
        return None
    with ImageModel(mosaic) as model:
        covered = covered_sources(model, sources)
    return judge_photometry(QTable.read(catalogue), sources, covered=covered)


def compare_field(field: SimulatedField | str | Path, *, folder: str | Path | None = None) -> FieldSummary:
    """Compare the products of a field with the truth.

    Parameters
    ----------
    field : SimulatedField, str or Path
        The field, or the folder where it is.
    folder : str or Path, optional
        Where the products are; by default with the field.

    Returns
    -------
    FieldSummary
        About the products that are there: ``_cal``, ``_crf``, ``_i2d`` with ``_cat``.

    Raises
    ------
    FileNotFoundError
        There is no field.
    InputError
        There are no products.
    """
    from astropy.table import Table

    if not isinstance(field, SimulatedField):
        field = SimulatedField.load(field)
    folder = Path(folder) if folder is not None else field.sources.parent
    truths, sources = list(field.truths()), Table.read(field.sources)
    calibrated, cleaned = (_products(folder, field.exposures, ending) for ending in ("cal", "crf"))
    if not calibrated and not cleaned:
        raise InputError(f"No products (…_cal.fits, …_crf.fits) of {field.product} in {folder}: run Image2Pipeline.")
    before, _, pixel = _judge_frames(calibrated, truths, sources)
    after, crf, other = _judge_frames(cleaned, truths, sources)
    sky, outliers = crf if crf is not None else (None, None)
    photometry = _judge_catalogue(folder, field.product, sources)
    return FieldSummary(before, after, sky, outliers, photometry, pixel or other)


def _judge_frames(
    paths: Sequence[Path], truths: Sequence[FrameTruth], sources: Any
) -> tuple[Astrometry | None, tuple[SkyLevels | None, Outliers | None] | None, float]:
    """Judge what frames can tell: places, sky levels and outliers; and the size of their pixels in mas."""
    if not paths:
        return None, None, 0.0
    frames = _open(paths)
    try:
        astrometry = judge_astrometry([frame.meta.wcs for frame in frames], truths, sources)
        levels = [frame.meta.background.level for frame in frames]
        noise = typical_noise(frames[0], truths[0])
        sky = judge_sky(levels, truths, noise=noise) if any(level is not None for level in levels) else None
        searched = any(frame.meta.cal_step.outlier_detection == "COMPLETE" for frame in frames)
        outliers = judge_outliers(frames, truths) if searched else None
        pixel = 1e3 * float(np.sqrt(frames[0].meta.photometry.pixelarea_arcsecsq or 0.0))
        return astrometry, (sky, outliers), pixel
    finally:
        for frame in frames:
            frame.close()
