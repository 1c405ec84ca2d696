"""A piece of sky: stars and galaxies whose places, fluxes and shapes are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["SOURCES", "SkyField", "ab_magnitude", "draw_sources", "sersic_mixture", "source_table"]

SOURCES = np.dtype(
    [
        ("ra", np.float64),
        ("dec", np.float64),
        ("mag", np.float64),
        ("flux", np.float64),
        ("kind", "U6"),
        ("half_light_radius", np.float64),
        ("axis_ratio", np.float64),
        ("position_angle", np.float64),
        ("sersic", np.float64),
    ]
)
"""One source: place (deg), AB magnitude, flux (Jy), "star" or "galaxy", radius of half the light along the long axis
(arcsec), short axis in units of the long one, angle of the long one from north over east (deg), Sersic index."""

AB_ZERO = 8.9
"""Magnitude of 1 Jy, as in source catalogues."""
WIDTHS = 14
DISCS, SPHEROIDS = 1.0, 2.5


@dataclass(frozen=True)
class SkyField:
    """What is on the sky.

    Parameters
    ----------
    ra, dec : float, deg
        Centre.
    stars, galaxies : float
        How many of them a frame sees on the average, before those too close to others are left out.
    star_magnitudes, galaxy_magnitudes : tuple of float
        Brightest and faintest one, AB.
    star_slope, galaxy_slope : float
        Number goes as 10^(slope x magnitude).
    radii : tuple of float, arcsec
        Smallest and largest radius of half the light of galaxies.
    separation : float, arcsec
        Closest distance of two sources; of closer ones the fainter is left out. tweakreg cannot tell sources apart that
        are closer than its ``separation`` (1).
    background : float or None, MJy/sr
        Light between the sources; None is a usual value of the instrument.
    seed : int
        The same seed gives the same sky.

    Raises
    ------
    InputError
        A number is negative, or a range is upside down.
    """

    ra: float = 80.4875
    dec: float = -69.4975
    stars: float = 100.0
    galaxies: float = 20.0
    star_magnitudes: tuple[float, float] = (19.5, 25.5)
    galaxy_magnitudes: tuple[float, float] = (20.0, 25.5)
    star_slope: float = 0.2
    galaxy_slope: float = 0.3
    radii: tuple[float, float] = (0.08, 0.4)
    separation: float = 1.1
    background: float | None = None
    seed: int = 11

    def __post_init__(self) -> None:
        ranges = (self.star_magnitudes, self.galaxy_magnitudes, self.radii)
        numbers = (self.stars, self.galaxies, self.separation, self.seed, self.background or 0.0, self.radii[0])
        if min(numbers) < 0 or any(low >= high for low, high in ranges) or not -89 < self.dec < 89:
            raise InputError(
                f"A field has numbers of at least zero, ranges (low, high) and a declination of -89 to 89 deg: {self}"
            )


def ab_magnitude(flux: np.ndarray) -> np.ndarray:
    """Return AB magnitudes of fluxes (Jy); NaN where a flux is not positive."""
    flux = np.asarray(flux, float)
    return AB_ZERO - 2.5 * np.log10(flux, out=np.full(flux.shape, np.nan), where=flux > 0)


@lru_cache(maxsize=8)
def sersic_mixture(index: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of round Gaussians that serves as a Sersic profile.

    Parameters
    ----------
    index : float
        Sersic index, 0.5 to 4.

    Returns
    -------
    shares : (n,) ndarray of float64
        Part of the light in each; 1 in total.
    sigmas : (n,) ndarray of float64
        Widths, in units of the radius of half of the light of the sum.

    Notes
    -----
    Least squares with weights that are not negative, from 0.01 to 6 half-light radii. The sum is the truth, and not the
    profile that it is close to. Idea: Hogg & Lang 2013, PASP 125, 719.
    """
    from scipy.optimize import brentq, nnls

    radius = np.geomspace(0.01, 6, 200)
    b = 2 * index - 1 / 3 + 4 / (405 * index)
    profile = np.exp(-b * (radius ** (1 / index) - 1))
    sigmas = np.geomspace(0.02, 4, WIDTHS)
    design = np.exp(-0.5 * (radius[:, None] / sigmas) ** 2) / (2 * np.pi * sigmas**2)
    weight = radius * np.sqrt(profile)
    shares = nnls(design * (weight / profile)[:, None], weight)[0]
    used = shares > 1e-4 * shares.sum()
    shares, sigmas = shares[used] / shares[used].sum(), sigmas[used]
    half = brentq(lambda r: np.sum(shares * -np.expm1(-0.5 * (r / sigmas) ** 2)) - 0.5, 1e-3, 10)
    return shares, sigmas / half


def _magnitudes(rng: np.random.Generator, limits: tuple[float, float], slope: float, number: int) -> np.ndarray:
    low, high = (10.0 ** (slope * limit) for limit in limits)
    if slope == 0:
        return rng.uniform(*limits, number)
    return np.log10(low + (high - low) * rng.random(number)) / slope


def _places(rng: np.random.Generator, field: SkyField, radius: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Even on a disc around the centre."""
    distance, angle = radius * np.sqrt(rng.random(number)), 2 * np.pi * rng.random(number)
    east, north = distance * np.sin(angle) / 3600, distance * np.cos(angle) / 3600
    dec = field.dec + north
    return (field.ra + east / np.cos(np.radians(dec))) % 360.0, dec


def _apart(field: SkyField, sources: np.ndarray) -> np.ndarray:
    """Leave out sources that are close to a brighter one."""
    from scipy.spatial import cKDTree

    east = (sources["ra"] - field.ra + 180) % 360 - 180
    places = np.stack([east * np.cos(np.radians(sources["dec"])), sources["dec"] - field.dec], axis=1) * 3600
    order = np.argsort(sources["mag"])
    near = cKDTree(places[order]).query_ball_point(places[order], field.separation)
    kept = np.ones(len(sources), bool)
    for number, others in enumerate(near):
        if kept[number]:
            kept[[other for other in others if other > number]] = False
    return sources[np.sort(order[kept])]


def draw_sources(field: SkyField, radius: float, *, density: tuple[float, float]) -> np.ndarray:
    """Draw the sources of a field.

    Parameters
    ----------
    field : SkyField
        What is wanted.
    radius : float, arcsec
        Of the disc that is filled, around the centre of the field.
    density : (float, float)
        Stars and galaxies per square arcsec.

    Returns
    -------
    (n,) ndarray of `SOURCES`
        Stars first.
    """
    area = np.pi * radius**2
    rng = np.random.default_rng((field.seed, 31))
    stars, galaxies = (int(round(value * area)) for value in density)
    sources = np.zeros(stars + galaxies, SOURCES)
    sources["kind"] = np.repeat(["star", "galaxy"], [stars, galaxies])
    sources["ra"], sources["dec"] = _places(rng, field, radius, len(sources))
    sources["mag"][:stars] = _magnitudes(rng, field.star_magnitudes, field.star_slope, stars)
    sources["axis_ratio"] = 1.0
    extended = sources[stars:]
    extended["mag"] = _magnitudes(rng, field.galaxy_magnitudes, field.galaxy_slope, galaxies)
    low, high = field.radii
    extended["half_light_radius"] = low * (high / low) ** rng.random(galaxies)
    extended["axis_ratio"] = 0.3 + 0.7 * rng.random(galaxies)
    extended["position_angle"] = 180 * rng.random(galaxies)
    extended["sersic"] = np.where(rng.random(galaxies) < 0.7, DISCS, SPHEROIDS)
    sources["flux"] = 10 ** (-0.4 * (sources["mag"] - AB_ZERO))
    return _apart(field, sources) if field.separation and len(sources) else sources


def source_table(sources: np.ndarray) -> Table:
    """Return sources as a table with units, for ECSV files."""
    from astropy.table import Table

    table = Table(sources)
    units = {"ra": "deg", "dec": "deg", "mag": "mag", "flux": "Jy", "half_light_radius": "arcsec"}
    for name, unit in (units | {"position_angle": "deg"}).items():
        table[name].unit = unit
    table.meta["description"] = "Sources of a simulated field, as they are"
    return table
