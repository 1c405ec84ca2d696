"""Sky, stars, galaxies and spectra, as electrons per second and pixel."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Protocol

import numpy as np

from jwst.simulation.detectors import BORDER, DETECTOR_SIZE
from jwst.simulation.subarrays import Subarray
from stpipe.exceptions import InputError

__all__ = ["Scene", "Seen", "render_scene"]

CORE_SIGMA = 0.95
WING_RADIUS = 2.6
WING_POWER = 2.6
CORE_FRACTION = 0.72
SMALL_STAMP = 12
LARGE_STAMP = 96
BRIGHT_STAR = 3000.0
TRACE_SIGMA = 1.2
TRACE_REACH = 8.0
LINES = 6
BLIND_EDGES = ("SUB32", "SUB512", "SUB512S")
"""Subarrays of NIRSpec whose edges see no light and serve as reference pixels (spec refpix.md §C1)."""


class Seen(Protocol):
    """Something else to look at than a `Scene`."""

    def render(self, region: Subarray) -> np.ndarray:
        """Return its light on a rectangle of a detector: (ny, nx) ndarray of float32, electrons per second."""
        ...


@dataclass(frozen=True)
class Scene:
    """A field of sky, stars, galaxies and spectra.

    Parameters
    ----------
    sky : float
        Flat background, electrons per second and pixel.
    stars, galaxies : int
        Number on a full detector; a subarray sees those inside.
    star_flux : tuple of float
        Faintest and brightest star, electrons per second. Fluxes follow a power law between them.
    slope : float
        Number of stars goes as flux to the power -slope.
    galaxy_flux : tuple of float
        Faintest and brightest galaxy, electrons per second.
    seed : int
        Seed of positions and fluxes, apart from the seed of the noise.
    traces : int
        Spectra, spread over the full detector.
    trace_flux : tuple of float
        Faintest and brightest spectrum, electrons per second and pixel along it, at its ridge.
    dispersion : str
        Axis along which the spectra run, "x" or "y".
    curvature : float
        How far their ends lie beside their middle, pixels.

    Raises
    ------
    InputError
        A rate is negative or a range is upside down.
    """

    sky: float = 0.35
    stars: int = 900
    galaxies: int = 250
    star_flux: tuple[float, float] = (30.0, 1.5e5)
    slope: float = 0.7
    galaxy_flux: tuple[float, float] = (20.0, 3000.0)
    seed: int = 5
    traces: int = 0
    trace_flux: tuple[float, float] = (5.0, 300.0)
    dispersion: str = "x"
    curvature: float = 0.0

    def __post_init__(self) -> None:
        ranges = (self.star_flux, self.galaxy_flux, self.trace_flux)
        if self.dispersion not in ("x", "y"):
            raise InputError(f"Spectra run along 'x' or 'y', not {self.dispersion!r}.")
        numbers = (self.sky, self.stars, self.galaxies, self.traces)
        if min(numbers) < 0 or any(not 0 < low < high for low, high in ranges):
            raise InputError(f"A scene has rates and numbers of at least zero, and ranges (faint, bright): {self}")


@dataclass(frozen=True)
class _Source:
    """Where a source is on the detector and what it looks like (0-based pixel coordinates)."""

    x: float
    y: float
    flux: float
    radius: float = 0.0
    ratio: float = 1.0
    angle: float = 0.0


def _power_law(rng: np.random.Generator, limits: tuple[float, float], slope: float, number: int) -> np.ndarray:
    low, high = (limit ** (-slope) for limit in limits)
    return (low + (high - low) * rng.random(number)) ** (-1 / slope)


def _sources(scene: Scene) -> list[_Source]:
    rng = np.random.default_rng((scene.seed, 1))
    stars = rng.random((scene.stars, 2)) * DETECTOR_SIZE
    fluxes = _power_law(rng, scene.star_flux, scene.slope, scene.stars)
    found = [_Source(x, y, flux) for (x, y), flux in zip(stars, fluxes)]
    places = rng.random((scene.galaxies, 2)) * DETECTOR_SIZE
    fluxes = _power_law(rng, scene.galaxy_flux, 1.0, scene.galaxies)
    shapes = np.stack([2 + 6 * rng.random(scene.galaxies) ** 2, 0.3 + 0.7 * rng.random(scene.galaxies)], axis=1)
    angles = np.pi * rng.random(scene.galaxies)
    columns = (*places.T, fluxes, *shapes.T, angles)
    return found + [_Source(*values) for values in zip(*columns)]


def _stamp_size(source: _Source) -> int:
    if source.radius:
        return int(8 * source.radius) + 8
    return LARGE_STAMP if source.flux > BRIGHT_STAR else SMALL_STAMP


def _profile(source: _Source, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Surface brightness of a source, normalised over the plane."""
    if source.radius:
        cos, sin = np.cos(source.angle), np.sin(source.angle)
        along, across = dx * cos + dy * sin, (dy * cos - dx * sin) / source.ratio
        return np.exp(-np.hypot(along, across) / source.radius) / (2 * np.pi * source.radius**2 * source.ratio)
    squared = dx**2 + dy**2
    core = np.exp(-squared / (2 * CORE_SIGMA**2)) / (2 * np.pi * CORE_SIGMA**2)
    wings = (WING_POWER - 1) / (np.pi * WING_RADIUS**2) * (1 + squared / WING_RADIUS**2) ** (-WING_POWER)
    return CORE_FRACTION * core + (1 - CORE_FRACTION) * wings


def _add_traces(scene: Scene, region: Subarray, rate: np.ndarray) -> None:
    """Add spectra: a Gaussian across, a smooth continuum with some emission lines along."""
    rng = np.random.default_rng((scene.seed, 2))
    light = rate if scene.dispersion == "x" else rate.T
    starts = (region.xstart, region.ystart) if scene.dispersion == "x" else (region.ystart, region.xstart)
    along, across = (np.arange(size) + start - 1.0 for start, size in zip(starts, light.shape[::-1]))
    bend = scene.curvature * (2 * along / DETECTOR_SIZE - 1) ** 2
    fluxes = _power_law(rng, scene.trace_flux, scene.slope, scene.traces)
    for number, flux in enumerate(fluxes):
        ridge = (number + rng.random()) / scene.traces * DETECTOR_SIZE + bend
        continuum = 1 + 0.4 * np.sin(along / 300 + 6 * rng.random())
        for line in rng.random(LINES) * DETECTOR_SIZE:
            continuum += np.exp(-0.5 * ((along - line) / TRACE_SIGMA) ** 2)
        near = (across > ridge.min() - TRACE_REACH) & (across < ridge.max() + TRACE_REACH)
        light[near] += flux * continuum * np.exp(-0.5 * ((across[near, None] - ridge) / TRACE_SIGMA) ** 2)


def render_scene(scene: Scene | Seen, region: Subarray) -> np.ndarray:
    """Return the light of a scene on a rectangle of a detector.

    Parameters
    ----------
    scene : Scene, or what has a ``render`` of its own
        What is there; positions of a `Scene` belong to the full detector.
    region : Subarray
        The rectangle that sees it.

    Returns
    -------
    (ny, nx) ndarray of float32, electrons per second
        Before the flat field.
    """
    if not isinstance(scene, Scene):
        return scene.render(region)
    rate = np.full((region.ysize, region.xsize), scene.sky, np.float32)
    for source in _sources(scene):
        size = _stamp_size(source)
        x, y = source.x - (region.xstart - 1), source.y - (region.ystart - 1)
        left, bottom = floor(x) - size, floor(y) - size
        x0, x1 = max(left, 0), min(left + 2 * size + 1, region.xsize)
        y0, y1 = max(bottom, 0), min(bottom + 2 * size + 1, region.ysize)
        if x0 < x1 and y0 < y1:
            dx, dy = np.arange(x0, x1) - x, (np.arange(y0, y1) - y)[:, None]
            rate[y0:y1, x0:x1] += source.flux * _profile(source, dx, dy)
    if scene.traces:
        _add_traces(scene, region, rate)
    if region.name in BLIND_EDGES:
        rate[:, :BORDER] = rate[:, -BORDER:] = 0
    return rate
