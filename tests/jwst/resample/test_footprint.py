"""Union of polygons, and the footprint of a mosaic."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.resample.footprint import union_region
from jwst.resample.grid import GridRequest, make_grid
from jwst.resample.polygons import intersection, signed_area, simplified, union
from jwst.resample.regions import mean_position, polygons_of, region_text
from stpipe.exceptions import InputError
from tests.jwst.resample.worlds import image_wcs, info_of, tangent_footprint

SQUARE = np.array([(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)])


def area(region):
    return sum(signed_area(loop) for loop in region)


def turned(center, size, angle):
    """A rectangle twice as wide as high."""
    corners = np.array([(-1, -0.5), (1, -0.5), (1, 0.5), (-1, 0.5)]) * size
    c, s = np.cos(angle), np.sin(angle)
    return corners @ np.array([[c, s], [-s, c]]) + center


def sampled_area(polygons, step=4.0, limit=2000.0):
    """Area by counting points that are in one convex polygon or more."""
    axis = np.arange(-limit + step / 2, limit, step)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    found = np.zeros(len(points), bool)
    for polygon in polygons:
        along = np.roll(polygon, -1, axis=0) - polygon
        sides = [
            edge[0] * (points[:, 1] - start[1]) - edge[1] * (points[:, 0] - start[0])
            for edge, start in zip(along, polygon, strict=True)
        ]
        found |= (np.array(sides) > 0).all(axis=0)
    return found.sum() * step * step


rectangles = st.lists(
    st.builds(
        turned,
        st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)),
        st.floats(100, 800),
        st.sampled_from([0.0, 0.3, 0.3 + 1e-9, np.pi / 2]) | st.floats(0, 6),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=30, deadline=None)
@given(rectangles, st.randoms(use_true_random=False))
def test_union(polygons, random):
    found = union(polygons)
    sizes = [signed_area(polygon) for polygon in polygons]
    assert max(sizes) * (1 - 1e-6) <= area(found) <= sum(sizes) * (1 + 1e-4)
    shuffled = random.sample(polygons, len(polygons))
    assert area(union(shuffled)) == pytest.approx(area(found), rel=1e-4)
    assert all(signed_area(loop) > 0 for loop in found)
    for polygon in polygons:
        assert area(intersection(found, polygon)) == pytest.approx(signed_area(polygon), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_area_of_a_union(seed):
    rng = np.random.default_rng(seed)
    polygons = [turned(rng.uniform(-700, 700, 2), rng.uniform(300, 600), rng.uniform(0, 6)) for _ in range(5)]
    with_holes = area(union(polygons))
    assert with_holes >= sampled_area(polygons, step=8.0) * (1 - 5e-3)
    pair = polygons[:2]  # two rectangles leave no hole
    assert area(union(pair)) == pytest.approx(sampled_area(pair, step=8.0), rel=5e-3)


UNIONS = {
    "one": ([SQUARE], 1e4, 1),
    "clockwise": ([SQUARE[::-1]], 1e4, 1),
    "same twice": ([SQUARE, SQUARE], 1e4, 1),
    "same from another corner": ([SQUARE, np.roll(SQUARE, 1, axis=0)], 1e4, 1),
    "nearly the same": ([SQUARE, SQUARE + 1e-5, SQUARE - 2e-5], 1e4, 1),
    "side by side": ([SQUARE, SQUARE + [100, 0]], 2e4, 1),
    "half a side": ([SQUARE, SQUARE + [100, 50]], 2e4, 1),
    "along a side": ([SQUARE, SQUARE + [50, 0]], 1.5e4, 1),
    "inside": ([SQUARE, SQUARE / 2 + 20], 1e4, 1),
    "inside, on an edge": ([SQUARE, SQUARE / 2 + [0, 20]], 1e4, 1),
    "apart": ([SQUARE, SQUARE + [300, 0]], 2e4, 2),
    "a cross": ([SQUARE * [3, 1], SQUARE * [1, 3] + [100, -100]], 5e4, 1),
    "in a row": ([SQUARE + [90 * n, 0] for n in range(7)], 6.4e4, 1),
    "a ring": (
        [SQUARE * [3, 1], SQUARE * [3, 1] + [0, 200], SQUARE * [1, 3], SQUARE * [1, 3] + [200, 0]],
        9e4,  # the hole is filled
        1,
    ),
    "no area": ([SQUARE, SQUARE * [1, 0]], 1e4, 1),
}


@pytest.mark.parametrize("name", UNIONS)
def test_known_unions(name):
    polygons, wanted, pieces = UNIONS[name]
    found = union(polygons)
    assert len(found) == pieces
    assert area(found) == pytest.approx(wanted, rel=1e-4)


def test_side_by_side_has_four_corners():
    (loop,) = union([SQUARE, SQUARE + [100, 0], SQUARE + [200, 0]])
    corners = simplified(loop)
    assert len(corners) == 4
    np.testing.assert_allclose(np.ptp(corners, axis=0), [300, 100], atol=1e-3)


def test_many_dithers():
    rng = np.random.default_rng(5)
    polygons = [turned(rng.uniform(-300, 300, 2), 600, 0.3) for _ in range(80)]
    (loop,) = union(polygons)
    assert signed_area(loop) == pytest.approx(sampled_area(polygons, step=10.0), rel=5e-3)


def test_intersection():
    cut = intersection([SQUARE, SQUARE + [150, 0]], turned((125.0, 50.0), 75.0, 0.0))
    assert sorted(round(signed_area(loop)) for loop in cut) == [50 * 75, 50 * 75]
    assert intersection([], SQUARE) == []
    assert intersection([SQUARE], SQUARE + 500) == []
    assert area(intersection([SQUARE], SQUARE)) == pytest.approx(1e4, rel=1e-5)


def test_simplified():
    loop = np.array([(0, 0), (50, 0), (50.01, 0.01), (100, 0), (100, 100), (0, 100), (0, 0.02)], float)
    np.testing.assert_array_equal(simplified(loop), [(0, 0), (100, 0), (100, 100), (0, 100)])
    assert len(simplified(np.zeros((5, 2)))) < 3


@pytest.fixture(scope="module")
def worlds():
    return [image_wcs(80.0, -69.5), image_wcs(80.001, -69.4995, 50.0), image_wcs(80.02, -69.5)]


def mosaic(worlds, **request):
    regions = [tangent_footprint(world) for world in worlds]
    return regions, make_grid(regions, worlds[0], info_of(80.0, -69.5), GridRequest(**request))


def on_plane(region, wcs):
    return [np.array(wcs.invert(*sky.T, with_bounding_box=False)).T for sky in polygons_of(region)]


def test_footprint_of_one(worlds):
    regions, grid = mosaic(worlds[:1], crpix=(150.0, 150.0), output_shape=(300, 300))
    grid.wcs.bounding_box = None
    found, wanted = (
        on_plane(region, grid.wcs)[0] for region in (union_region(regions, grid.wcs, grid.shape), *regions)
    )
    assert signed_area(found) < 0  # clockwise in pixels
    distances = np.linalg.norm(found[:, None] - wanted[None], axis=2)
    assert distances.min(axis=1).max() < 1e-3
    assert sorted(distances.argmin(axis=1)) == [0, 1, 2, 3]


def test_footprint_in_pieces(worlds):
    regions, grid = mosaic(worlds)
    found = union_region(regions, grid.wcs, grid.shape)
    assert found.count("POLYGON ICRS  ") == 2
    assert "  POLYGON" in found
    pieces = [abs(signed_area(loop)) for loop in on_plane(found, grid.wcs)]
    inputs = [abs(signed_area(on_plane(region, grid.wcs)[0])) for region in regions]
    assert max(inputs) < max(pieces) < inputs[0] + inputs[1]
    assert min(pieces) == pytest.approx(inputs[2], rel=0.02)  # the output cuts corners off


def test_footprint_ends_with_the_output(worlds):
    regions, grid = mosaic(worlds[:1])
    inside = on_plane(union_region(regions, grid.wcs, (40, 50)), grid.wcs)[0]
    assert inside.max(axis=0) == pytest.approx([49.5, 39.5], abs=1e-3)
    assert inside.min() > -0.5 - 1e-3


def test_no_input_on_the_output(worlds, caplog):
    regions, grid = mosaic(worlds[:1])
    away = tangent_footprint(worlds[2])
    with caplog.at_level(logging.WARNING):
        assert union_region([away], grid.wcs, grid.shape) is None
    assert "No input is on the output" in caplog.text
    opposite = "POLYGON ICRS  260 69.5 260.1 69.5 260.1 69.6"
    assert union_region([opposite], grid.wcs, grid.shape) is None


def test_input_across_the_edge_of_the_sky(worlds):
    """A footprint of which a part cannot be projected does not disturb the others."""
    regions, grid = mosaic(worlds[:1])
    half = "POLYGON ICRS  80 -69.5 260 69.5 170 0"
    found = union_region([regions[0], half], grid.wcs, grid.shape)
    assert found == union_region(regions, grid.wcs, grid.shape)


def test_no_inputs(worlds):
    _, grid = mosaic(worlds[:1])
    with pytest.raises(InputError, match="no inputs"):
        union_region([], grid.wcs, grid.shape)


def test_reading_of_regions():
    text = "POLYGON ICRS  1.5 -2 3 4e0 5 6  POLYGON ICRS  7 8 9 10 11 12 13 14"
    first, second = polygons_of(text)
    np.testing.assert_array_equal(first, [(1.5, -2), (3, 4), (5, 6)])
    assert second.shape == (4, 2)
    assert [len(polygon) for polygon in polygons_of(" polygon 1 2 3 4 5 6 ")] == [3]
    np.testing.assert_allclose(polygons_of(region_text(second))[0], second)
    assert region_text([(1, 2)]) == "POLYGON ICRS  1.000000000 2.000000000"


@pytest.mark.parametrize(
    "region",
    [
        *(None, "", "  ", "CIRCLE ICRS 1 2 3", "nonsense POLYGON ICRS 1 2 3 4 5 6", "POLYGON ICRS"),
        *("POLYGON ICRS 1 2 3 4", "POLYGON ICRS 1 2 3 4 5 6 7", "POLYGON ICRS nan 2 3 4 5 6", "POLYGON ICRS a 2 3 4"),
        "POLYGON ICRS 1 2 3 4 5 inf",
    ],
)
def test_regions_that_cannot_be_used(region):
    with pytest.raises(InputError, match=r"S_REGION"):
        polygons_of(region)


@pytest.mark.parametrize(
    ("vertices", "wanted"),
    [
        ([(359.0, 1.0), (1.0, 1.0), (359.0, -1.0), (1.0, -1.0)], (0.0, 0.0)),
        ([(0.0, 89.0), (90.0, 89.0), (180.0, 89.0), (270.0, 89.0)], (None, 90.0)),
        ([(10.0, -1.0), (12.0, -1.0), (12.0, 1.0), (10.0, 1.0)], (11.0, 0.0)),
    ],
)
def test_middle(vertices, wanted):
    ra, dec = mean_position(np.array(vertices))
    assert 0 <= ra <= 360
    assert dec == pytest.approx(wanted[1], abs=1e-6)
    if wanted[0] is not None:
        assert (ra - wanted[0] + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


def test_no_middle():
    with pytest.raises(InputError, match="all around the sky"):
        mean_position(np.array([(0.0, 0.0), (90.0, 0.0), (180.0, 0.0), (270.0, 0.0)]))
