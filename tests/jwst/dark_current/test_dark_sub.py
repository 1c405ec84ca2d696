"""Dark current: the statements of the specification, the released pipeline's results, and invariants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwst.dark_current import dark_sub as core
from jwst.dark_current.dark_sub import DarkRamp, Readout, average_dark, dark_groups, subtract_dark, subtract_group

VECTORS = Path(__file__).parents[2] / "parity" / "dark_current.npz"
CASES = ["same", "averaged", "gap", "extrapolated", "both", "coarse_dark", "coarse_short"]
SQUARES = [k * k for k in range(12)]


def subtracted(values, science, dark=(1, 0)):
    """What is subtracted from each group of a pixel, for science (nframes, groupgap, ngroups)."""
    exposure, readout = Readout(*science), Readout(*dark, len(values))
    planes = np.array(values, np.float32)[:, None, None]
    ramp = DarkRamp(lambda k: planes[k].copy(), readout, exposure.frames)
    return [float(plane[0, 0]) for plane in dark_groups(ramp, readout, exposure)]


def test_nan_in_the_dark_subtracts_nothing():
    data = np.array([100, 200, 300], np.float32)[None, :, None, None] * np.ones((1, 1, 1, 2), np.float32)
    dark = np.array([[1, 1], [2, np.nan], [4, 4]], np.float32)[:, None, :]
    before = dark.copy()
    subtract_dark(data, dark)
    assert data[0, :, 0].T.tolist() == [[99, 198, 296], [99, 200, 296]]
    np.testing.assert_array_equal(dark, before)


@pytest.mark.parametrize(
    ("science", "expected"),
    [((2, 1, 3), (0.5, 12.5, 42.5)), ((1, 2, 3), (0, 9, 36)), ((2, 0, 3), (0.5, 6.5, 20.5)), ((1, 0, 3), (0, 1, 4))],
)
def test_sampling_of_the_exposure(science, expected):
    assert subtracted(SQUARES, science) == list(expected)


def test_coarser_dark_does_not_fit():
    assert not Readout(2, 0, 3).fits(Readout(4, 0, 3))
    assert not Readout(1, 0, 3).fits(Readout(1, 1, 3))
    assert Readout(4, 2, 3).fits(Readout(4, 2, 3))


def test_own_sampling_of_the_dark_does_not_enter():
    assert subtracted(SQUARES, (4, 0, 2), (2, 0)) == [3.5, 31.5]


@pytest.mark.parametrize(
    ("values", "science", "dark", "expected"),
    [
        ((1, 3, 6, 10), (1, 0, 6), (1, 0), (1, 3, 6, 10, 14, 18)),
        ((1, 3, 6, 10), (2, 1, 4), (1, 0), (2, 12, 24, 36)),
        ((1, 3, 6), (2, 0, 5), (2, 0), (1, 3, 6, 9, 12)),
    ],
)
def test_short_dark_is_continued(values, science, dark, expected):
    assert subtracted(values, science, dark) == list(expected)


def test_single_dark_group_cannot_be_continued():
    with pytest.raises(IndexError, match="two groups"):
        subtracted([1], (1, 0, 3))


def test_nan_is_continued_before_it_counts_as_zero():
    assert subtracted([1, np.nan, 6], (1, 0, 4)) == [1, 0, 6, 0]


def test_groups_beyond_the_dark_become_nan():
    values = subtracted(SQUARES[:6], (4, 0, 3), (2, 0))
    assert values[:2] == [3.5, 20.5]
    assert np.isnan(values[2])


def test_each_needed_group_is_read_once_and_others_never():
    seen = []

    def read(index):
        seen.append(index)
        return np.zeros((1, 1), np.float32)

    exposure, readout = Readout(2, 3, 3), Readout(1, 0, 100)
    list(dark_groups(DarkRamp(read, readout, exposure.frames), readout, exposure))
    assert seen == [0, 1, 5, 6, 10, 11]


def test_average_dark():
    shape = (2, 2)
    assert average_dark(None, 0.02, shape).tolist() == np.full(shape, 0.02, np.float32).tolist()
    assert average_dark(None, None, shape).max() == 0
    assert average_dark(np.zeros(shape), 0.3, shape)[0, 0] == np.float32(0.3)
    assert average_dark(np.full(shape, 0.5), 0.3, shape) is None


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_released_pipeline(case):
    vectors = np.load(VECTORS)
    science, dark = (Readout(*row) for row in vectors[f"{case}_sampling"].tolist())
    data, planes = vectors[f"{case}_data"], vectors[f"{case}_dark"]
    ramp = DarkRamp(lambda k: planes[k].copy(), dark, science.frames)
    for group, plane in enumerate(dark_groups(ramp, dark, science)):
        subtract_group(data[:, group], plane)
    np.testing.assert_array_equal(data, vectors[f"{case}_result"])


@given(seed=st.integers(0, 2**32 - 1), tile=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_subtracting_is_plain_subtraction_whatever_the_tiles(seed, tile):
    rng = np.random.default_rng(seed)
    data = rng.normal(100, 30, (3, 4, 5, 6)).astype(np.float32)
    dark = rng.normal(1, 1, (4, 5, 6)).astype(np.float32)
    expected = data - dark
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "TILE", tile)
        subtract_dark(data, dark)
    np.testing.assert_array_equal(data, expected)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_zero_dark_is_the_identity(seed):
    data = np.random.default_rng(seed).normal(100, 30, (2, 3, 4, 5)).astype(np.float32)
    before = data.copy()
    subtract_dark(data, np.zeros((3, 4, 5), np.float32))
    np.testing.assert_array_equal(data, before)


def test_darks_are_not_cut():
    with pytest.raises(ValueError, match="same subarray"):
        subtract_group(np.zeros((1, 2, 2), np.float32), np.zeros((4, 4), np.float32))
