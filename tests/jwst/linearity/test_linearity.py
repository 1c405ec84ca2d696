"""Linearity: the statements of the specification, the released pipeline's results, and invariants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.lib.dqflags import NO_LIN_CORR
from jwst.linearity import linearity as core
from jwst.linearity.linearity import correct_reads, linearize, linearize_zeroframe, replace_unusable

VECTORS = Path(__file__).parents[2] / "parity" / "linearity.npz"
RISING = (1000, 5000, 9000, 13000, 17000)


def ramp(values, shape=(1, 1)):
    """One integration with the same values in all pixels."""
    column = np.asarray(values, np.float32)[None, :, None, None]
    data = column * np.ones((1, len(values), *shape), np.float32)
    return data, np.zeros(data.shape, np.uint8)


def polynomial(*values, shape=(1, 1)):
    """The same polynomial for all pixels."""
    return np.array(values, np.float32)[:, None, None] * np.ones((len(values), *shape), np.float32)


@pytest.mark.parametrize(
    ("value", "flag", "expected"), [(100, 0, 122), (200, 0, 269), (200, 2, 200), (200, 3, 200), (100, 1, 122)]
)
def test_polynomial_and_saturation(value, flag, expected):
    data, flags = ramp([value])
    flags[:] = flag
    linearize(data, flags, polynomial(1, 1.1, 1e-3, 1e-6))
    assert data[0, 0, 0, 0] == pytest.approx(expected, rel=1e-6)
    assert data.dtype == np.float32


def test_unusable_polynomials_leave_the_pixel_alone():
    coeffs = polynomial(1, 1.1, 1e-3, 1e-6, shape=(1, 4))
    coeffs[1, 0, 0] = 0
    coeffs[2, 0, 1] = np.nan
    dq = np.array([[0, 0, 1114112, 0]], np.uint32)
    flagged = replace_unusable(coeffs, dq)
    assert flagged.tolist() == [[True, True, False, False]]
    data, flags = ramp([100], (1, 4))
    linearize(data, flags, coeffs)
    assert data[0, 0, 0].tolist() == pytest.approx([100, 100, 100, 122])


def test_one_coefficient_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        replace_unusable(polynomial(1), np.zeros((1, 1), np.uint32))


def test_zero_frame_keeps_zeros():
    zero = np.array([[[0, 10], [100, -5]]], np.float32)
    linearize_zeroframe(zero, polynomial(1, 1.1, 1e-3, 1e-6, shape=(2, 2)))
    assert zero.ravel().tolist() == pytest.approx([0, 12.101, 122, -4.4751253])


def test_nan_stays_nan_and_spoils_nothing_else():
    data, flags = ramp([np.nan, 100])
    linearize(data, flags, polynomial(1, 1.1, 1e-3, 1e-6))
    assert np.isnan(data[0, 0, 0, 0])
    assert data[0, 1, 0, 0] == pytest.approx(122)


@pytest.mark.parametrize(
    ("first_saturated", "expected"),
    [
        (9, (1004.621, 5052.538, 9164.461, 13340.389, 17580.322)),
        (3, (1004.540, 5052.461, 9164.387, 13000, 17000)),
        (2, (1004.540, 5052.461, 9000, 13000, 17000)),
        (1, (1004.478, 5000, 9000, 13000, 17000)),
        (0, RISING),
    ],
)
def test_single_reads(first_saturated, expected):
    data, flags = ramp(RISING)
    flags[:, first_saturated:] = 2
    correct_reads(data, flags, forward=polynomial(0, 1, 2e-6), inverse=polynomial(0, 1, -2e-6, 8e-12), nframes=4)
    assert data.ravel().tolist() == pytest.approx(expected, abs=2e-3)


def test_single_reads_of_a_stronger_signal():
    data, flags = ramp(np.array(RISING) * 2)
    correct_reads(data, flags, forward=polynomial(0, 1, 2e-6), inverse=polynomial(0, 1, -2e-6, 8e-12), nframes=4)
    assert data.ravel().tolist() == pytest.approx((2018.977, 10210.296, 18657.707, 27361.207, 36320.785), abs=5e-3)


def test_single_reads_need_two_groups():
    data, flags = ramp([1000])
    with pytest.raises(ValueError, match="linearize"):
        correct_reads(data, flags, forward=polynomial(0, 1), inverse=polynomial(0, 1), nframes=4)


def test_bad_inverse_is_the_identity():
    inverse = polynomial(0, 0, -2e-6, 8e-12)
    assert replace_unusable(inverse, np.zeros((1, 1), np.uint32)).all()
    data, flags = ramp(RISING)
    correct_reads(data, flags, forward=polynomial(0, 1, 2e-6), inverse=inverse, nframes=4)
    assert data.ravel().tolist() == pytest.approx((1004.642, 5052.642, 9164.642, 13340.642, 17580.643), abs=2e-3)


@pytest.mark.parametrize("case", ["plain", "reads4", "reads5"])
def test_agrees_with_the_released_pipeline(case):
    vectors = np.load(VECTORS)
    get = {key: vectors[f"{case}_{key}"] for key in ("data", "groupdq", "forward", "inverse", "zeroframe", "dq")}
    unusable = replace_unusable(get["forward"], get["dq"])
    if case == "plain":
        linearize(get["data"], get["groupdq"], get["forward"])
    else:
        unusable |= replace_unusable(get["inverse"], get["dq"])
        nframes = int(vectors[f"{case}_nframes"])
        correct_reads(get["data"], get["groupdq"], forward=get["forward"], inverse=get["inverse"], nframes=nframes)
    linearize_zeroframe(get["zeroframe"], get["forward"])
    tolerance = 0 if case == "plain" else 5e-7
    np.testing.assert_allclose(get["data"], vectors[f"{case}_result"], rtol=tolerance)
    np.testing.assert_array_equal(get["zeroframe"], vectors[f"{case}_result_zeroframe"])
    flags = get["dq"] | np.where(unusable, np.uint32(NO_LIN_CORR), np.uint32(0))
    np.testing.assert_array_equal(flags, vectors[f"{case}_result_pixeldq"])


@given(seed=st.integers(0, 2**32 - 1), extra=st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_identity_polynomial_changes_nothing(seed, extra):
    rng = np.random.default_rng(seed)
    data = rng.normal(5000, 3000, (2, 3, 4, 5)).astype(np.float32)
    before = data.copy()
    linearize(data, rng.integers(0, 8, data.shape).astype(np.uint8), polynomial(0, 1, *[0] * extra, shape=(4, 5)))
    np.testing.assert_array_equal(data, before)


@given(seed=st.integers(0, 2**32 - 1), tile=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_result_does_not_depend_on_the_tiles(seed, tile):
    rng = np.random.default_rng(seed)
    data = rng.normal(5000, 3000, (2, 4, 5, 6)).astype(np.float32)
    flags = rng.choice([0, 0, 1, 2], data.shape).astype(np.uint8)
    coeffs = rng.normal([0, 1, 1e-6], [1, 0.1, 1e-7], (5, 6, 3)).astype(np.float32).transpose(2, 0, 1).copy()
    results = []
    for size in (tile, 1000):
        plain, reads = data.copy(), data.copy()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core, "TILE", size)
            patch.setattr(core, "READ_TILE", size)
            linearize(plain, flags, coeffs)
            correct_reads(reads, flags, forward=coeffs, inverse=coeffs, nframes=2)
        results.append((plain, reads))
    np.testing.assert_array_equal(results[0], results[1])


def test_saturated_samples_and_group_flags_survive_both_modes():
    rng = np.random.default_rng(3)
    data = rng.normal(5000, 3000, (2, 4, 5, 6)).astype(np.float32)
    flags = rng.choice([0, 2, 4, 6], data.shape).astype(np.uint8)
    before, flags_before = data.copy(), flags.copy()
    coeffs = polynomial(3, 1.2, 1e-6, shape=(5, 6))
    for correct in (
        lambda x: linearize(x, flags, coeffs),
        lambda x: correct_reads(x, flags, forward=coeffs, inverse=coeffs, nframes=3),
    ):
        result = data.copy()
        correct(result)
        kept = (flags & 2) != 0
        np.testing.assert_array_equal(result[kept], before[kept])
        assert (result[~kept] != before[~kept]).all()
    np.testing.assert_array_equal(flags, flags_before)


def test_arrays_must_be_contiguous():
    data, flags = ramp([1, 2], (4, 4))
    with pytest.raises(ValueError, match="C-contiguous"):
        linearize(data[..., ::2], flags[..., ::2], polynomial(0, 1, shape=(4, 2)))
