"""How well products of images agree with the truth of a simulated field: places, fluxes, sky levels, outliers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE
from jwst.simulation.field_truth import FrameTruth
from stpipe.exceptions import InputError

__all__ = [
    "Astrometry",
    "Outliers",
    "Photometry",
    "SkyLevels",
    "judge_astrometry",
    "judge_outliers",
    "judge_photometry",
    "judge_sky",
    "typical_noise",
]

OUTLIER = 16
ROBUST = 1.482602218505602
COUNTED_OUTLIER = 20.0
"""Outliers fainter than so many errors of their pixel need not be found."""
CALM = 5.0
"""Sources so many errors above the sky, or more, make a pixel one in which outliers are hard to tell."""
LEAST_OTHERS = 2
MATCH_RADIUS = 0.25
GOOD_MAGNITUDE = 0.05


@dataclass(frozen=True)
class Astrometry:
    """World coordinates of frames against the truth.

    Parameters
    ----------
    frames, sources : int
        Frames, and places of sources in them that were compared.
    absolute : float, mas
        rms distance between where a frame says that a source is and where it is.
    relative : float, mas
        The same after all frames have been shifted and turned together to fit best: how well they fit each other.
    worst : float, mas
        Largest relative distance of the mean of a frame.
    """

    frames: int
    sources: int
    absolute: float
    relative: float
    worst: float


@dataclass(frozen=True)
class Photometry:
    """Total fluxes of stars in a source catalogue against the truth.

    Parameters
    ----------
    stars : int
        Stars in the truth with a magnitude below that of the faintest one that was well measured.
    found : int
        Those in the catalogue.
    measured : int
        Those with an error of less than 0.05 magnitudes.
    median, scatter : float, mag
        Of measured minus true magnitude, over these; the scatter is robust.
    distance : float, mas
        Median distance of the catalogue from the truth over these, after the mean shift of all has been taken away.
    unknown : int
        Sources in the catalogue that are none.
    """

    stars: int
    found: int
    measured: int
    median: float
    scatter: float
    distance: float
    unknown: int


@dataclass(frozen=True)
class SkyLevels:
    """Levels that skymatch found, against the pedestals of the exposures.

    Parameters
    ----------
    frames : int
        Frames with a level.
    spread : float, MJy/sr
        rms of the true pedestals about their mean: what there was to find.
    rms, worst : float, MJy/sr
        Of level minus pedestal, about the mean.
    noise : float, MJy/sr
        Typical error of a pixel of empty sky; NaN if it was not given.
    """

    frames: int
    spread: float
    rms: float
    worst: float
    noise: float = float("nan")


@dataclass(frozen=True)
class Outliers:
    """Flags of outlier_detection against the truth.

    Parameters
    ----------
    pixels : int
        Outliers of more than 20 errors that at least two other frames can tell of, away from sources.
    found : int
        Those with the flag.
    near_sources, near_found : int
        The same for those on sources.
    false_alarms : int
        Good pixels with the flag, away from sources.
    false_near : int
        The same on sources.
    good_pixels : int
        Good pixels.
    """

    pixels: int
    found: int
    near_sources: int
    near_found: int
    false_alarms: int
    false_near: int
    good_pixels: int

    @property
    def completeness(self) -> float:
        """Part of the outliers away from sources that was found; NaN without any."""
        return self.found / self.pixels if self.pixels else float("nan")


def _offsets(wcs: Any, truth: FrameTruth, sources: Any) -> tuple[np.ndarray, np.ndarray]:
    """Distance (arcsec, (n, 2)) to the east and north of the sources of a frame, and where they are on the sky."""
    ny, nx = truth.brightness.shape
    inside = (truth.x > 0) & (truth.x < nx - 1) & (truth.y > 0) & (truth.y < ny - 1)
    ra, dec = (np.asarray(sources[name], float)[inside] for name in ("ra", "dec"))
    found = wcs(truth.x[inside], truth.y[inside], with_bounding_box=False)
    cosine = np.cos(np.radians(dec))
    east = ((found[0] - ra + 180) % 360 - 180) * cosine
    return np.stack([east, found[1] - dec], axis=1) * 3600, np.stack([ra, dec], axis=1)


def _without_common(offsets: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Take the shift and the turn that all have in common away from offsets on the sky."""
    middle = places.mean(axis=0)
    east = ((places[:, 0] - middle[0] + 180) % 360 - 180) * np.cos(np.radians(middle[1]))
    north = places[:, 1] - middle[1]
    zero, one = np.zeros_like(east), np.ones_like(east)
    design = np.concatenate([np.stack([one, zero, -north], axis=1), np.stack([zero, one, east], axis=1)])
    measured = offsets.T.ravel()
    fit = np.linalg.lstsq(design, measured, rcond=None)[0]
    return (measured - design @ fit).reshape(2, -1).T


def judge_astrometry(coordinates: Sequence[Any], truths: Sequence[FrameTruth], sources: Any) -> Astrometry:
    """Compare world coordinates with the truth.

    Parameters
    ----------
    coordinates : sequence of gwcs.wcs.WCS
        Of the frames: before tweakreg or after it.
    truths : sequence of FrameTruth
        Of the same frames.
    sources : Table or structured ndarray
        Sources of the field, with ``ra`` and ``dec`` (deg).

    Returns
    -------
    Astrometry

    Raises
    ------
    InputError
        The numbers of frames differ, or no frame has a source.
    """
    if len(coordinates) != len(truths) or not truths:
        raise InputError(f"{len(coordinates)} frames cannot be held against the truth of {len(truths)}.")
    parts = [_offsets(wcs, truth, sources) for wcs, truth in zip(coordinates, truths)]
    offsets, places = (np.concatenate(values) for values in zip(*parts))
    if not len(offsets):
        raise InputError("No source is on any frame, so that nothing can be said about its coordinates.")
    relative = _without_common(offsets, places)
    ends = np.cumsum([len(part[0]) for part in parts])[:-1]
    means = [np.hypot(*part.mean(axis=0)) for part in np.split(relative, ends) if len(part)]
    return Astrometry(len(parts), len(offsets), _rms(offsets), _rms(relative), 1e3 * float(max(means)))


def _rms(offsets: np.ndarray) -> float:
    """Distance in mas of offsets in arcsec."""
    return 1e3 * float(np.sqrt((offsets**2).sum(axis=1).mean()))


def _sky(catalogue: Any) -> np.ndarray:
    """Right ascension and declination of a source catalogue, deg: (n, 2) ndarray."""
    centre = catalogue["sky_centroid"]
    return np.stack([centre.ra.deg, centre.dec.deg], axis=1)


def judge_photometry(catalogue: Any, sources: Any, *, covered: np.ndarray | None = None) -> Photometry:
    """Compare a source catalogue with the truth.

    Parameters
    ----------
    catalogue : Table
        From source_catalog, with ``sky_centroid`` and ``aper_total_abmag``.
    sources : Table or structured ndarray
        Sources of the field.
    covered : (n,) ndarray of bool, optional
        Sources that the mosaic covers; by default all.

    Returns
    -------
    Photometry
        Stars that are alone only: galaxies have no aperture correction.
    """
    from scipy.spatial import cKDTree

    covered = np.ones(len(sources), bool) if covered is None else covered
    true_sky = np.stack([np.asarray(sources["ra"], float), np.asarray(sources["dec"], float)], axis=1)
    middle = true_sky.mean(axis=0)
    true, seen = (_plane(sky, middle) for sky in (true_sky, _sky(catalogue)))
    distance, nearest = cKDTree(true).query(seen, distance_upper_bound=MATCH_RADIUS)
    known = np.isfinite(distance)
    magnitude = _column(catalogue, "aper_total_abmag")
    error = _column(catalogue, "aper_total_abmag_err")
    is_star = np.asarray(sources["kind"]) == "star"
    rows = np.flatnonzero(known)
    rows = rows[is_star[nearest[rows]] & covered[nearest[rows]]]
    good = rows[(error[rows] < GOOD_MAGNITUDE) & np.isfinite(magnitude[rows])]
    true_magnitude = np.asarray(sources["mag"], float)
    difference = magnitude[good] - true_magnitude[nearest[good]]
    shift = seen[good] - true[nearest[good]]
    limit = true_magnitude[nearest[good]].max() if len(good) else -np.inf
    wanted = is_star & covered & (true_magnitude <= limit)
    found = np.isin(np.flatnonzero(wanted), nearest[rows])
    return Photometry(
        stars=int(wanted.sum()),
        found=int(found.sum()),
        measured=len(good),
        median=float(np.median(difference)) if len(good) else float("nan"),
        scatter=_robust(difference),
        distance=1e3 * float(np.median(np.hypot(*(shift - shift.mean(axis=0)).T))) if len(good) else float("nan"),
        unknown=int((~known).sum()),
    )


def _plane(sky: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Offsets from a place, arcsec."""
    east = ((sky[:, 0] - middle[0] + 180) % 360 - 180) * np.cos(np.radians(middle[1]))
    return np.stack([east, sky[:, 1] - middle[1]], axis=1) * 3600


def _column(catalogue: Any, name: str) -> np.ndarray:
    column = catalogue[name]
    return np.asarray(np.ma.filled(getattr(column, "value", column), np.nan), float)


def _robust(values: np.ndarray) -> float:
    return ROBUST * float(np.median(np.abs(values - np.median(values)))) if len(values) else float("nan")


def judge_sky(
    levels: Iterable[float | None], truths: Iterable[FrameTruth], *, noise: float = float("nan")
) -> SkyLevels:
    """Compare sky levels with the pedestals.

    Parameters
    ----------
    levels : iterable of float or None, MJy/sr
        ``meta.background.level`` of the frames; None is no level.
    truths : iterable of FrameTruth
        Of the same frames.
    noise : float, MJy/sr
        Typical error of a pixel of empty sky.

    Returns
    -------
    SkyLevels

    Raises
    ------
    InputError
        No frame has a level.
    """
    pairs = [(level, truth.pedestal) for level, truth in zip(levels, truths) if level is not None]
    if not pairs:
        raise InputError("No frame has a sky level (meta.background.level): skymatch did not run, or found no overlap.")
    level, pedestal = np.array(pairs, float).T
    error = level - pedestal
    error -= error.mean()
    rms, worst = float(np.sqrt((error**2).mean())), float(np.abs(error).max())
    return SkyLevels(len(pairs), float(pedestal.std()), rms, worst, noise)


def judge_outliers(frames: Sequence[Any], truths: Sequence[FrameTruth]) -> Outliers:
    """Compare the flags of outliers with the truth.

    Parameters
    ----------
    frames : sequence of ImageModel
        Frames after outlier_detection (``_crf``), all of the association, with ``meta.wcs``.
    truths : sequence of FrameTruth
        Of the same frames.

    Returns
    -------
    Outliers
        Of pixels that are good but for the outlier. Errors are those that the product gives for the true brightness.
    """
    totals = np.zeros(7, int)
    for number, (frame, truth) in enumerate(zip(frames, truths)):
        others = [other for place, other in enumerate(frames) if place != number]
        totals += _count_outliers(frame, truth, others)
    return Outliers(*(int(value) for value in totals))


def _count_outliers(frame: Any, truth: FrameTruth, others: Sequence[Any]) -> np.ndarray:
    dq = np.asarray(frame.dq)
    flagged, good = (dq & OUTLIER) != 0, truth.usable & ((dq & DO_NOT_USE == 0) | (dq & OUTLIER != 0))
    noise = typical_noise(frame, truth)
    calm = truth.brightness - truth.background - truth.pedestal < CALM * noise
    y, x = truth.outliers["y"], truth.outliers["x"]
    excess = truth.outliers["rate"] * (frame.meta.photometry.conversion_megajanskys or 1.0)
    counted = good[y, x] & (excess > COUNTED_OUTLIER * noise) & (_seen_by(frame, x, y, others) >= LEAST_OTHERS)
    hit = np.zeros(dq.shape, bool)
    hit[y, x] = True
    false = flagged & good & ~hit
    quiet = calm[y, x]
    return np.array(
        [
            (counted & quiet).sum(),
            (counted & quiet & flagged[y, x]).sum(),
            (counted & ~quiet).sum(),
            (counted & ~quiet & flagged[y, x]).sum(),
            (false & calm).sum(),
            (false & ~calm).sum(),
            (good & ~hit).sum(),
        ]
    )


def typical_noise(frame: Any, truth: FrameTruth) -> float:
    """Return the median error of the pixels of a frame (ImageModel), MJy/sr."""
    err = np.asarray(frame.err)[truth.usable]
    return float(np.nanmedian(err))


def _seen_by(frame: Any, x: np.ndarray, y: np.ndarray, others: Sequence[Any]) -> np.ndarray:
    """How many other frames have a good pixel there: (n,) ndarray of int."""
    ra, dec = frame.meta.wcs(x.astype(float), y.astype(float), with_bounding_box=False)
    number = np.zeros(len(x), int)
    for other in others:
        dq = np.asarray(other.dq)
        column, row = (np.rint(place) for place in other.meta.wcs.invert(ra, dec, with_bounding_box=False))
        inside = (column >= 0) & (column < dq.shape[1]) & (row >= 0) & (row < dq.shape[0])
        good = dq[row[inside].astype(int), column[inside].astype(int)] & (DO_NOT_USE | OUTLIER) != DO_NOT_USE
        number[inside] += good
    return number
