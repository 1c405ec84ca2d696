"""Centres and corners of pixels by rectangles: the same from a smooth map as from the positions of all pixels."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.resample.grid import GridRequest, make_grid
from jwst.resample.overlap import is_nearly_parallel, overlap_sums
from jwst.resample.pixmap import find_pixel_map
from jwst.resample.places import ArrayPlaces, SmoothPlaces, edges_of, places_of
from jwst.resample.smooth_map import SmoothMap
from tests.jwst.resample.worlds import SHAPE, image_wcs, info_of, tangent_footprint

NY, NX = SHAPE
CLOSE = {"rtol": 0, "atol": 1e-9}


@pytest.fixture(scope="module")
def found():
    world = image_wcs(80.0, -69.5)
    grid = make_grid([tangent_footprint(world)], world, info_of(80.0, -69.5, 30.0), GridRequest())
    return find_pixel_map(world, SHAPE, grid.wcs)


@pytest.fixture(scope="module")
def smooth(found):
    places = places_of(found)
    assert isinstance(places, SmoothPlaces)
    return places


@pytest.fixture
def mild():
    """A map of little rotation and distortion."""
    x, y = (NX - 1) / 2, (NY - 1) / 2
    coefficients = np.array([[[x + 6.3, x], [-0.01 * y, 0.2]], [[y + 8.1, 0.01 * x], [y, -0.1]]])
    return SmoothPlaces(SHAPE, SmoothMap(coefficients, (0, NX - 1), (0, NY - 1)))


@pytest.fixture
def whole(found):
    return ArrayPlaces(found.array())


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(0, NY), slice(0, NX)),
        (slice(0, 5), slice(7, 20)),
        (slice(NY - 3, NY), slice(NX - 9, NX)),
        (slice(4, 5), slice(0, NX)),
    ],
)
def test_corners(smooth, whole, rows, columns):
    corners = smooth.corners(rows, columns)
    assert corners.shape == (2, rows.stop - rows.start + 1, columns.stop - columns.start + 1)
    np.testing.assert_allclose(corners, whole.corners(rows, columns), **CLOSE)


def test_corners_are_between_centres(whole):
    x, y = whole.corners(slice(0, NY), slice(0, NX))
    for plane, axis in ((x, 0), (y, 1)):
        centres = (plane[:-1, :-1] + plane[:-1, 1:] + plane[1:, :-1] + plane[1:, 1:]) / 4 - 0.5
        np.testing.assert_allclose(centres, whole.pixmap[..., axis], rtol=0, atol=5e-3)


def test_centres(smooth, whole):
    rows, columns = np.array([0, 3, NY - 1]), np.array([1, 2, NX - 1])
    np.testing.assert_allclose(smooth.block(rows, columns), whole.block(rows, columns), **CLOSE)
    np.testing.assert_array_equal(whole.block(rows, columns), whole.pixmap[np.ix_(rows, columns)])
    np.testing.assert_allclose(smooth.array(), whole.array(), **CLOSE)


def test_edges(smooth, whole):
    np.testing.assert_allclose(edges_of(smooth), edges_of(whole), **CLOSE)
    assert edges_of(whole).min(axis=0) == pytest.approx(whole.pixmap.min(axis=(0, 1)))


def test_counted_from_another_pixel(smooth, whole):
    before = whole.array().copy()
    for moved in (smooth.moved(3, -2), whole.moved(3, -2)):
        np.testing.assert_allclose(moved.array(), before - (3, -2), **CLOSE)


def test_maps_with_a_bounding_box_are_arrays():
    world = image_wcs(80.0, -69.5)
    world.bounding_box = ((1.5, NX - 3.5), (0.5, NY - 2.5))
    grid = make_grid([tangent_footprint(world)], world, info_of(80.0, -69.5, 30.0), GridRequest())
    places = places_of(find_pixel_map(world, SHAPE, grid.wcs))
    assert isinstance(places, ArrayPlaces)
    assert np.isnan(places.array()).any()
    assert not is_nearly_parallel(places)


def test_the_sums_do_not_depend_on_threads(mild, monkeypatch):
    monkeypatch.setattr("jwst.resample.overlap._BAND", 20)
    monkeypatch.setattr("jwst.resample.overlap._TILE", (7, 30))
    rng = np.random.default_rng(3)
    planes = [rng.uniform(1, 2, SHAPE).astype(np.float32) for _ in range(2)]
    weight = rng.uniform(1, 2, SHAPE).astype(np.float32)
    size, places = (NY + 20, NX + 20), mild
    assert is_nearly_parallel(places)
    one = overlap_sums(planes, weight, places, size)
    assert one[0].sum(dtype=float) == pytest.approx(weight.sum(dtype=float), rel=1e-6)
    for _ in range(3):
        np.testing.assert_array_equal(overlap_sums(planes, weight, places, size, threads=3), one)


def test_the_sums_are_those_of_an_array(mild):
    weight = np.random.default_rng(3).uniform(1, 2, SHAPE).astype(np.float32)
    size = (NY + 20, NX + 20)
    sums = overlap_sums([weight], weight, mild, size)
    np.testing.assert_allclose(sums, overlap_sums([weight], weight, ArrayPlaces(mild.array()), size), rtol=1e-5)
