"""The point spread function of simulated fields: a sum of Gaussians, the same in pixels for all detectors and filters.

Sums of Gaussians are convolved with each other by adding variances, so that the light inside of an aperture is known.
The pixels are samples of the function. It therefore has the pixel in it already. In a mosaic it is blurred three times
more, each time by about a pixel: resampling spreads a pixel over its square and collects over that of the
mosaic, and apertures take parts of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stpipe.exceptions import InputError

__all__ = ["PSF", "Aperture", "Psf", "apertures"]

PIXEL_VARIANCE = 1 / 12
"""Of a square of one pixel, pixel^2 along each axis."""
BLURS = 3
SKY = (14.0, 20.0)
"""Radii of the ring for the local background, pixels."""


@dataclass(frozen=True)
class Psf:
    """A round sum of Gaussians.

    Parameters
    ----------
    shares : tuple of float
        Part of the light in each; 1 in total.
    sigmas : tuple of float, pixels
        Their widths.

    Raises
    ------
    InputError
        The shares do not add up to 1, or a width is not positive.
    """

    shares: tuple[float, ...]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.sigmas) or abs(sum(self.shares) - 1) > 1e-9 or min(self.sigmas) <= 0:
            raise InputError(f"Shares of a PSF add up to 1 and its widths are positive: {self}")

    def blurred(self, times: int = 1) -> Psf:
        """Return it after a blur by a pixel, several times."""
        return Psf(self.shares, tuple(float(np.sqrt(sigma**2 + times * PIXEL_VARIANCE)) for sigma in self.sigmas))

    def encircled(self, radius: float) -> float:
        """Return the part of the light within a radius (pixels)."""
        return float(sum(a * -np.expm1(-0.5 * (radius / s) ** 2) for a, s in zip(self.shares, self.sigmas)))

    def brightness(self, radius: float) -> float:
        """Return the part of the light per square pixel at a radius (pixels)."""
        terms = zip(self.shares, self.sigmas)
        return float(sum(a / (2 * np.pi * s**2) * np.exp(-0.5 * (radius / s) ** 2) for a, s in terms))

    def radius(self, part: float) -> float:
        """Return the radius (pixels) within which a part of the light is.

        Raises
        ------
        InputError
            The part is not between 0 and 1.
        """
        if not 0 < part < 1:
            raise InputError(f"Part of the light within a radius: between 0 and 1, not {part}.")
        low, high = 0.0, 20 * max(self.sigmas)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if self.encircled(middle) < part else (low, middle)
        return (low + high) / 2


PSF = Psf((0.72, 0.2, 0.08), (0.95, 2.0, 4.0))
"""What is drawn."""


@dataclass(frozen=True)
class Aperture:
    """A row of the table of aperture corrections.

    Parameters
    ----------
    part : float
        Part of the light that is in it.
    radius : float, pixels
        Its radius.
    correction : float
        What the light in it is multiplied with to be all light of a star.
    """

    part: float
    radius: float
    correction: float


def apertures(psf: Psf = PSF, *, parts: tuple[float, ...] = (0.3, 0.5, 0.6, 0.7, 0.8)) -> tuple[Aperture, ...]:
    """Return the true corrections of apertures in a mosaic whose pixels are as large as those of the detector.

    Parameters
    ----------
    psf : Psf
        What is drawn.
    parts : tuple of float
        Parts of the light.

    Returns
    -------
    tuple of Aperture
        The local background in the ring `SKY` contains a little light of the star: the correction allows for it.
    """
    seen = psf.blurred(BLURS)
    ring = seen.brightness((SKY[0] + SKY[1]) / 2)
    found = []
    for part in parts:
        radius = seen.radius(part)
        found.append(Aperture(part, radius, 1 / (part - ring * np.pi * radius**2)))
    return tuple(found)
