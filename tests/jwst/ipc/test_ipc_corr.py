"""The core of ipc: spec ipc.md, "Testable statements"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.ipc import ipc_corr
from jwst.ipc.ipc_corr import Border, correct_ipc, reference_border

PARITY = Path(__file__).parents[2] / "parity" / "ipc.npz"
KERNEL = np.array([[0, -0.01, 0], [-0.02, 1.06, -0.03], [0, 0, 0]], np.float32)


def corrected(image, kernel=KERNEL, border=None):
    data = np.array(image, np.float32)[None, None]
    correct_ipc(data, kernel, border or Border())
    return data[0, 0]


def test_a_point_spreads_with_the_flipped_kernel():
    image = np.zeros((6, 6))
    image[2, 2] = 100
    expected = np.zeros((6, 6), np.float32)
    expected[2, 1:4], expected[1, 2] = [-2, 106, -3], -1
    np.testing.assert_allclose(corrected(image), expected, atol=1e-5)


def test_what_would_fall_over_the_edge_is_lost():
    image = np.zeros((6, 6))
    image[5, 5] = 1000
    expected = np.zeros((6, 6), np.float32)
    expected[5, 4:], expected[4, 5] = [-20, 1060], -10
    np.testing.assert_allclose(corrected(image), expected, atol=1e-4)


def test_reference_pixels_stay_and_do_not_contribute():
    image = np.full((8, 8), 100)
    image[:4] = image[:, :4] = 7
    result = corrected(image, border=reference_border((1, 1), (8, 8)))
    assert (result[:4] == 7).all()
    assert (result[:, :4] == 7).all()
    np.testing.assert_allclose(result[4:7, 4:], [[103, 100, 100, 102]] * 3, atol=1e-4)
    np.testing.assert_allclose(result[7, 4:], [104, 101, 101, 103], atol=1e-4)


def test_miri_has_reference_columns_only():
    result = corrected(np.full((8, 8), 100), border=reference_border((1, 1), (8, 8), miri=True))
    assert (result[:, :4] == 100).all()
    np.testing.assert_allclose(result[0, 4:], [103, 100, 100, 102], atol=1e-4)
    np.testing.assert_allclose(result[7, 4:], [104, 101, 101, 103], atol=1e-4)


@pytest.mark.parametrize(
    ("corner", "size", "border"),
    [
        pytest.param((1, 1), (2048, 2048), Border(4, 4, 4, 4), id="full frame"),
        pytest.param((101, 101), (64, 64), Border(), id="inner subarray"),
        pytest.param((2, 2043), (64, 6), Border(3, 0, 0, 4), id="at the upper left"),
    ],
)
def test_the_border_follows_from_the_subarray(corner, size, border):
    assert reference_border(corner, size) == border


def test_even_kernels_give_what_the_released_pipeline_gives():
    image = np.zeros((5, 5))
    image[2, 2] = 1
    expected = np.zeros((5, 5), np.float32)
    expected[2, 2:4], expected[3, 2] = [5, 2], 3
    np.testing.assert_array_equal(corrected(image, np.array([[1, 2], [3, 4]], np.float32)), expected)


def test_nan_spreads_over_the_footprint_even_where_the_kernel_is_zero():
    image = np.zeros((5, 5))
    image[2, 2] = np.nan
    expected = np.zeros((5, 5), bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(np.isnan(corrected(image)), expected)


def test_a_kernel_per_pixel_is_taken_at_the_output_pixel():
    kernel = np.zeros((3, 3, 6, 6), np.float32)
    kernel[1, 1] = 1
    kernel[1, 1, 2, 3], kernel[1, 0, 2, 3], kernel[0, 1, 2, 3] = 2, -0.5, 0.25
    image = np.arange(36).reshape(6, 6)
    expected = image.astype(np.float32)
    expected[2, 3] += 12.25
    np.testing.assert_array_equal(corrected(image, kernel), expected)


def test_a_subarray_of_reference_pixels_only_is_left_alone():
    image = np.full((4, 8), 9)
    np.testing.assert_array_equal(corrected(image, border=reference_border((1, 1), (8, 4))), image)


@given(
    seed=st.integers(0, 99),
    size=st.sampled_from([(1, 1), (3, 3), (5, 3), (3, 5), (5, 5)]),
    tile=st.integers(1, 300),
    per_pixel=st.booleans(),
)
def test_equals_the_sum_of_the_definition_for_any_tile(seed, size, tile, per_pixel):
    rng = np.random.default_rng(seed)
    data = rng.normal(100, 10, (2, 2, 9, 8)).astype(np.float32)
    kernel = rng.normal(0, 0.1, (*size, 9, 8) if per_pixel else size).astype(np.float32)
    half = size[0] // 2, size[1] // 2
    padded = np.pad(data, ((0, 0), (0, 0), (half[0], half[0]), (half[1], half[1]))).astype(float)
    expected = np.zeros(data.shape)
    for j in range(size[0]):
        for i in range(size[1]):
            row, column = 2 * half[0] - j, 2 * half[1] - i
            expected += kernel[j, i] * padded[:, :, row : row + 9, column : column + 8]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ipc_corr, "_TILE_PIXELS", tile)
        correct_ipc(data, kernel, Border())
    np.testing.assert_allclose(data, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["3x3", "5x3", "3x5 corner", "2x2", "far corner"])
def test_agrees_with_the_released_pipeline(name):
    vectors = np.load(PARITY)
    data, corner = vectors[f"{name}/data"].copy(), tuple(vectors[f"{name}/corner"])
    correct_ipc(data, vectors[f"{name}/kernel"], reference_border(corner, data.shape[:1:-1]))
    np.testing.assert_allclose(data, vectors[f"{name}/out"], rtol=3e-7)
