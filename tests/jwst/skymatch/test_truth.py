"""Pedestals of simulated dithered fields are recovered."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from jwst.datamodels import ModelLibrary
from jwst.skymatch import SkyMatchStep


def _fields():
    spec = importlib.util.spec_from_file_location("sky_fields", Path(__file__).parents[2] / "parity" / "sky_fields.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIELDS = _fields()
SIGMA = 0.05
SKY = 1.2


@functools.cache
def pictures(pedestals, seed, slope):
    """Places and pixels of dithered images of one scene: stars, a sky, noise, a pedestal in each exposure."""
    rng = np.random.default_rng(seed)
    stars = [(*rng.uniform(-140, 140, 2), 30 * rng.pareto(1.5)) for _ in range(150)]
    found = []
    for pedestal in pedestals:
        x0, y0 = (rng.uniform(-40, 40, 2)).round(3)
        y, x = np.mgrid[: FIELDS.NY, : FIELDS.NX]
        east, north = x0 - (x - (FIELDS.NX - 1) / 2), y0 + y - (FIELDS.NY - 1) / 2
        data = FIELDS.noise(rng, SKY + pedestal, sigma=SIGMA) + slope * north
        for star_x, star_y, flux in stars:
            along = [np.exp(-0.5 * (line / 1.5) ** 2) for line in (north[:, 0] - star_y, east[0] - star_x)]
            data += flux * np.outer(*along) / (2 * np.pi * 1.5**2)
        found.append(((x0, y0), data))
    return found


def observed(pedestals, *, seed=0, slope=0.0, group=False):
    """Models of `pictures`; of one detector, or pairs of exposures of two."""
    models = []
    for number, ((x0, y0), data) in enumerate(pictures(tuple(pedestals), seed, slope)):
        detector = f"NRCA{number % 2 + 1}" if group else "NRCA1"
        wcs = FIELDS.make_wcs(x0, y0)
        models.append(FIELDS.image(data, wcs, exposure=1 + (number // 2 if group else number), detector=detector))
    return models


def found(models, **parameters):
    SkyMatchStep(**parameters).process(ModelLibrary(models))
    return np.array([model.meta.background.level for model in models])


PEDESTALS = np.array([0.3, 0.0, 0.12, 0.5, 0.07, 0.21])


@pytest.mark.parametrize(("skystat", "tolerance"), [("mode", 0.3), ("median", 0.06), ("mean", 0.25), ("midpt", 0.1)])
def test_pedestals_are_recovered(skystat, tolerance):
    """Tolerances in units of the noise of a pixel."""
    errors = [found(observed(PEDESTALS, seed=seed), skystat=skystat) - PEDESTALS for seed in range(3)]
    errors = [error - error.mean() for error in errors]  # the zero is that of the lowest image, with its own error
    assert np.abs(errors).max() < tolerance * SIGMA


def test_pedestals_are_recovered_where_the_sky_has_a_slope():
    """Of overlaps it is the same sky; of whole images it is not."""
    models = observed(PEDESTALS, slope=2e-3)
    matched = found(models, skystat="median") - PEDESTALS
    alone = found(observed(PEDESTALS, slope=2e-3), skystat="median", skymethod="local") - PEDESTALS
    assert np.std(matched) < 0.06 * SIGMA
    assert np.std(alone) > 10 * np.std(matched)


def test_exposures_of_two_detectors():
    models = observed(np.repeat(PEDESTALS[:3], 2), group=True)
    levels = found(models, skystat="median")
    assert levels[::2].tolist() == levels[1::2].tolist()
    np.testing.assert_allclose(levels[::2] - levels[2], PEDESTALS[:3] - PEDESTALS[1], atol=0.06 * SIGMA)


def test_seams_are_gone():
    models = observed(PEDESTALS)
    before = np.std([np.median(model.data) for model in models])
    found(models, skystat="median", subtract=True)
    assert np.std([np.median(model.data) for model in models]) < 0.02 * before


def test_all_of_the_sky_is_found():
    models = observed(PEDESTALS)
    levels = found(models, skystat="median", skymethod="global+match")
    np.testing.assert_allclose(levels, PEDESTALS + SKY, atol=0.2 * SIGMA)
