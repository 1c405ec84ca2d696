"""Positions of pixels in the output, by sums of polynomials, by gwcs and interpolated."""

from __future__ import annotations

from copy import deepcopy
from unittest import mock

import numpy as np
import pytest
from astropy.modeling import CompoundModel, custom_model
from astropy.modeling.models import Identity, Shift
from gwcs import wcs
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.resample import smooth_map
from jwst.resample.grid import GridRequest, UnsupportedWCSError, make_grid
from jwst.resample.pixmap import PixelMaps, find_pixel_map, pixel_map, window_of
from jwst.resample.smooth_map import SmoothMap, is_smooth
from stpipe.exceptions import InputError, ParameterError
from tests.jwst.resample.worlds import (
    SHAPE,
    image_wcs,
    info_of,
    positions_by_gwcs,
    tangent_footprint,
    with_frame,
)

ROUNDING = 5e-8  # pixel; RA of 360 deg in float64 has 7e-9


def grid_of(found, ra, dec, roll=30.0, **request):
    return make_grid([tangent_footprint(found)], found, info_of(ra, dec, roll), GridRequest(**request))


def pixels(shape=SHAPE):
    """All pixels, x and y."""
    y, x = np.indices(shape, dtype=float)
    return x.ravel(), y.ravel()


@pytest.fixture(scope="module")
def world():
    return image_wcs(80.0, -69.5)


@pytest.fixture(scope="module")
def grid(world):
    return grid_of(world, 80.0, -69.5, rotation=10.0)


@pytest.fixture(scope="module")
def expected(world, grid):
    return positions_by_gwcs(world, grid.wcs, *pixels()).T.reshape(*SHAPE, 2)


def test_every_pixel(world, grid, expected):
    found = find_pixel_map(world, SHAPE, grid.wcs)
    assert isinstance(found.kernel, SmoothMap)
    np.testing.assert_allclose(found.array(), expected, rtol=0, atol=ROUNDING)


@settings(max_examples=12, deadline=None)
@given(
    ra=st.sampled_from([0.0, 0.0005, 359.9999, 80.0, 200.0]),
    dec=st.sampled_from([-90.0, -89.9999, 0.0, 60.0, 89.9995, 90.0]),
    roll=st.floats(0, 360),
    rotation=st.floats(-180, 180),
)
def test_anywhere_on_the_sky(ra, dec, roll, rotation):
    world = image_wcs(ra, dec, roll)
    grid = grid_of(world, ra, dec, roll, rotation=rotation)
    found = find_pixel_map(world, SHAPE, grid.wcs)
    x, y = (axis[::97] for axis in pixels())
    positions = found.array()[y.astype(int), x.astype(int)].T
    np.testing.assert_allclose(positions, positions_by_gwcs(world, grid.wcs, x, y), rtol=0, atol=ROUNDING)
    assert isinstance(found.kernel, SmoothMap)


def test_after_tweakreg(world, grid):
    from tweakwcs.correctors import JWSTWCSCorrector

    corrector = JWSTWCSCorrector(world, info_of(80.0, -69.5))
    turn = np.deg2rad(0.01)
    corrector.set_correction([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], [0.3, -0.2])
    assert "v2v3corr" in corrector.wcs.available_frames
    found = find_pixel_map(corrector.wcs, SHAPE, grid.wcs)
    x, y = (axis[::53] for axis in pixels())
    positions = found.array()[y.astype(int), x.astype(int)].T
    np.testing.assert_allclose(positions, positions_by_gwcs(corrector.wcs, grid.wcs, x, y), rtol=0, atol=ROUNDING)
    assert isinstance(found.kernel, SmoothMap)
    assert np.nanmax(np.abs(found.array() - pixel_map(world, SHAPE, grid.wcs))) > 5


def test_moving_target(world):
    moving = with_frame(world, "moving_target", Shift(0.01) & Shift(-0.002))
    footprint = tangent_footprint(moving)
    grid = make_grid([footprint], moving, info_of(80.0, -69.5))
    found = find_pixel_map(moving, SHAPE, grid.wcs)
    assert grid.wcs.available_frames == ["detector", "moving_target"]
    assert isinstance(found.kernel, SmoothMap)
    x, y = (axis[::53] for axis in pixels())
    positions = found.array()[y.astype(int), x.astype(int)].T
    np.testing.assert_allclose(positions, positions_by_gwcs(moving, grid.wcs, x, y), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("box", [((9.5, 140.2), (-0.5, 120.0)), ((10.0, 140.0), (3.0, 149.5)), ((-9, 500), (-3, 400))])
def test_outside_of_the_box(world, grid, expected, box):
    boxed = deepcopy(world)
    boxed.bounding_box = box
    positions = find_pixel_map(boxed, SHAPE, grid.wcs).array()
    x, y = pixels()
    inside = (x >= box[0][0]) & (x <= box[0][1]) & (y >= box[1][0]) & (y <= box[1][1])
    wanted = np.where(inside.reshape(*SHAPE, 1), expected, np.nan)
    np.testing.assert_allclose(positions, wanted, rtol=0, atol=ROUNDING)


def test_box_beside_the_image(world, grid):
    boxed = deepcopy(world)
    boxed.bounding_box = ((500.0, 600.0), (-0.5, 20.0))
    assert np.isnan(pixel_map(boxed, SHAPE, grid.wcs)).all()
    assert 0 in window_of(boxed, SHAPE).shape


def test_without_a_box(grid, expected):
    free = image_wcs(80.0, -69.5, box=False)
    np.testing.assert_allclose(pixel_map(free, SHAPE, grid.wcs), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (7, 60), (149, 150), (20, 20)])
def test_rows(world, grid, start, stop):
    boxed = deepcopy(world)
    boxed.bounding_box = ((-0.5, 120.0), (10.0, 149.5))
    found = find_pixel_map(boxed, SHAPE, grid.wcs)
    np.testing.assert_allclose(found.rows(start, stop), found.array()[start:stop], rtol=0, atol=1e-10)


@pytest.mark.parametrize("crval", [(260.0, 69.5), (170.0, 0.0)])
def test_output_on_the_other_side_of_the_sky(world, crval):
    """Behind the tangent plane, and across its horizon: what gwcs says, NaN included."""
    from astropy.modeling.models import Pix2Sky_TAN
    from gwcs import FITSImagingWCSTransform

    plane = FITSImagingWCSTransform(Pix2Sky_TAN(), crpix=(0, 0), crval=crval, cdelt=(1e-5, 1e-5), pc=np.eye(2))
    output = wcs.WCS([(world.input_frame, plane), (world.output_frame, None)])
    wanted = positions_by_gwcs(world, output, *pixels()).T.reshape(*SHAPE, 2)
    np.testing.assert_allclose(pixel_map(world, SHAPE, output), wanted, rtol=1e-9, atol=ROUNDING)


def test_float32(world, grid, expected):
    found = pixel_map(world, SHAPE, grid.wcs, dtype=np.float32)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_small_images_are_left_to_gwcs(world, grid, expected):
    found = pixel_map(world, (40, 50), grid.wcs)
    np.testing.assert_array_equal(found, expected[:40, :50])


@custom_model
def ripple(x, height=0.2):
    """A step that is not known to be smooth."""
    return x + height * np.sign(np.sin(x))


def _with_ripple(world):
    steps = [(step.frame, step.transform) for step in deepcopy(world.pipeline)]
    box = world.bounding_box
    steps[0] = (steps[0][0], ripple() & Identity(1) | steps[0][1])
    found = wcs.WCS(steps)
    found.bounding_box = box.bounding_box(order="F")
    return found


def test_unknown_transforms_are_left_to_gwcs(world, grid):
    rippled = _with_ripple(world)
    positions = pixel_map(rippled, SHAPE, grid.wcs)
    wanted = positions_by_gwcs(rippled, grid.wcs, *pixels()).T.reshape(*SHAPE, 2)
    np.testing.assert_allclose(positions, wanted, rtol=0, atol=1e-12)
    assert not is_smooth(rippled.forward_transform)


def test_what_does_not_converge_is_left_to_gwcs(world, grid):
    rippled = _with_ripple(world)
    with mock.patch.object(smooth_map, "SMOOTH", smooth_map.SMOOTH | {"ripple"}):
        assert is_smooth(rippled.forward_transform)
        found = find_pixel_map(rippled, SHAPE, grid.wcs)
    assert not isinstance(found.kernel, SmoothMap)


def test_known_transforms(world, grid):
    assert isinstance(world.forward_transform, CompoundModel)
    assert is_smooth(world.forward_transform)
    assert is_smooth(grid.wcs.forward_transform)
    assert is_smooth(grid.wcs.backward_transform)


def test_output_without_an_inverse(world, grid):
    with pytest.raises(UnsupportedWCSError, match="no inverse"):
        pixel_map(world, SHAPE, _with_ripple(grid.wcs))


def test_transforms_with_units(grid, expected):
    from astropy import units as u
    from astropy.modeling.models import Multiply, Pix2Sky_TAN, RotateNative2Celestial

    steps = Shift(-70.0 * u.pix) & Shift(-80.0 * u.pix) | Multiply(1e-5 * u.deg / u.pix) & Multiply(
        1e-5 * u.deg / u.pix
    )
    steps = steps | Pix2Sky_TAN() | RotateNative2Celestial(80.0 * u.deg, -69.5 * u.deg, 180.0 * u.deg)
    united = wcs.WCS([(grid.wcs.input_frame, steps), (grid.wcs.output_frame, None)])
    united.bounding_box = None
    positions = pixel_map(united, (30, 40), grid.wcs)
    plain = Shift(-70.0) & Shift(-80.0) | Multiply(1e-5) & Multiply(1e-5)
    plain = plain | Pix2Sky_TAN() | RotateNative2Celestial(80.0, -69.5, 180.0)
    same = wcs.WCS([(grid.wcs.input_frame, plain), (grid.wcs.output_frame, None)])
    np.testing.assert_allclose(positions, pixel_map(same, (30, 40), grid.wcs), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(("order", "limit"), [(1, 0.2), (3, 1e-4)])
def test_interpolated(world, grid, expected, order, limit):
    boxed = deepcopy(world)
    boxed.bounding_box = ((3.5, 159.5), (-0.5, 130.0))
    positions = pixel_map(boxed, SHAPE, grid.wcs, stepsize=10, order=order)
    inside = np.isfinite(positions[..., 0])
    assert inside[:131, 4:].all()
    assert inside.sum() == 131 * 156
    error = np.abs(positions - expected)[inside].max()
    assert 1e-12 < error < limit


def test_small_images_are_not_interpolated(world, grid, expected):
    np.testing.assert_array_equal(pixel_map(world, (9, 10), grid.wcs, stepsize=4), expected[:9, :10])


@pytest.mark.parametrize(("arguments", "match"), [({"stepsize": 0.5}, "stepsize"), ({"stepsize": np.nan}, "stepsize")])
def test_step_sizes_that_cannot_be(world, grid, arguments, match):
    with pytest.raises(ParameterError, match=match):
        pixel_map(world, SHAPE, grid.wcs, **arguments)


def test_orders_that_cannot_be(world, grid):
    with pytest.raises(ValueError, match="pixmap_order is 2"):
        pixel_map(world, SHAPE, grid.wcs, stepsize=4, order=2)
    assert np.isfinite(pixel_map(world, SHAPE, grid.wcs, order=2)).all()  # not used


def test_not_images(world, grid):
    with pytest.raises(InputError, match="rows and columns"):
        pixel_map(world, (3, *SHAPE), grid.wcs)
    with pytest.raises(UnsupportedWCSError, match="no world coordinates"):
        pixel_map(None, SHAPE, grid.wcs)


def test_maps_are_found_again(world, grid):
    maps = PixelMaps()
    first = maps.find(world, SHAPE, grid.wcs)
    again = make_grid([tangent_footprint(world)], world, info_of(80.0, -69.5), GridRequest(rotation=10.0))
    assert maps.find(deepcopy(world), SHAPE, again.wcs) is first
    assert len(maps) == 1
    other = grid_of(world, 80.0, -69.5, rotation=11.0)
    assert maps.find(world, SHAPE, other.wcs) is not first
    assert maps.find(world, (100, 160), grid.wcs).shape == (100, 160)
    assert maps.find(world, SHAPE, grid.wcs, stepsize=10) is not first
    assert len(maps) == 4
    maps.clear()
    assert len(maps) == 0


def test_unknown_transforms_are_found_again_by_themselves(world, grid):
    rippled = _with_ripple(world)
    maps = PixelMaps()
    maps.find(rippled, (20, 20), grid.wcs)
    maps.find(rippled, (20, 20), grid.wcs)
    assert len(maps) == 1
    maps.find(deepcopy(rippled), (20, 20), grid.wcs)
    assert len(maps) == 2


def test_kept_positions_are_bounded(world, grid, expected):
    one = expected.nbytes
    maps = PixelMaps(max_bytes=2 * one)
    outputs = [grid.wcs, *(grid_of(world, 80.0, -69.5, rotation=angle).wcs for angle in (1.0, 2.0))]
    arrays = [maps.positions(world, SHAPE, output) for output in outputs]
    assert maps.nbytes == 2 * one
    assert len(maps) == 3
    assert maps.positions(world, SHAPE, outputs[2]) is arrays[2]
    assert maps.positions(world, SHAPE, outputs[0]) is not arrays[0]
    np.testing.assert_array_equal(maps.positions(world, SHAPE, outputs[0]), arrays[0])
    assert not arrays[0].flags.writeable


def test_no_room_for_positions(world, grid):
    maps = PixelMaps(max_bytes=0, max_maps=1)
    first = maps.positions(world, SHAPE, grid.wcs)
    assert maps.nbytes == 0
    np.testing.assert_array_equal(maps.positions(world, SHAPE, grid.wcs), first)
    maps.find(world, (100, 100), grid.wcs)
    assert len(maps) == 1


@pytest.mark.parametrize("shape", [(1, 20000), (3, 6000), (6000, 3)])
def test_strips(shape):
    strip = image_wcs(80.0, -69.5, shape=shape, bend=0.01)
    grid = make_grid([tangent_footprint(strip, shape)], strip, info_of(80.0, -69.5))
    found = find_pixel_map(strip, shape, grid.wcs)
    x, y = (axis[::31] for axis in pixels(shape))
    positions = found.array()[y.astype(int), x.astype(int)].T
    np.testing.assert_allclose(positions, positions_by_gwcs(strip, grid.wcs, x, y), rtol=0, atol=ROUNDING)
    assert isinstance(found.kernel, SmoothMap)
