"""Groups that are DO_NOT_USE in most pixels, but not in all: the quick search must find what the full one finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jwst.jump import differences
from jwst.jump.differences import Ramps, bad_planes
from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.jump.twopoint import Thresholds, suspects


def scene(nints, ngroups, leading, seed=0):
    """Ramps with hits; the first groups and the last one are bad, but a few pixels use the first groups."""
    rng = np.random.default_rng(seed)
    shape = (nints, ngroups, 14, 15)
    data = np.cumsum(rng.normal(20, 4, shape), axis=1).astype(np.float32)
    data += np.cumsum((rng.random(shape) < 0.02) * rng.normal(0, 400, shape), axis=1).astype(np.float32)
    groupdq = rng.choice(np.array([0] * 60 + [1, 2, 4, 5], np.uint8), shape)
    for integration, number in zip(groupdq, leading):
        integration[:number] |= 1
    groupdq[:, : leading[0], 3, :6] &= np.uint8(254)
    groupdq[:, -1] |= np.uint8(1)
    return data, groupdq


@pytest.mark.parametrize("single_pass", [False, True])
@pytest.mark.parametrize(("leading", "ngroups"), [((2,), 9), ((2, 4), 9), ((4,), 6), ((3, 3), 14), ((5,), 6)])
def test_the_same_hits_as_without_the_shortcut(monkeypatch, leading, ngroups, single_pass):
    plane = np.ones((14, 15), np.float32)
    parameters = JumpParameters(min_diffs_single_pass=1 if single_pass else 99)
    found = []
    for sample in (True, False):
        if not sample:
            monkeypatch.setattr(differences.Ramps, "usual", lambda self: self)
        data, groupdq = scene(len(leading), ngroups, leading)
        counts = detect_jumps(
            data,
            groupdq,
            pixeldq=np.zeros((14, 15), np.uint32),
            detector=Detector(plane * 2, plane * 5, 1),
            parameters=parameters,
        )
        found.append((groupdq, counts))
    assert (found[0][0] & 4).any() or ngroups - leading[0] < 3
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_undisturbed_pixels_are_no_suspects():
    data = np.cumsum(np.full((1, 9, 400), 20, np.float32), axis=1)
    groupdq = np.zeros(data.shape, np.uint8)
    groupdq[0, :3] = groupdq[0, 8] = 1
    groupdq[0, :3, 7] = 0
    groupdq[0, 5, 9] = 1
    plane = np.ones(400, np.float32)
    ramps = Ramps(data, groupdq, plane, plane * 5, 1, bad_planes(groupdq))
    assert suspects(ramps, Thresholds(), first=0, last=400).tolist() == [7, 9]
    assert ramps.usual().pairs == tuple((0, group) for group in range(3, 7))
    assert replace(ramps, groupdq=np.zeros_like(groupdq)).usual().pairs == ramps.pairs
