"""Statistics of the sky, against a plain formulation of their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.skymatch import sky_statistics
from jwst.skymatch.sky_statistics import SkyStatistic, sky_value

NAMES = ("mode", "median", "mean", "midpt")


def clipped(values, statistic):
    """Values that are left, by the definition: passes over all of them."""
    low = values.min() if statistic.lower is None else statistic.lower
    high = values.max() if statistic.upper is None else statistic.upper
    limits = low, high
    for clip in range(statistic.nclip + 1):
        left = values[(values >= limits[0]) & (values <= limits[1])].astype(np.float64)
        if left.size < 2:
            return left
        if clip < statistic.nclip:
            mean, sigma = left.mean(), left.std(ddof=1)
            limits = max(low, mean - statistic.lsigma * sigma), min(high, mean + statistic.usigma * sigma)
    return left


def field(seed, count, outliers):
    rng = np.random.default_rng(seed)
    values = rng.normal(3, 0.5, count)
    values[: int(outliers * count)] += rng.exponential(20, int(outliers * count))
    return rng.permutation(values).astype(np.float32)


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(2, 3000),
    st.floats(0, 0.5),
    st.builds(
        SkyStatistic,
        name=st.sampled_from(["mean", "median"]),
        lower=st.sampled_from([None, 2.5]),
        upper=st.sampled_from([None, 4.0]),
        nclip=st.integers(1, 6),
        lsigma=st.floats(1, 5),
        usigma=st.floats(1, 5),
    ),
    st.sampled_from([7, 100, 65536]),
)
def test_clips_are_those_of_the_definition(seed, count, outliers, statistic, tile):
    """Neither the tiles nor the sums that are kept matter."""
    values = field(seed, count, outliers)
    before = sky_statistics.TILE
    sky_statistics.TILE = tile
    try:
        found = sky_value(values, statistic)
    finally:
        sky_statistics.TILE = before
    left = clipped(values, statistic)
    if left.size < 2:
        assert found is None
        return
    assert found.count == left.size
    expected = left.mean() if statistic.name == "mean" else np.median(left)
    assert found.level == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 10**6), shift=st.integers(-40, 40))
@settings(max_examples=8)
def test_a_shift_of_all_values_shifts_the_sky(name, seed, shift):
    values = np.round(field(seed, 800, 0.05) * 256) / np.float32(256)  # so that sums are exact
    first, other = (sky_value(one.astype(np.float32), SkyStatistic(name)) for one in (values, values + shift))
    assert other.level - first.level == pytest.approx(shift, abs=1e-4)
    assert other.count == first.count


@pytest.mark.parametrize("name", NAMES)
def test_the_sky_is_found_among_stars(name):
    values = field(1, 200_000, 0.02)
    assert sky_value(values, SkyStatistic(name)).level == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_constant_values(name):
    found = sky_value(np.full(500, 2.5, np.float32), SkyStatistic(name))
    assert (found.level, found.count) == (2.5, 500)


@pytest.mark.parametrize("name", NAMES)
def test_too_few_values(name):
    assert sky_value(np.zeros(0, np.float32), SkyStatistic(name)) is None
    assert sky_value(np.ones(1, np.float32), SkyStatistic(name)) is None
    assert sky_value(np.ones(50, np.float32), SkyStatistic(name, lower=2.0)) is None


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("mode", [0, 0, 0, 1], 0.5 * 0.5),  # the first of three bins
        ("mode", [0, 1, 1, 1], 2.5 * 0.5),  # the last
        ("mode", [0, 0, 0, 0, 1, 1], 0.5 * 0.5163978),
        ("mode", [0, 0, 1, 1], 1.0 * 0.5773503),  # both the same
        ("midpt", [0, 0, 1, 1], 1.0 * 0.5773503),
    ],
)
def test_few_bins(name, values, expected):
    found = sky_value(np.array(values, np.float32), SkyStatistic(name, nclip=0, binwidth=1.0))
    assert found.level == pytest.approx(expected, rel=1e-6)


def test_the_first_value_takes_part_in_the_extremes():
    """A quirk that the released pipeline has: a first value outside of the range moves the first bin to the limit."""
    values = np.array([1.0, 2.3, 2.3, 2.3, 2.4, 2.9, 3.0], np.float32)
    statistic = SkyStatistic("mode", lower=2.0, nclip=0, binwidth=1.0)
    levels = [sky_value(one, statistic).level for one in (values, values[::-1])]
    assert levels[0] != pytest.approx(levels[1], abs=0.05)
