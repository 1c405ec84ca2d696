"""The core of lastframe: spec lastframe.md, "Testable statements"."""

from __future__ import annotations

import numpy as np

from jwst.lastframe.lastframe_sub import flag_last_group


def test_the_last_group_of_every_integration_is_flagged():
    groupdq = np.zeros((2, 3, 2, 2), np.uint8)
    groupdq[0, 2, 0, 0], groupdq[1, 1, 1, 1] = 2, 4
    flag_last_group(groupdq)
    assert groupdq[:, :, 0, 1].tolist() == [[0, 0, 1], [0, 0, 1]]
    assert groupdq[0, 2, 0, 0] == 3
    assert groupdq[1, :, 1, 1].tolist() == [0, 4, 1]


def test_nothing_is_flagged_without_integrations():
    flag_last_group(np.zeros((0, 3, 2, 2), np.uint8))
