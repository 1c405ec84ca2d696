"""The core of group_scale: spec group_scale.md, "Testable statements"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.group_scale.group_scale import group_scale_factor, rescale_groups

PARITY = Path(__file__).parents[2] / "parity" / "group_scale.npz"


@pytest.mark.parametrize(
    ("nframes", "divisor", "value"),
    [
        pytest.param(5, 8, 19.2, id="five frames divided by eight"),
        pytest.param(3, 4, 16.0, id="three frames divided by four"),
        pytest.param(4, 4, None, id="right divisor"),
        pytest.param(4, None, None, id="power of two without divisor"),
        pytest.param(1, None, None, id="one frame without divisor"),
        pytest.param(5, None, None, id="five frames without divisor"),
        pytest.param(None, 8, None, id="unknown frames"),
    ],
)
def test_a_sample_of_12_is_rescaled_to_the_stated_value(nframes, divisor, value):
    scale = group_scale_factor(nframes, divisor)
    if value is None:
        assert scale is None
        return
    data = np.full((1, 2, 3, 4), 12, np.float32)
    rescale_groups(data, scale)
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data, np.float32(value))


def test_the_largest_samples_do_not_overflow():
    data = np.full((1, 1, 1, 1), 40000, np.float32)
    rescale_groups(data, group_scale_factor(5, 8))
    assert data.item() == 64000


def test_zero_frames_per_group_is_an_error_that_names_the_keyword():
    with pytest.raises(ValueError, match="NFRAMES"):
        group_scale_factor(0, 4)


@given(nframes=st.integers(1, 64), divisor=st.integers(1, 64))
def test_the_sum_of_the_frames_is_recovered(nframes, divisor):
    scale = group_scale_factor(nframes, divisor)
    assert (scale or 1.0) * nframes == pytest.approx(divisor if scale else nframes)


def test_agrees_with_the_released_pipeline():
    vectors = np.load(PARITY)
    for name in ("5 of 8", "3 of 4", "equal", "no divisor", "no frames"):
        nframes, divisor = (None if value < 0 else int(value) for value in vectors[f"{name}/frames"])
        data = vectors["data"].copy()
        scale = group_scale_factor(nframes, divisor)
        if scale is not None:
            rescale_groups(data, scale)
        np.testing.assert_array_equal(data, vectors[f"{name}/data"], err_msg=name)
