"""The core of firstframe: spec firstframe.md, "Testable statements"."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.firstframe.firstframe_sub import flag_first_group

FLUX_ESTIMATED = 268435456


@pytest.fixture
def flags():
    """Two integrations of four groups; in each a pixel is saturated in the third group."""
    groupdq, pixeldq = np.zeros((2, 4, 2, 2), np.uint8), np.zeros((2, 2), np.uint32)
    groupdq[0, 2, 0, 0], groupdq[1, 2, 1, 1], pixeldq[1, 1] = 2, 3, 1
    return groupdq, pixeldq


def test_bright_pixels_keep_the_first_group(flags):
    groupdq, pixeldq = flags
    assert flag_first_group(groupdq, pixeldq) == 2
    assert groupdq[:, 0].tolist() == [[[0, 1], [1, 1]], [[1, 1], [1, 0]]]
    assert pixeldq.tolist() == [[FLUX_ESTIMATED, 0], [0, FLUX_ESTIMATED + 1]]
    assert groupdq[:, 1:].sum() == 5


def test_all_pixels_lose_it(flags):
    groupdq, pixeldq = flags
    assert flag_first_group(groupdq, pixeldq, keep_bright=False) == 0
    assert (groupdq[:, 0] == 1).all()
    assert pixeldq.tolist() == [[0, 0], [0, 1]]


def test_flags_stay(flags):
    groupdq, pixeldq = flags
    groupdq[:, 0] = 6
    flag_first_group(groupdq, pixeldq)
    assert groupdq[:, 0].tolist() == [[[6, 7], [7, 7]], [[7, 7], [7, 6]]]
