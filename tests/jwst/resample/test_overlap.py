"""All planes of an input at once: the same as drizzle does one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.resample.at_once import can_be_summed, sums_at_once
from jwst.resample.drizzling import DrizzleRule, Mosaic, Placement, Window
from jwst.resample.overlap import is_nearly_parallel, overlap_sums
from jwst.resample.places import ArrayPlaces

SHAPE = (30, 34)
OUTPUT = (50, 55)


@pytest.fixture(autouse=True)
def _small_inputs(monkeypatch):
    monkeypatch.setattr("jwst.resample.at_once._FEWEST", 0)


def placement(x=6.3, y=5.7, angle=0.5, scale=1.0, shape=SHAPE):
    """An input that is turned, moved and a little distorted."""
    rows, columns = np.indices(shape, dtype=float)
    columns = columns + 1e-5 * rows * columns
    turn = np.deg2rad(angle)
    positions = [
        scale * (np.cos(turn) * columns - np.sin(turn) * rows) + x,
        scale * (np.sin(turn) * columns + np.cos(turn) * rows) + y,
    ]
    return Placement(np.moveaxis(np.array(positions), 0, -1).copy(), (0, shape[1] - 1, 0, shape[0] - 1))


def places(*args, **kwargs):
    return ArrayPlaces(placement(*args, **kwargs).pixmap)


def planes(seed, count=2, shape=SHAPE):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2, shape).astype(np.float32)
    weight[rng.integers(0, shape[0], 9), rng.integers(0, shape[1], 9)] = 0
    found = [rng.uniform(1, 5, shape).astype(np.float32) for _ in range(count)]
    for plane in found:
        plane[weight == 0] = np.nan
    return found, weight


def drizzled(plane, weight, place, shape=OUTPUT):
    mosaic = Mosaic(shape)
    mosaic.add(plane, weight, place)
    return mosaic


@settings(max_examples=30, deadline=None)
@given(st.floats(3, 12), st.floats(3, 12), st.floats(-2, 2), st.floats(0.96, 1.04))
def test_sums_inside_are_those_of_the_library(x, y, angle, scale):
    values, weight = planes(1)
    place = placement(x, y, angle, scale)
    sums = overlap_sums(values, weight, ArrayPlaces(place.pixmap), OUTPUT)
    for plane, total in zip(values, sums[1:], strict=True):
        mosaic = drizzled(plane, weight, place)
        np.testing.assert_allclose(sums[0], mosaic.weight, rtol=2e-6, atol=1e-8)
        np.testing.assert_allclose(total, mosaic.weight * mosaic.data, rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize(("x", "y"), [(0.3, 0.1), (-0.1, 6.0), (21.4, 14.8), (5.0, 20.4), (0.0, 20.6), (21.0, -0.2)])
def test_edges_of_the_output_are_those_of_the_library(x, y):
    values, weight = planes(2)
    place = placement(x, y)
    assert can_be_summed(weight, ArrayPlaces(place.pixmap), DrizzleRule(), OUTPUT)
    sums = sums_at_once(values, weight.copy(), ArrayPlaces(place.pixmap), OUTPUT)
    mosaic = drizzled(values[0], weight, place)
    differs = ~np.isclose(sums[0], mosaic.weight, rtol=2e-6, atol=1e-8)
    assert differs.sum() <= 8  # a pixel or two on the edge, which the library finds to 0.03 pixel
    np.testing.assert_allclose(sums[1][~differs], (mosaic.weight * mosaic.data)[~differs], rtol=3e-6, atol=1e-7)


def test_an_input_beside_the_output_adds_nothing():
    values, weight = planes(2)
    assert not sums_at_once(values, weight, places(100.0), OUTPUT).any()


def test_the_sum_of_the_weights_is_kept():
    values, weight = planes(3)
    sums = overlap_sums(values, weight, places(angle=1.0), OUTPUT)
    assert sums[0].sum(dtype=float) == pytest.approx(weight.sum(dtype=float), rel=1e-6)
    for plane, total in zip(values, sums[1:], strict=True):
        assert total.sum(dtype=float) == pytest.approx(np.nansum(plane * weight, dtype=float), rel=1e-6)


def test_a_constant_stays():
    _, weight = planes(3)
    total, ones = overlap_sums([np.full(SHAPE, 2.5, np.float32)], weight, places(), OUTPUT)
    np.testing.assert_allclose(ones[total > 0] / total[total > 0], 2.5, rtol=1e-6)


def test_values_that_are_nan_spoil_only_their_own_plane():
    values, weight = planes(4)
    values[1][10, 12] = np.nan
    weight[10, 12] = 1
    total, first, second = overlap_sums(values, weight, places(angle=1.5), OUTPUT)
    assert np.isfinite(total).all()
    assert np.isfinite(first).all() == np.isfinite(values[0][10, 12])
    assert 1 <= np.isnan(second).sum() <= 9


@pytest.mark.parametrize("tile", [(1, 34), (7, 5), (100, 9)])
def test_the_result_does_not_depend_on_tiles(tile, monkeypatch):
    values, weight = planes(5)
    expected = overlap_sums(values, weight, places(), OUTPUT)
    monkeypatch.setattr("jwst.resample.overlap._TILE", tile)
    monkeypatch.setattr("jwst.resample.overlap._BAND", 11)
    monkeypatch.setattr("jwst.resample.pieces._BLOCK", (3, 4))
    monkeypatch.setattr("jwst.resample.clipping._CHUNK", 5)
    found = overlap_sums(values, weight, places(), OUTPUT)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (placement(), True),
        (placement(angle=45.0), False),
        (placement(angle=180.0), False),
        (placement(scale=2.0), False),
        (placement(scale=0.5), False),
        (placement(shape=(3, 30)), False),
        (Placement(np.full((*SHAPE, 2), np.nan), (0, 33, 0, 29)), False),
    ],
)
def test_grids_that_are_nearly_parallel(place, expected):
    assert is_nearly_parallel(ArrayPlaces(place.pixmap)) is expected


def test_small_inputs_are_left_to_the_library(monkeypatch):
    _, weight = planes(1)
    assert can_be_summed(weight, places(), DrizzleRule(), OUTPUT)
    monkeypatch.setattr("jwst.resample.at_once._FEWEST", weight.size + 1)
    assert not can_be_summed(weight, places(), DrizzleRule(), OUTPUT)


def test_what_is_left_to_the_library():
    _, weight = planes(1)
    assert can_be_summed(weight, places(), DrizzleRule(), OUTPUT)
    assert not can_be_summed(-weight, places(), DrizzleRule(), OUTPUT)
    assert not can_be_summed(weight, places(-4.2), DrizzleRule(), OUTPUT)
    assert not can_be_summed(weight, places(y=25.0), DrizzleRule(), OUTPUT)
    assert not can_be_summed(weight, places(), DrizzleRule("turbo"), OUTPUT)
    assert not can_be_summed(weight, places(), DrizzleRule(pixfrac=0.9), OUTPUT)


def test_merged_sums_are_a_weighted_mean():
    mosaic, window = Mosaic((6, 7), inputs=33), Window(slice(1, 4), slice(2, 5))
    for number in range(33):
        weight = np.full((3, 3), 1 + number % 2, np.float32)
        weight[0, 0] = 0
        mosaic.merge(weight * (1 + number % 2), weight, window)
    assert mosaic.weight[2, 3] == 49
    assert mosaic.data[2, 3] == pytest.approx((17 + 16 * 4) / 49, rel=1e-6)
    assert mosaic.context[:, 2, 3].tolist() == [-1, 1]
    assert mosaic.weight[1, 2] == mosaic.context[0, 1, 2] == 0
