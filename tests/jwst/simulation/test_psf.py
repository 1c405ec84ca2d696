"""The point spread function of fields and the corrections of apertures."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.simulation.psf import PSF, SKY, Psf, apertures
from stpipe.exceptions import InputError


def drawn(x, y, psf=PSF, size=61):
    columns, rows = np.arange(size) - x, (np.arange(size) - y)[:, None]
    squared = columns**2 + rows**2
    return sum(a / (2 * np.pi * s**2) * np.exp(-0.5 * squared / s**2) for a, s in zip(psf.shares, psf.sigmas))


def mosaic_of(x, y, phases):
    """A star in a mosaic: drops of one pixel, shared between the four pixels that they fall on."""
    image = np.zeros((61, 61))
    for right, up in phases:
        frame = drawn(x - right, y - up)
        for dx, across in ((0, 1 - right), (1, right)):
            for dy, along in ((0, 1 - up), (1, up)):
                image += across * along * np.roll(frame, (dy, dx), (0, 1)) / len(phases)
    return image


def test_all_light_is_there():
    assert drawn(30.3, 29.8).sum() == pytest.approx(1, abs=1e-6)
    assert PSF.encircled(60.0) == pytest.approx(1, abs=1e-9)
    assert PSF.encircled(PSF.radius(0.7)) == pytest.approx(0.7, abs=1e-9)
    steps = np.linspace(0, 10, 20001)
    light = np.trapezoid([2 * np.pi * r * PSF.brightness(r) for r in steps], steps)
    assert light == pytest.approx(PSF.encircled(10.0), abs=1e-6)


def test_corrections_are_those_of_stars_in_a_mosaic():
    """On the average over the phases of the dithers."""
    from photutils.aperture import CircularAnnulus, CircularAperture, aperture_photometry

    rng = np.random.default_rng(3)
    totals = {hole.part: [] for hole in apertures()}
    for _ in range(40):
        place = 30 + rng.random(2) - 0.5
        image = mosaic_of(*place, rng.random((6, 2)))
        ring = CircularAnnulus(place, *SKY).to_mask(method="center").get_values(image)
        for hole in apertures():
            aperture = CircularAperture(place, hole.radius)
            found = aperture_photometry(image, aperture)["aperture_sum"][0]
            totals[hole.part].append((found - np.median(ring) * aperture.area) * hole.correction)
    for part, values in totals.items():
        assert np.mean(values) == pytest.approx(1, abs=0.012), part


def test_two_blurs_are_too_few():
    ratio = PSF.blurred(2).encircled(1.5) / PSF.blurred(3).encircled(1.5)
    assert ratio > 1.03


@pytest.mark.parametrize("psf", [((0.5, 0.6), (1.0, 2.0)), ((1.0,), (0.0,)), ((1.0,), (1.0, 2.0))])
def test_psf_that_makes_no_sense(psf):
    with pytest.raises(InputError, match="PSF"):
        Psf(*psf)


def test_part_of_the_light_is_a_part():
    with pytest.raises(InputError, match="between 0 and 1"):
        PSF.radius(1.0)
