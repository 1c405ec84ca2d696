"""Cosmic rays and snowballs: charge that arrives at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwst.simulation.detectors import DETECTOR_SIZE
from jwst.simulation.physics import PHYSICS
from jwst.simulation.settings import ExposureSettings

__all__ = ["HITS", "SHOWERS", "Hits", "draw_hits", "group_of_frame"]

HITS = np.dtype(
    [
        ("integration", np.int32),
        ("frame", np.int32),
        ("group", np.int32),
        ("y", np.int32),
        ("x", np.int32),
        ("electrons", np.float32),
        ("snowball", np.bool_),
        ("shower", np.bool_),
    ]
)
"""One pixel hit: ``frame`` is the first frame of the integration that sees it, ``group`` the first group."""

SHOWERS = np.dtype(
    [
        ("integration", np.int32),
        ("frame", np.int32),
        ("group", np.int32),
        ("y", np.float32),
        ("x", np.float32),
        ("long", np.float32),
        ("short", np.float32),
        ("angle", np.float32),
        ("electrons", np.float32),
    ]
)
"""One shower: centre, semi-axes in pixels, angle of the long one against the x axis, mean electrons per pixel."""

MEDIAN_CHARGE = 1500.0
CHARGE_SCATTER = 1.2
DEPTH = 0.4
LONGEST_TRACK = 40.0
NEIGHBOUR_SHARE = 0.015
FAINTEST = 5.0
SNOWBALL_MARGIN = 14
CORE_CHARGE = 2.0e5
HALO_CHARGE = 2.5e4
SHOWER_AXIS = (10.0, 40.0)
SHOWER_CHARGE = (40.0, 160.0)


@dataclass(frozen=True)
class _Deposits:
    """Charge in single pixels, before those that share a pixel and a frame are added up."""

    time: np.ndarray
    y: np.ndarray
    x: np.ndarray
    electrons: np.ndarray
    kind: str = ""


@dataclass(frozen=True, eq=False)
class Hits:
    """Everything that cosmic rays do to an exposure.

    Parameters
    ----------
    pixels : (n,) ndarray of `HITS`
        Hits of single pixels, ordered by integration and frame.
    showers : (m,) ndarray of `SHOWERS`
        Showers, whose pixels are among the hits too.
    """

    pixels: np.ndarray
    showers: np.ndarray


def group_of_frame(frame: np.ndarray, period: int, nframes: int) -> np.ndarray:
    """Return the first group that sees charge arriving before a frame.

    Parameters
    ----------
    frame : ndarray of int
        Frame number in the integration, from 0, dropped ones counted.
    period, nframes : int
        Frames from group to group, frames averaged.

    Returns
    -------
    ndarray of int
        Group number from 0.
    """
    return (np.asarray(frame) + period - nframes) // period


def _frames(settings: ExposureSettings, rng: np.random.Generator, number: int) -> np.ndarray:
    """Random moments: integration * frames + frame."""
    return rng.integers(settings.nints * settings.readout.frames(settings.ngroups), size=number)


def _rays(settings: ExposureSettings, rng: np.random.Generator) -> _Deposits:
    region = settings.region
    exposure = settings.nints * settings.integration_time
    area = region.xsize * region.ysize * PHYSICS[settings.sca.instrument].pixel_cm ** 2
    number = rng.poisson(settings.noise.cosmic_rays * area * exposure)
    charge = MEDIAN_CHARGE * np.exp(CHARGE_SCATTER * rng.standard_normal(number))
    cosine = np.maximum(rng.random(number), 1e-3)
    length = np.minimum(DEPTH * np.sqrt(1 / cosine**2 - 1), LONGEST_TRACK)
    angle = 2 * np.pi * rng.random(number)
    steps = np.ceil(length).astype(np.int64) + 1
    x, y = rng.random(number) * region.xsize, rng.random(number) * region.ysize
    time = _frames(settings, rng, number)
    along = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)
    along = along * np.repeat(length / np.maximum(steps - 1, 1), steps)
    return _Deposits(
        np.repeat(time, steps),
        np.floor(np.repeat(y, steps) + along * np.repeat(np.sin(angle), steps)).astype(np.int64),
        np.floor(np.repeat(x, steps) + along * np.repeat(np.cos(angle), steps)).astype(np.int64),
        np.repeat(charge / steps, steps),
    )


def _neighbours(hits: _Deposits) -> _Deposits:
    """A little charge for the four pixels beside every deposit."""
    dy, dx = np.array([0, 1, -1, 0, 0]), np.array([0, 0, 0, 1, -1])
    share = np.array([1 - 4 * NEIGHBOUR_SHARE] + 4 * [NEIGHBOUR_SHARE])
    return _Deposits(
        np.repeat(hits.time, 5),
        (hits.y[:, None] + dy).ravel(),
        (hits.x[:, None] + dx).ravel(),
        (hits.electrons[:, None] * share).ravel(),
    )


def _snowballs(settings: ExposureSettings, rng: np.random.Generator) -> _Deposits:
    region = settings.region
    share = region.xsize * region.ysize / DETECTOR_SIZE**2 * PHYSICS[settings.sca.instrument].snowballs
    number = rng.poisson(settings.noise.snowballs * share * settings.nints * settings.integration_time)
    core = np.minimum(1.5 + rng.exponential(1.5, number), 8.0)
    cx, cy = rng.random(number) * region.xsize, rng.random(number) * region.ysize
    time = _frames(settings, rng, number)
    reach = int(np.ceil(core.max(initial=0))) + SNOWBALL_MARGIN
    dy, dx = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    y, x = np.floor(cy)[:, None] + dy, np.floor(cx)[:, None] + dx
    outside = np.hypot(y - cy[:, None], x - cx[:, None]) - core[:, None]
    charge = np.where(outside < 0, CORE_CHARGE, HALO_CHARGE * np.exp(-np.maximum(outside, 0) / 1.8))
    times = np.broadcast_to(time[:, None], charge.shape)
    return _Deposits(times.ravel(), y.ravel().astype(np.int64), x.ravel().astype(np.int64), charge.ravel(), "snowball")


def _showers(settings: ExposureSettings, rng: np.random.Generator) -> np.ndarray:
    """Draw the showers of an exposure: (m,) ndarray of `SHOWERS`."""
    region, readout = settings.region, settings.readout
    ny, nx = settings.sca.shape
    share = region.xsize * region.ysize / (ny * nx) * PHYSICS[settings.sca.instrument].showers
    out = np.zeros(rng.poisson(settings.noise.showers * share * settings.nints * settings.integration_time), SHOWERS)
    number = len(out)
    out["integration"], out["frame"] = np.divmod(_frames(settings, rng, number), readout.frames(settings.ngroups))
    out["group"] = group_of_frame(out["frame"], readout.period, readout.nframes)
    out["x"], out["y"] = rng.random(number) * region.xsize, rng.random(number) * region.ysize
    out["long"] = rng.uniform(*SHOWER_AXIS, number)
    out["short"] = out["long"] * rng.uniform(0.3, 1.0, number)
    out["angle"] = np.pi * rng.random(number)
    out["electrons"] = rng.uniform(*SHOWER_CHARGE, number)
    return out


def _shower_deposits(settings: ExposureSettings, showers: np.ndarray, rng: np.random.Generator) -> _Deposits:
    """Charge of showers: Poisson numbers of electrons in all pixels of the ellipses."""
    times, ys, xs, charges = [], [], [], []
    frames = settings.readout.frames(settings.ngroups)
    for shower in showers:
        reach = int(np.ceil(shower["long"])) + 1
        dy, dx = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
        y, x = np.floor(shower["y"]) + dy, np.floor(shower["x"]) + dx
        dy, dx = y - shower["y"], x - shower["x"]
        cos, sin = np.cos(shower["angle"]), np.sin(shower["angle"])
        inside = ((dx * cos + dy * sin) / shower["long"]) ** 2 + ((dy * cos - dx * sin) / shower["short"]) ** 2 < 1
        ys.append(y[inside].astype(np.int64))
        xs.append(x[inside].astype(np.int64))
        charges.append(rng.poisson(shower["electrons"], inside.sum()).astype(np.float64))
        times.append(np.full(inside.sum(), int(shower["integration"]) * frames + int(shower["frame"])))
    if not times:
        none = np.zeros(0, np.int64)
        return _Deposits(none, none, none, np.zeros(0), "shower")
    time, y, x, charge = (np.concatenate(parts) for parts in (times, ys, xs, charges))
    return _Deposits(time, y, x, charge, "shower")


def _collect(settings: ExposureSettings, hits: _Deposits) -> np.ndarray:
    """Add up deposits in the same pixel and frame; drop those outside and the faintest."""
    region, readout = settings.region, settings.readout
    keep = (hits.x >= 0) & (hits.x < region.xsize) & (hits.y >= 0) & (hits.y < region.ysize)
    pixel = hits.y[keep] * region.xsize + hits.x[keep]
    key, place = np.unique(hits.time[keep] * (region.xsize * region.ysize) + pixel, return_inverse=True)
    charge = np.bincount(place, hits.electrons[keep], minlength=len(key))
    key, charge = key[charge > FAINTEST], charge[charge > FAINTEST]
    out = np.zeros(len(key), HITS)
    time, pixel = np.divmod(key, region.xsize * region.ysize)
    out["integration"], out["frame"] = np.divmod(time, readout.frames(settings.ngroups))
    out["group"] = group_of_frame(out["frame"], readout.period, readout.nframes)
    out["y"], out["x"] = np.divmod(pixel, region.xsize)
    out["electrons"] = charge
    if hits.kind:
        out[hits.kind] = True
    return out


def draw_hits(settings: ExposureSettings, reference: np.ndarray) -> Hits:
    """Return all cosmic-ray hits of an exposure.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    reference : (ny, nx) ndarray of bool
        Reference pixels; they collect no charge.

    Returns
    -------
    Hits
    """
    rays = _collect(settings, _neighbours(_rays(settings, np.random.default_rng((settings.seed, 101)))))
    balls = _collect(settings, _snowballs(settings, np.random.default_rng((settings.seed, 102))))
    rng = np.random.default_rng((settings.seed, 104))
    showers = _showers(settings, rng)
    clouds = _collect(settings, _shower_deposits(settings, showers, rng))
    pixels = np.concatenate([rays, balls, clouds])
    pixels = pixels[~reference[pixels["y"], pixels["x"]]]
    return Hits(pixels[np.lexsort((pixels["frame"], pixels["integration"]))], showers)
