"""Stars and galaxies on a piece of sky."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from jwst.simulation.sky_field import SkyField, ab_magnitude, draw_sources, sersic_mixture, source_table
from stpipe.exceptions import InputError

WIDE = SkyField(separation=0.0)


def distances(sources):
    cosine = np.cos(np.radians(sources["dec"]))
    east = (sources["ra"][:, None] - sources["ra"]) * cosine * 3600
    north = (sources["dec"][:, None] - sources["dec"]) * 3600
    return np.hypot(east, north)


def test_numbers_and_ranges():
    sources = draw_sources(WIDE, 30.0, density=(0.1, 0.05))
    stars = sources["kind"] == "star"
    area = np.pi * 30.0**2
    assert (stars.sum(), (~stars).sum()) == (round(0.1 * area), round(0.05 * area))
    assert sources["mag"][stars].min() >= 19.5
    assert sources["mag"].max() <= 25.5
    assert np.diff(np.histogram(sources["mag"][stars], 2)[0])[0] > 0  # more faint ones
    np.testing.assert_allclose(ab_magnitude(sources["flux"]), sources["mag"], rtol=0, atol=1e-12)
    middle = np.array([(WIDE.ra, WIDE.dec)], [("ra", float), ("dec", float)])
    assert distances(np.concatenate([middle, sources[["ra", "dec"]]]))[0].max() < 30.01
    assert (sources["half_light_radius"][stars] == 0).all()
    assert (sources["half_light_radius"][~stars] >= 0.08).all()
    np.testing.assert_array_equal(sources, draw_sources(WIDE, 30.0, density=(0.1, 0.05)))


def test_close_ones_are_left_out_and_bright_ones_stay():
    every = draw_sources(WIDE, 20.0, density=(0.3, 0.1))
    apart = draw_sources(SkyField(separation=1.0), 20.0, density=(0.3, 0.1))
    gaps = distances(apart)
    assert gaps[~np.eye(len(apart), dtype=bool)].min() >= 0.999
    assert 0 < len(apart) < len(every)
    assert apart["mag"].min() == every["mag"].min()


def test_an_empty_sky():
    assert len(draw_sources(SkyField(), 20.0, density=(0.0, 0.0))) == 0


@pytest.mark.parametrize("index", [1.0, 2.5])
def test_mixtures_are_like_sersic_profiles(index):
    shares, sigmas = sersic_mixture(index)
    assert shares.sum() == pytest.approx(1)
    assert np.sum(shares * -np.expm1(-0.5 / sigmas**2)) == pytest.approx(0.5, abs=1e-9)
    radius = np.geomspace(0.1, 3, 30)
    mixture = np.sum(shares / (2 * np.pi * sigmas**2) * np.exp(-0.5 * (radius[:, None] / sigmas) ** 2), axis=1)
    b = 2 * index - 1 / 3 + 4 / (405 * index)
    profile = np.exp(-b * (radius ** (1 / index) - 1))
    ratio = mixture / profile
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.1


def test_tables_can_be_read_again(tmp_path):
    sources = draw_sources(WIDE, 10.0, density=(0.1, 0.1))
    source_table(sources).write(tmp_path / "sky.ecsv", format="ascii.ecsv")
    again = Table.read(tmp_path / "sky.ecsv")
    assert str(again["flux"].unit) == "Jy"
    np.testing.assert_array_equal(again["ra"], sources["ra"])
    assert list(again["kind"]) == list(sources["kind"])


@pytest.mark.parametrize(
    "values", [{"stars": -1}, {"star_magnitudes": (25.0, 20.0)}, {"dec": 90.0}, {"radii": (0.5, 0.5)}]
)
def test_what_makes_no_sense(values):
    with pytest.raises(InputError, match="A field has"):
        SkyField(**values)


def test_magnitudes_of_no_light():
    assert np.isnan(ab_magnitude(np.array([-1.0, 0.0]))).all()
