"""The core of refpix: spec refpix.md, "Testable statements"."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.lib.orientation import Orientation, Placement
from jwst.refpix import reference_pixels
from jwst.refpix.reference_pixels import (
    RefPixSettings,
    correct_four_outputs,
    correct_one_output,
    correct_zeroframe,
)

PARITY = Path(__file__).parents[2] / "parity"
FULL = 2048
REFERENCE = np.uint32(2**31)


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_refpix")
CASES = MAKE.FULL_CASES | MAKE.SUBARRAY_CASES


def placed(shape=(FULL, FULL), x0=0, y0=0, axes=(1, 2)):
    return Placement(Orientation(*axes), x0, y0, shape)


def four(plane, dq=None, placement=None, **options):
    """Correct one plane that was read through four outputs."""
    plane = np.array(plane, np.float32)[None]
    dq = np.zeros(plane.shape[1:], np.uint32) if dq is None else dq
    placement = placement or placed(plane.shape[1:])
    correct_four_outputs(plane, dq, placement=placement, settings=RefPixSettings(**options))
    return plane[0]


def one(planes, dq, placement, **options):
    planes = np.array(planes, np.float32)
    correct_one_output(planes, dq, placement=placement, settings=RefPixSettings(**options))
    return planes


@pytest.fixture(scope="module")
def amplifiers():
    """Four amplifiers with different offsets and different even and odd edges."""
    plane = np.empty((FULL, FULL), np.float32)
    plane[:] = 100 + 10 * (np.arange(FULL) // 512)
    for rows, even, odd in ((slice(0, 4), 1, 2), (slice(-4, None), 3, 6)):
        plane[rows, 0::2] += even
        plane[rows, 1::2] += odd
    return plane


@pytest.fixture(scope="module")
def ramps_at_the_sides():
    plane = np.zeros((FULL, FULL), np.float32)
    plane[4:-4, :4] = np.arange(FULL)[4:-4, None]
    plane[4:-4, -4:] = 3 * np.arange(FULL)[4:-4, None]
    return plane


def test_amplifiers_lose_their_even_and_odd_offsets(amplifiers):
    result = four(amplifiers, use_side=False)
    assert (result[4:-4, 0::2] == -2).all()
    assert (result[4:-4, 1::2] == -4).all()
    np.testing.assert_array_equal(result[0, :2], [-1, -2])
    np.testing.assert_array_equal(result[-1, -2:], [1, 2])


def test_one_offset_per_amplifier_without_parity(amplifiers):
    result = four(amplifiers, use_side=False, odd_even_columns=False)
    assert (result[4:-4] == -3).all()
    np.testing.assert_array_equal(result[0, :2], [-2, -1])


def test_turned_planes_give_turned_results_bit_for_bit(amplifiers):
    plane = amplifiers + np.random.default_rng(0).normal(0, 5, amplifiers.shape).astype(np.float32)
    expected = four(plane)
    mirrored = four(plane[:, ::-1], placement=placed(axes=(-1, 2)))
    np.testing.assert_array_equal(mirrored[:, ::-1], expected)
    transposed = four(plane.T, placement=placed(axes=(2, 1)))
    np.testing.assert_array_equal(transposed.T, expected)


def test_side_signal_is_a_running_median_that_is_mirrored_at_the_edges(ramps_at_the_sides):
    column = four(ramps_at_the_sides)[:, 1000]
    rows = [4, 5, 9, 10, 100, 1000, 2040, 2042, 2043]
    np.testing.assert_array_equal(column[rows], [-8, -10, -18, -20, -200, -2000, -4076, -4076, -4076])
    assert not column[[0, 1, 2, 2046, 2047]].any()


def test_even_windows_lean_to_lower_rows_and_the_gain_scales(ramps_at_the_sides):
    result = four(ramps_at_the_sides, smoothing_length=4, side_gain=0.5)
    np.testing.assert_array_equal(result[[100, 1000], 1000], [-99.5, -999.5])


def test_a_window_of_one_row_means_no_side_correction(ramps_at_the_sides):
    np.testing.assert_array_equal(
        four(ramps_at_the_sides, smoothing_length=1), four(ramps_at_the_sides, use_side=False)
    )


def test_a_bad_side_leaves_the_other_one(ramps_at_the_sides):
    dq = np.zeros((FULL, FULL), np.uint32)
    dq[4:-4, :4] = 1
    np.testing.assert_array_equal(four(ramps_at_the_sides, dq)[[100, 1000], 1000], [-300, -3000])
    dq[4:-4, -4:] = 1
    assert not four(ramps_at_the_sides, dq)[4:-4, 1000].any()


def test_nan_in_a_window_discards_that_side_there(ramps_at_the_sides):
    plane = ramps_at_the_sides.copy()
    plane[100, 1] = np.nan
    np.testing.assert_array_equal(four(plane)[[94, 95, 105, 106], 1000], [-188, -285, -315, -212])


def test_bad_edges_leave_an_amplifier_alone():
    dq = np.zeros((FULL, FULL), np.uint32)
    dq[:4], dq[-4:] = 1, 1
    assert (four(np.full((FULL, FULL), 7), dq, use_side=False) == 7).all()
    dq[:, 512:], dq[:, 1:512:2] = 0, 0
    result = four(np.full((FULL, FULL), 7), dq, use_side=False)
    assert (result[:, :512] == 7).all()
    assert (result[:, 512:] == 0).all()


def test_one_good_edge_is_enough():
    plane, dq = np.full((FULL, FULL), 7), np.zeros((FULL, FULL), np.uint32)
    plane[-4:], dq[:4] = 9, 1
    assert (four(plane, dq, use_side=False)[4:-4] == -2).all()


def test_nan_in_a_reference_pixel_spoils_its_set():
    plane = np.full((FULL, FULL), 5.0)
    plane[0, 0] = np.nan
    result = four(plane)
    assert np.isnan(result[:, :512:2]).all()
    assert (result[:, 1:512:2] == 0).all()
    assert (result[:, 512:] == 0).all()


def test_zeros_of_the_zero_frame_stay_zero():
    frames = np.full((1, FULL, FULL), 3, np.float32)
    frames[:, :4], frames[0, 900, 900] = 4, 0
    dq = np.zeros((FULL, FULL), np.uint32)
    settings = RefPixSettings(use_side=False)
    correct_zeroframe(frames, partial(correct_four_outputs, pixeldq=dq, placement=placed(), settings=settings))
    assert (frames[0, 900, 900], frames[0, 0, 0], frames[0, 901, 900]) == (0, 0.5, -0.5)


@pytest.fixture
def small():
    """Two groups of an 8x8 subarray with four reference rows."""
    dq, planes = np.zeros((8, 8), np.uint32), np.empty((2, 8, 8))
    dq[:4] = REFERENCE
    planes[0], planes[1] = 100, 150
    planes[:, :4, 0::2] = np.array([10, 30])[:, None, None]
    planes[:, :4, 1::2] = np.array([20, 42])[:, None, None]
    return planes, dq


def test_one_output_subtracts_even_and_odd_means(small):
    result = one(*small, placed((8, 8), 100, 0))
    np.testing.assert_array_equal(result[:, 6, :2], [[90, 80], [120, 108]])
    assert not result[:, :4].any()


def test_parity_is_counted_from_the_edge_of_the_detector():
    dq, plane = np.zeros((8, 7), np.uint32), np.full((1, 8, 7), 100)
    dq[:4, ::2], plane[:, :4] = REFERENCE, 10
    even_start, odd_start = (one(plane, dq, placed((8, 7), x0))[0, 6] for x0 in (100, 101))
    np.testing.assert_array_equal(even_start, odd_start)
    np.testing.assert_array_equal(even_start[:2], [90, 100])


def test_one_output_without_parity(small):
    np.testing.assert_array_equal(one(*small, placed((8, 8), 100, 0), odd_even_columns=False)[:, 6, 0], [85, 114])


def test_without_reference_pixels_nothing_changes(small):
    planes, dq = small
    np.testing.assert_array_equal(one(planes, np.zeros_like(dq), placed((8, 8), 100, 100)), planes)


def test_bad_reference_pixels_count_unless_they_must_not_be_used(small):
    planes, dq = small
    planes[:], planes[:, :4], planes[:, 0] = 100, 10, 50
    dq[0] |= np.uint32(131072)
    assert (one(planes, dq, placed((8, 8), 100, 0))[:, 6] == 80).all()
    dq[0] |= np.uint32(1)
    assert (one(planes, dq, placed((8, 8), 100, 0))[:, 6] == 90).all()


def test_a_stripe_through_four_outputs_uses_what_it_covers():
    plane = np.full((64, FULL), 10)
    plane[:4] = 12
    plane[4:, :4] = plane[4:, -4:] = 11
    np.testing.assert_array_equal(four(plane)[[0, 3, 4, 30], 100], [0, 0, -1, -1])
    np.testing.assert_array_equal(four(plane, use_side=False)[[0, 4, 30], 100], [0, -2, -2])
    # off the edge only the side columns are left
    dq = np.zeros((64, FULL), np.uint32)
    dq[:, 4:-4] = 1
    np.testing.assert_array_equal(four(plane, dq, placed((64, FULL), 0, 1000))[[0, 3, 4], 100], [0, 1, -1])


def test_rows_outside_a_stripe_do_not_enter_the_median():
    plane = np.zeros((64, FULL))
    plane[:, :4] = plane[:, -4:] = np.arange(64)[:, None]
    result = four(plane, placement=placed((64, FULL), 0, 1000), smoothing_length=3)
    np.testing.assert_array_equal(result[[0, 5, 63], 100], [-0.5, -5, -62.5])


def test_four_outputs_without_references_change_nothing():
    plane = np.full((64, 64), 5)
    np.testing.assert_array_equal(four(plane, placement=placed((64, 64), 500, 500)), plane)


@settings(max_examples=15)
@given(seed=st.integers(0, 50), tile=st.integers(1, 5000), batch=st.integers(1, 2000))
def test_results_do_not_depend_on_tiles_and_batches(seed, tile, batch):
    rng = np.random.default_rng(seed)
    planes, dq = rng.normal(0, 10, (5, 12, 16)).astype(np.float32), np.full((12, 16), REFERENCE)
    expected, tiled = planes.copy(), planes.copy()
    options = {"pixeldq": dq, "placement": placed((12, 16), axes=(-2, 1)), "settings": RefPixSettings()}
    correct_one_output(expected, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_pixels, "_TILE_PIXELS", tile)
        patch.setattr(reference_pixels, "_BATCH_VALUES", batch)
        correct_one_output(tiled, **options)
    np.testing.assert_array_equal(tiled, expected)


@given(offset=st.integers(-1000, 1000))
def test_an_offset_of_all_pixels_makes_no_difference(offset):
    rng = np.random.default_rng(1)
    planes, dq = rng.integers(0, 50, (2, 8, 12)), np.full((8, 12), REFERENCE)
    expected, shifted = (one(planes + value, dq, placed((8, 12))) for value in (0, offset))
    np.testing.assert_allclose(shifted, expected, atol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_released_pipeline(name):
    vectors, case = np.load(PARITY / "refpix.npz"), CASES[name]
    data, pixeldq, zeroframe = MAKE.build(list(CASES).index(name), **case)
    if case.get("subarray") == "SUB32":
        pixeldq[:, :4] |= REFERENCE
        pixeldq[:, -4:] |= REFERENCE
    corner = case.get("corner", (1, 1))
    options = {
        {"use_side_ref_pixels": "use_side", "side_smoothing_length": "smoothing_length", "siglimit": "sigma_limit"}.get(
            key, key
        ): value
        for key, value in case.get("options", {}).items()
    }
    outputs = case.get("noutputs", 4 if name in MAKE.FULL_CASES else 1)
    correct = partial(
        correct_four_outputs if outputs == 4 else correct_one_output,
        pixeldq=pixeldq,
        placement=placed(data.shape[-2:], corner[0] - 1, corner[1] - 1, case["axes"]),
        settings=RefPixSettings(**options),
    )
    correct(data.reshape(-1, *data.shape[-2:]))
    np.testing.assert_allclose(MAKE.sample(data), vectors[f"{name}/data"], atol=1e-5, rtol=1.2e-7)
    if zeroframe is not None:
        correct_zeroframe(zeroframe, correct)
        np.testing.assert_allclose(MAKE.sample(zeroframe), vectors[f"{name}/zeroframe"], atol=1e-5, rtol=1.2e-7)


def _by_definition(plane, row, dtype):
    """One row of a corrected plane, with the reference values in a precision; a clipping limit that clips nothing."""
    plane = plane.astype(dtype)
    offsets = np.empty(FULL, dtype)
    for first in range(0, FULL, 512):
        for parity in (first, first + 1):
            columns = slice(parity, first + 512, 2)
            edges = [np.mean(plane[rows, columns]) for rows in (slice(-4, None), slice(0, 4))]
            offsets[columns] = (edges[0] + edges[1]) / 2
    flat = plane - offsets
    window = flat[row - 5 : row + 6]
    side = (np.float64(np.median(window[:, :4])) + np.float64(np.median(window[:, -4:]))) / 2
    return (flat[row].astype(np.float64) - side).astype(np.float32)


def test_precision_of_the_first_plane_and_of_all_others():
    """To the last bit, as in the release: single precision for the first plane of an exposure, double for the rest."""
    plane = np.random.default_rng(6).normal(12000, 40, (FULL, FULL)).astype(np.float32)
    stack = np.stack([plane, plane, plane])
    correct_four_outputs(
        stack, np.zeros((FULL, FULL), np.uint32), placement=placed(), settings=RefPixSettings(sigma_limit=50.0)
    )
    for row in (100, 1000):
        single, double = (_by_definition(plane, row, dtype) for dtype in (np.float32, np.float64))
        assert (single != double).any()
        np.testing.assert_array_equal(stack[0, row], single)
        np.testing.assert_array_equal(stack[1, row], double)
        np.testing.assert_array_equal(stack[2, row], double)


@pytest.mark.parametrize("axes", [(-2, -1), (2, 1)])
def test_one_output_adds_reference_pixels_in_the_order_of_readout(axes):
    """The mean in single precision depends on the order; the released pipeline takes that of the detector."""
    shape = (64, 2048)
    planes = np.random.default_rng(8).uniform(0, 1e4, (20, *shape)).astype(np.float32)
    place = placed(shape, axes=axes)
    result = one(planes, np.full(shape, REFERENCE), place, odd_even_columns=False, sigma_limit=10.0)
    readout = [np.ascontiguousarray(place.orientation.to_detector(plane)) for plane in planes]
    means = np.array([plane.ravel().mean() for plane in readout])
    np.testing.assert_array_equal(result, planes - means[:, None, None])
    assert (means != np.array([plane.ravel().mean() for plane in planes])).any(), "the order does not matter here"
