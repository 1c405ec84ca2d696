"""Outlines on the sphere, their intersections, and the pixels of polygons."""

from __future__ import annotations

import numpy as np
import pytest
from gwcs.region import Polygon
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jwst.skymatch import outline
from jwst.skymatch.outline import Outline, border_pixels, intersections, lonlat_of, outline_of, unit_vectors
from jwst.skymatch.region import fill, polygon_spans

PIXEL = 9e-6  # degree


def square(x=0.0, y=0.0, *, roll=0.0, size=100.0, centre=(80.0, -69.5)):
    """A square, pixel, near a place on the sphere."""
    angle = np.radians(roll) + np.pi / 4 + np.arange(4) * np.pi / 2
    lon, lat = x + size / np.sqrt(2) * np.cos(angle), y + size / np.sqrt(2) * np.sin(angle)
    return Outline(unit_vectors(centre[0] + PIXEL * lon / np.cos(np.radians(centre[1])), centre[1] + PIXEL * lat))


def area(polygons):
    """Area, square pixel, of small polygons."""
    total = 0.0
    for points in polygons:
        local = points - points[0]
        total += np.linalg.norm(np.cross(local[1:-1], local[2:]).sum(axis=0)) / 2
    return total / np.radians(PIXEL) ** 2


def test_border_of_corners_and_of_steps():
    x, y = border_pixels((100, 120))
    assert list(zip(x, y, strict=True)) == [(-0.5, -0.5), (119.5, -0.5), (119.5, 99.5), (-0.5, 99.5)]
    x, y = border_pixels((100, 120), 10)
    assert x.size == 2 * (13 + 11) - 4  # ceil(121 / 10) and ceil(101 / 10) points on the sides
    assert {(-0.5, -0.5), (119.5, -0.5), (119.5, 99.5), (-0.5, 99.5)} <= set(zip(x, y, strict=True))
    assert border_pixels((4, 4), 1000)[0].size == 4


@settings(max_examples=30)
@given(st.floats(0, 359.99), st.floats(-89, 89))
def test_directions_and_back(lon, lat):
    back = lonlat_of(unit_vectors(np.array([lon]), np.array([lat])))
    assert back[1][0] == pytest.approx(lat, abs=1e-12)
    assert (back[0][0] - lon + 180) % 360 == pytest.approx(180, abs=1e-11)


def test_no_outline_without_coordinates():
    assert outline_of(lambda x, y: (x * np.nan, y), (10, 10)) is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(square(), 1e4, id="same"),
        pytest.param(square(50), 5e3, id="half"),
        pytest.param(square(50, 25), 3750, id="corner"),
        pytest.param(square(size=20), 400, id="inside"),
        pytest.param(square(size=500), 1e4, id="outside"),
        pytest.param(square(roll=45), 1e4 * 2 * (np.sqrt(2) - 1), id="octagon"),
        pytest.param(square(101), 0, id="beside"),
        pytest.param(square(1e5), 0, id="far"),
        pytest.param(square(centre=(260.0, 69.5)), 0, id="antipodes"),
    ],
)
def test_known_intersections(other, expected):
    assert area(intersections(square(), [other])[0]) == pytest.approx(expected, rel=1e-5)


def test_vertices_stay_to_the_last_bit():
    first, other = square(), square(30, 40, roll=10)
    found = intersections(first, [other])[0][0]
    corners = np.concatenate([first.vectors, other.vectors])
    same = (found[:, None] == corners[None]).all(axis=-1).any(axis=1)
    assert same.sum() == 2


def test_an_outline_that_is_not_convex(monkeypatch):
    first = Outline(
        np.insert(square().vectors, 2, square(-30, 0, size=1).vectors[0], axis=0)
    )  # a notch in the left side
    assert 0 < area(intersections(first, [square(-25)])[0]) < 7500
    assert intersections(first, [square(300)]) == [[]]


places = st.tuples(st.floats(-120, 120), st.floats(-120, 120), st.floats(0, 90), st.floats(20, 150))


@settings(max_examples=15)  # that package takes 20 ms for each
@given(places, places)
def test_intersections_are_those_of_spherical_geometry(first, other):
    from spherical_geometry.polygon import SphericalPolygon

    assume(1 < (first[2] - other[2]) % 90 < 89)  # that package fails where sides lie on each other
    outlines = [square(x, y, roll=roll, size=size) for x, y, roll, size in (first, other)]
    polygons = [SphericalPolygon(np.concatenate([one.vectors, one.vectors[:1]])) for one in outlines]
    common = polygons[0].intersection(polygons[1])
    expected = area([np.array(points)[:-1] for points in common.points])
    found = area(intersections(outlines[0], [outlines[1]])[0])
    assume(expected > 0 or not 0 < found < 1)  # slivers
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert area(intersections(outlines[1], [outlines[0]])[0]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


coordinates = st.integers(-120, 300).map(lambda value: value / 4)


@settings(max_examples=50)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=7))
def test_pixels_are_those_of_gwcs(vertices):
    """gwcs takes wrong columns where a range ends left of the image; no overlap does."""
    x, y = np.array(vertices).T
    x = np.maximum(x, -1)
    expected = np.zeros((40, 50), bool)
    Polygon(True, [*zip(x, y, strict=True), (x[0], y[0])]).scan(expected)
    spans = polygon_spans(x, y, expected.shape)
    found = np.zeros_like(expected)
    fill(found, spans, (slice(0, 40), slice(0, 50)))
    np.testing.assert_array_equal(found, expected)
    window = np.zeros_like(found[spans.window])
    fill(window, spans, spans.window)
    np.testing.assert_array_equal(window, expected[spans.window])
    assert window.sum() == expected.sum()


def test_a_polygon_outside_has_no_pixels():
    spans = polygon_spans(np.array([-30.0, -10, -20]), np.array([5.0, 6, 20]), (40, 50))
    assert spans.window == (slice(0, 0), slice(0, 0))


def test_a_failure_takes_all_of_the_image(monkeypatch, caplog):
    from spherical_geometry.polygon import SphericalPolygon

    def fail(*_):
        raise ValueError("no way")

    monkeypatch.setattr(outline, "_star_intersection", lambda *_: None)
    monkeypatch.setattr(SphericalPolygon, "intersection", fail)
    first = square()
    (found,) = intersections(first, [square(30)])[0]
    assert found is first.vectors
    assert "could not be found (no way): all of the image is taken" in caplog.text
