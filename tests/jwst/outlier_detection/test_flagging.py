"""Flags: laws of the derivative, of growth and of the comparison."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from jwst.outlier_detection import flagging
from jwst.outlier_detection.flagging import Limits, derivative, flag_against_blot, flag_against_median, mark_outliers

NAN = np.nan
VALUES = st.one_of(st.floats(-9, 9, width=32), st.sampled_from([np.nan, np.inf, -np.inf]))


def images(values=VALUES, shape=(7, 6)):
    return arrays(np.float32, shape, elements=values)


def plain_derivative(image):
    """One pixel after the other."""
    ny, nx = image.shape
    result = np.zeros(image.shape, np.float32)
    for y, x in np.ndindex(ny, nx):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        steps = [abs(image[y, x] - image[v, u]) for v, u in around if 0 <= v < ny and 0 <= u < nx]
        result[y, x] = NAN if np.isnan(image[y, x]) else max([s for s in steps if np.isfinite(s)], default=0)
    return result


def plain_flags(data, err, blot, limits):
    """On whole arrays, in words of the specification."""
    with np.errstate(all="ignore"):
        steps, noise = plain_derivative(blot), np.nan_to_num(err)
        distance = np.abs(data - blot - np.float32(limits.background))
        one, two = (distance > limits.scale[k] * steps + limits.snr[k] * noise for k in (0, 1))
    return ndimage.convolve(one, np.ones((3, 3)), mode="nearest").astype(bool) & two


def test_derivative_of_the_specification():
    found = derivative(np.array([[1, 2, 4], [1, 5, NAN], [0, 1, 3]], np.float32))
    np.testing.assert_array_equal(found, np.array([[1, 3, 2], [4, 4, NAN], [1, 4, 2]], np.float32))


@given(images())
def test_derivative_pixel_by_pixel(image):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(derivative(image), plain_derivative(image))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_derivative_of_narrow_images(shape):
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.testing.assert_array_equal(derivative(image), np.full(shape, float(image.size > 1), np.float32))


@given(images(), images(st.one_of(st.floats(0, 2, width=32), st.just(NAN))), images(), st.sampled_from([6, 13, 999]))
def test_flags_do_not_depend_on_tiles(data, err, blot, tile):
    limits = Limits((1.5, 1.0), (0.8, 0.3), 0.25)
    whole, flagging.TILE = flagging.TILE, tile
    try:
        found = flag_against_blot(data, err, blot, limits)
    finally:
        flagging.TILE = whole
    np.testing.assert_array_equal(found, plain_flags(data, err, blot, limits))


def test_second_pass_needs_a_neighbour_beyond_the_first_limits():
    data, err, blot = np.zeros((9, 9), np.float32), np.ones((9, 9), np.float32), np.zeros((9, 9), np.float32)
    data[4, 4], data[5, 5], data[1, 7] = 5.5, 4.5, 4.5
    flagged = flag_against_blot(data, err, blot, Limits())
    assert [tuple(place) for place in np.argwhere(flagged)] == [(4, 4), (5, 5)]


def test_nan_errors_count_as_none_and_nan_data_are_not_flagged():
    data, err, blot = np.full((3, 3), 0.5, np.float32), np.full((3, 3), NAN, np.float32), np.zeros((3, 3), np.float32)
    data[0, 0], blot[2, 2] = NAN, NAN
    flagged = flag_against_blot(data, err, blot, Limits())
    assert not flagged[0, 0]
    assert not flagged[2, 2]
    assert flagged.sum() == 7


def test_against_median_of_planes_and_of_one_plane():
    rng = np.random.default_rng(4)
    cube, err = rng.normal(size=(3, 5, 6)).astype(np.float32), np.full((3, 5, 6), 0.5, np.float32)
    err[0, 0, 0] = NAN
    median = np.zeros((5, 6), np.float32)
    found = flag_against_median(cube, err, median, 2.0)
    np.testing.assert_array_equal(found, np.abs(cube) > 2 * np.nan_to_num(err))
    np.testing.assert_array_equal(flag_against_median(cube, err, np.stack([median] * 3), 2.0), found)


def test_marks_keep_other_flags():
    dq = np.array([4, 0, 1], np.uint32)
    assert mark_outliers(dq, np.array([True, False, True])) == 2
    assert dq.tolist() == [21, 0, 17]
