"""Saturation of IRS2 ramps: spec saturation.md, statements 14 to 16."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.saturation.irs2 import Irs2Rule, flag_irs2_saturation
from jwst.saturation.saturation import FramePattern, saturation_limits

LINE = np.arange(3200)
FIVE = FramePattern(5)
ROWS = np.flatnonzero((LINE >= 640) & ~((LINE % 20 >= 8) & (LINE % 20 < 12)))


def flags(values, *, row=100, bias=None, grow=1, pattern=FIVE):
    """Group flags of an exposure whose pixel at a normal row and column 5 has these samples, the others 1000."""
    data = np.full((1, len(values), 3200, 12), 1000, np.float32)
    data[0, :, ROWS[row], 5] = values
    groupdq = np.zeros(data.shape, np.uint8)
    limits = saturation_limits(np.full((2048, 12), 60000, np.float32), np.zeros((2048, 12), np.uint32))
    planes = None if bias is None else np.full((2048, 12), bias, np.float32)
    flag_irs2_saturation(data, groupdq, limits, rows=ROWS, rule=Irs2Rule(grow, pattern, planes))
    return groupdq[0]


@pytest.mark.parametrize(
    ("values", "bias", "expected"),
    [
        pytest.param([1000, 14000, 61000, 61000], None, [0, 2, 2, 2], id="a jump"),
        pytest.param([1000, 12500, 61000, 61000], None, [0, 0, 2, 2], id="none"),
        pytest.param([58000, 58500, 61000, 61000], None, [0, 0, 2, 2], id="bright"),
        pytest.param([1000, 2000, 0, 3000], None, [0, 0, 65, 0], id="floor"),
        pytest.param([30000, 36500, 61000, 61000], None, [0, 0, 2, 2], id="no bias"),
        pytest.param([30000, 36500, 61000, 61000], 100, [0, 0, 2, 2], id="low bias"),
        pytest.param([30000, 36500, 61000, 61000], 25000, [0, 2, 2, 2], id="high bias"),
        pytest.param([1000, 61000, 1000, 1000], None, [0, 2, 2, 2], id="saturated for good"),
        pytest.param([1000, np.nan, 1000, 1000], None, [0, 0, 0, 0], id="nan"),
        pytest.param([61000], None, [2], id="one group"),
    ],
)
def test_groups(values, bias, expected):
    result = flags(values, bias=bias)
    assert result[:, ROWS[100], 5].tolist() == expected
    neighbour = [flag & 2 for flag in expected]
    assert result[:, ROWS[101], 6].tolist() == neighbour
    assert not result[:, np.setdiff1d(LINE, ROWS)].any()
    assert not flags(values, bias=bias, grow=0)[:, ROWS[101], 6].any()


def test_growth_crosses_reference_rows():
    assert np.unique(np.nonzero(flags([61000], row=7)[0])[0]).tolist() == [646, 647, 652]


def test_without_the_pattern_the_second_group_is_not_tested():
    assert flags([1000, 14000, 61000, 61000], pattern=None)[:, ROWS[100], 5].tolist() == [0, 0, 2, 2]


def test_earlier_flags_stay_and_do_not_grow():
    groupdq = np.zeros((1, 1, 3200, 12), np.uint8)
    groupdq[0, 0, ROWS[100], 5] = 2
    limits = saturation_limits(np.full((2048, 12), 60000, np.float32), np.zeros((2048, 12), np.uint32))
    flag_irs2_saturation(np.ones(groupdq.shape, np.float32), groupdq, limits, rows=ROWS, rule=Irs2Rule())
    assert np.argwhere(groupdq[0, 0]).tolist() == [[ROWS[100], 5]]


def test_everything_saturated():
    groupdq = np.zeros((2, 2, 3200, 4), np.uint8)
    limits = saturation_limits(np.full((2048, 4), 60000, np.float32), np.zeros((2048, 4), np.uint32))
    flag_irs2_saturation(np.full(groupdq.shape, 65535, np.float32), groupdq, limits, rows=ROWS, rule=Irs2Rule())
    assert (groupdq[:, :, ROWS] == 2).all()
