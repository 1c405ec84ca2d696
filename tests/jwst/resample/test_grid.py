"""Output grids made for inputs, and area of pixels."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jwst.resample
from jwst.resample.grid import GridRequest, UnsupportedWCSError, input_pixel_scale, make_grid
from jwst.resample.pixel_area import mean_pixel_area, polygon_area
from stpipe.exceptions import InputError, MissingMetadataError
from tests.jwst.resample.worlds import SHAPE, image_wcs, info_of, sky_box, tangent_footprint, with_frame

RA, DEC = 80.0, -69.5


@pytest.fixture(scope="module")
def world():
    return image_wcs(RA, DEC)


def grid_of(world, regions=None, **request):
    return make_grid(regions or [tangent_footprint(world)], world, info_of(RA, DEC), GridRequest(**request))


def corners_in(grid, world):
    x, y = (
        np.array([-0.5, -0.5, SHAPE[1] - 0.5, SHAPE[1] - 0.5]),
        np.array([-0.5, SHAPE[0] - 0.5, SHAPE[0] - 0.5, -0.5]),
    )
    return np.array(grid.wcs.invert(*world(x, y), with_bounding_box=False))


def test_grid_holds_the_input(world):
    grid = grid_of(world)
    low, high = corners_in(grid, world).min(axis=1), corners_in(grid, world).max(axis=1)
    np.testing.assert_allclose(low, 0, atol=1e-3)
    assert grid.shape == tuple(int(value + 0.5) for value in high[::-1])
    assert grid.wcs.array_shape == grid.shape
    box = grid.wcs.bounding_box.bounding_box(order="F")
    assert box == ((-0.5, grid.shape[1] - 0.5), (-0.5, grid.shape[0] - 0.5))
    assert grid.pixel_scale == pytest.approx(0.031, rel=0.01)
    assert grid.pixel_scale_ratio == 1.0
    assert grid.wcs.available_frames == ["detector", "world"]


@settings(max_examples=15, deadline=None)
@given(
    ra=st.sampled_from([0.0, 0.001, 359.9995, 123.4]),
    dec=st.sampled_from([-90.0, -89.999, 0.0, 45.0, 89.9999]),
    roll=st.floats(0, 360),
    rotation=st.none() | st.floats(-180, 180),
)
def test_anywhere_on_the_sky(ra, dec, roll, rotation):
    world = image_wcs(ra, dec, roll)
    grid = make_grid([tangent_footprint(world)], world, info_of(ra, dec, roll), GridRequest(rotation=rotation))
    places = corners_in(grid, world)
    np.testing.assert_allclose(places.min(axis=1), 0, atol=1e-2)
    assert (places.max(axis=1) < np.array(grid.shape[::-1]) + 0.5).all()
    diagonal = np.hypot(*SHAPE)
    assert min(SHAPE) * 0.9 < min(grid.shape) <= max(grid.shape) < diagonal * 1.2
    assert grid.pixel_scale == pytest.approx(0.031, rel=0.02)


def test_order_of_the_footprints_does_not_matter(world):
    regions = [
        tangent_footprint(world),
        tangent_footprint(image_wcs(RA + 0.003, DEC)),
        "POLYGON ICRS 80 -69.5 80.001 -69.5 80 -69.501",
    ]
    first, second = grid_of(world, regions), grid_of(world, regions[::-1])
    assert first.shape == second.shape
    np.testing.assert_array_equal(first.wcs.forward_transform.parameters, second.wcs.forward_transform.parameters)
    both = grid_of(world, ["  ".join(regions)])
    assert both.shape == first.shape


def test_inputs_far_apart(world):
    region = tangent_footprint(world)
    with pytest.raises(InputError, match="lie far apart"):
        grid_of(world, [region, "POLYGON ICRS 80 -20 80.01 -20 80 -20.01"])
    few = grid_of(world, [region, "POLYGON ICRS 80 -20 80.01 -20 80 -20.01"], output_shape=(50, 40))
    assert few.shape == (40, 50)


def test_rotation(world):
    grid = grid_of(world, rotation=0.0)
    pc = grid.wcs.forward_transform.pc.value
    np.testing.assert_allclose(pc, [[-1, 0], [0, 1]], atol=1e-15)
    angle = grid_of(world, rotation=25.0)
    x, y = 60.0, 70.0
    ra, dec = angle.wcs(np.array([x, x]), np.array([y, y + 1]))
    east, north = (ra[1] - ra[0]) * np.cos(np.deg2rad(dec[0])), dec[1] - dec[0]
    assert np.rad2deg(np.arctan2(east, north)) == pytest.approx(25.0, abs=0.01)


def test_scales(world):
    half = grid_of(world, pixel_scale_ratio=0.5)
    whole = grid_of(world)
    assert half.pixel_scale == pytest.approx(whole.pixel_scale / 2)
    assert np.array(half.shape) == pytest.approx(2 * np.array(whole.shape), abs=1)
    given_scale = grid_of(world, pixel_scale=0.062, pixel_scale_ratio=7.0)
    assert given_scale.pixel_scale == pytest.approx(0.062, rel=1e-14)
    assert given_scale.pixel_scale_ratio == pytest.approx(2.0, rel=2e-3)


def test_place_of_the_reference_point(world):
    grid = grid_of(world, crval=(RA, DEC), crpix=(30.0, 20.0))
    np.testing.assert_allclose(grid.wcs.invert(RA, DEC, with_bounding_box=False), (30.0, 20.0), atol=1e-8)
    large = grid_of(world, crval=(RA, DEC), crpix=(200.0, 150.0), output_shape=(400, 300))
    assert large.shape == (300, 400)
    (left, right), (low, high) = large.wcs.bounding_box.bounding_box(order="F")
    assert -0.5 < left < right < 399.5
    assert -0.5 < low < high < 299.5


def test_output_beside_the_inputs(world):
    grid = grid_of(world, crval=(RA + 0.1, DEC), crpix=(40, 40), output_shape=(80, 90))
    assert grid.wcs.bounding_box.bounding_box(order="F") == ((-0.5, 79.5), (-0.5, 89.5))


def test_frames_of_a_moving_target(world):
    moving = with_frame(world, "moving_target")
    grid = make_grid([tangent_footprint(world)], moving, info_of(RA, DEC))
    assert grid.wcs.available_frames == ["detector", "moving_target"]


def test_inputs_stay_as_they_are(world):
    before = deepcopy(world)
    grid = grid_of(world)
    grid.wcs.bounding_box = None
    assert world.bounding_box == before.bounding_box
    assert world.array_shape is None


@pytest.mark.parametrize(
    ("regions", "match"),
    [
        ([], "no inputs"),
        ([None], "S_REGION"),
        (["POLYGON ICRS nan 1 2 3 4 5"], "finite"),
        (["POLYGON ICRS 1 2"], "three"),
    ],
)
def test_footprints_that_cannot_be_used(world, regions, match):
    with pytest.raises(InputError, match=match):
        make_grid(regions, world, info_of(RA, DEC))


@pytest.mark.parametrize("name", ["ra_ref", "dec_ref", "roll_ref", "v3yangle", "vparity"])
@pytest.mark.parametrize("value", [None, np.nan])
def test_pointing_that_is_not_known(world, name, value):
    with pytest.raises(MissingMetadataError, match=f"meta.wcsinfo.{name}"):
        make_grid([tangent_footprint(world)], world, info_of(RA, DEC) | {name: value})


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        ({"pixel_scale": 0.0}, "pixel_scale is 0.0"),
        ({"pixel_scale_ratio": -1.0}, "pixel_scale_ratio is -1.0"),
        ({"pixel_scale": np.inf}, "pixel_scale is inf"),
        ({"crpix": (1.0,)}, "crpix is"),
        ({"crval": (np.nan, 1.0)}, "crval is"),
        ({"output_shape": (1, 50)}, "1 columns and 50 rows"),
        ({"output_shape": (1, 2, 3)}, "output_shape is"),
        ({"crpix": (-500.0, 10.0)}, "needs 2 or more"),
        ({"pixel_scale": 60.0}, "needs 2 or more"),
        ({"crval": (RA, 69.5)}, "90 deg or more"),
    ],
)
def test_wishes_that_cannot_be(world, request_, match):
    with pytest.raises(ValueError, match=match):
        grid_of(world, **request_)


def test_inputs_that_are_no_images(world):
    from astropy.modeling.models import Identity, Mapping
    from gwcs import wcs

    region, info = tangent_footprint(world), info_of(RA, DEC)
    with pytest.raises(UnsupportedWCSError, match="Run assign_wcs"):
        make_grid([region], None, info)
    axes = world.forward_transform | Mapping((0, 1, 1)) | Identity(3)
    spectrum = wcs.WCS([(world.input_frame, axes), (three_axes(), None)])
    with pytest.raises(RuntimeError, match="from 2 to 3 axes"):
        make_grid([region], spectrum, info)


def three_axes():
    from gwcs import coordinate_frames as cf

    return cf.CoordinateFrame(3, ("SPATIAL",) * 3, (0, 1, 2), name="world", unit=("deg",) * 3)


class _Nowhere:
    """Coordinates that have no values."""

    def invert(self, *position, **options):
        return np.nan, np.nan

    def __call__(self, x, y, **options):
        return x * np.nan, y * np.nan


def test_reference_point_without_coordinates():
    with pytest.raises(InputError, match="no finite scale"):
        input_pixel_scale(_Nowhere(), (RA, DEC))


def test_scale_without_a_box():
    world = image_wcs(RA, DEC, box=False)
    with pytest.raises(InputError, match="no bounding box"):
        grid_of(world, pixel_scale=0.03)
    world.array_shape = SHAPE
    assert grid_of(world, pixel_scale=0.03).pixel_scale_ratio == pytest.approx(0.03 / 0.031, rel=3e-3)


CUBE = float(np.rad2deg(np.arcsin(1 / np.sqrt(3))))


@pytest.mark.parametrize(
    ("lon", "lat", "wanted"),
    [
        ((0, 90, 0), (0, 0, 90), np.pi / 2),
        ((0, 0, 90), (0, 90, 0), np.pi / 2),
        ((0, 90, 180, 270), (CUBE,) * 4, 4 * np.pi / 6),
    ],
    ids=["octant", "clockwise", "face of a cube"],
)
def test_area_of_polygons(lon, lat, wanted):
    assert polygon_area(np.array(lon, float), np.array(lat, float)) == pytest.approx(wanted, rel=1e-12)


def test_area_of_small_polygons_is_not_noise():
    side = 1e-6
    lon, lat = np.array([0, side, side, 0]), np.array([0, 0, side, side])
    assert polygon_area(lon, lat) == pytest.approx(np.deg2rad(side) ** 2, rel=1e-7)


@pytest.mark.parametrize("dec", [0.0, 89.9999, -90.0])
def test_mean_area(dec):
    world = image_wcs(359.9999, dec, bend=0.0)
    assert mean_pixel_area(world, SHAPE) == pytest.approx(np.deg2rad(0.031 / 3600) ** 2, rel=1e-4)


def test_mean_area_of_the_bench():
    """Value of the specification, resample.md §8."""
    world = image_wcs(RA, DEC, shape=(100, 120), scale=0.0312, bend=0.0)
    assert mean_pixel_area(world, (100, 120)) == pytest.approx(2.288053606e-14, rel=1e-6)


def test_mean_area_within_the_box():
    world = image_wcs(RA, DEC, bend=0.0)
    whole = mean_pixel_area(world, SHAPE)
    world.bounding_box = ((20.5, 90.0), (-0.5, 60.0))
    assert mean_pixel_area(world, SHAPE) == pytest.approx(whole, rel=1e-5)
    world.bounding_box = None
    assert mean_pixel_area(world, SHAPE) == pytest.approx(whole, rel=1e-6)


class _Holed:
    """Coordinates that are not finite along some edges."""

    bounding_box = None

    def __init__(self, world, first_column, last_row):
        self.world, self.first, self.last = world, first_column, last_row

    def __call__(self, x, y):
        ra, dec = self.world(x, y)
        bad = (x < self.first) | (y > self.last)
        return np.where(bad, np.nan, ra), np.where(bad, np.nan, dec)


def test_edges_without_coordinates():
    world = image_wcs(RA, DEC, bend=0.0)
    assert mean_pixel_area(_Holed(world, 3, 140), SHAPE) == pytest.approx(mean_pixel_area(world, SHAPE), rel=1e-5)
    with pytest.raises(InputError, match="no finite values"):
        mean_pixel_area(_Holed(world, 1000, 10), SHAPE)


def test_box_on_the_sky():
    """Footprints alone decide what the grid holds."""
    world = image_wcs(10.0, 0.0)
    size = 0.05
    grid = make_grid([sky_box(10.0, 0.0, size)], world, info_of(10.0, 0.0), GridRequest(rotation=0.0, pixel_scale=3.6))
    assert grid.shape == (50, 50)


def test_names_of_the_package():
    from jwst.resample import resample_utils
    from jwst.resample.resample_step import ResampleStep

    assert jwst.resample.ResampleStep is ResampleStep
    assert jwst.resample.resample_utils is resample_utils
    with pytest.raises(AttributeError, match="nothing"):
        _ = jwst.resample.nothing
