"""Ramps with the usual flags are fitted in one go: which they are, and that the result is that of the general way."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.ramp_fitting import ramp_fit
from jwst.ramp_fitting.prepare import suppress_one_group
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes
from jwst.ramp_fitting.usual import unusual_flags, usual_windows

PLANES = ("slope", "dq", "var_poisson", "var_rnoise", "err")


def flags(nints, ngroups, bad=(), shape=(4, 5)):
    groupdq = np.zeros((nints, ngroups, *shape), np.uint8)
    for place in bad:
        groupdq[place] = 1
    return groupdq


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ((), [slice(0, 6)] * 2),
        (((0, slice(2)), (1, slice(3)), (slice(None), 5)), [slice(2, 5), slice(3, 5)]),
        (((0, 2),), [slice(0, 6)] * 2),
        (((0, slice(5)),), [slice(0, 6)] * 2),
        (((0,),), [slice(0, 6)] * 2),
    ],
    ids=["none", "ends", "gap", "one left", "all bad"],
)
def test_windows(bad, expected):
    assert list(usual_windows(flags(2, 6, bad))) == expected


def test_most_pixels_decide():
    groupdq = flags(1, 6, [(0, 0)])
    groupdq[0, 0, 0] = 0
    assert usual_windows(groupdq) == (slice(1, 6),)
    groupdq[0, 0, :3] = 0
    assert usual_windows(groupdq) == (slice(0, 6),)


def test_unusual_flags():
    groupdq = flags(2, 6, [(slice(None), 0)])
    groupdq[1, 0, 0, 0], groupdq[0, 3, 0, 1], groupdq[0, 0, 0, 2], groupdq[0, 0, 0, 3] = 0, 1, 5, 3
    found = unusual_flags(groupdq, (slice(1, 6),) * 2).reshape(4, 5)
    assert found[0].tolist() == [True, True, True, True, False]
    assert not found[1:].any()


def ramps(nints, ngroups, leading, trailing, seed=0):
    """Noisy ramps; the first and last groups are bad in most pixels, others have all kinds of flags."""
    rng = np.random.default_rng(seed)
    shape = (nints, ngroups, 12, 15)
    data = np.cumsum(rng.normal(40, 15, shape), axis=1).astype(np.float32)
    groupdq = rng.choice(np.array([0] * 60 + [1, 2, 4, 5, 32, 128], np.uint8), shape)
    for integration, number in zip(groupdq, leading):
        integration[:number] |= 1
    groupdq[:, ngroups - trailing :] |= np.uint8(1)
    groupdq[:, :, :2, :4] &= np.uint8(254)
    plane = np.ones(shape[2:], np.float32)
    dark = rng.uniform(0, 0.1, shape[2:]).astype(np.float32)
    return Ramps(data, groupdq, rng.choice(np.array([0] * 9 + [1], np.uint32), shape[2:]), plane * 3, plane * 9, dark)


@pytest.mark.parametrize("miri", [False, True])
@pytest.mark.parametrize(
    ("leading", "trailing", "ngroups"),
    [((2,), 1, 10), ((2, 4, 4), 1, 10), ((0, 0), 0, 7), ((3, 3), 1, 6), ((1, 2), 2, 5), ((4, 4, 4), 0, 12)],
)
def test_both_ways_agree(monkeypatch, leading, trailing, ngroups, miri):
    options = FitOptions(miri=miri)
    quick = fit_ramps(ramps(len(leading), ngroups, leading, trailing), RampTimes(2.8, 2.8, 1), options)
    monkeypatch.setattr(ramp_fit, "flagged_pixels", lambda ramps, windows: np.ones(180, bool))
    slow = fit_ramps(ramps(len(leading), ngroups, leading, trailing), RampTimes(2.8, 2.8, 1), options)
    for product in ("exposure", "integrations"):
        for name in PLANES:
            found, expected = (getattr(getattr(fit, product), name) for fit in (quick, slow))
            if name == "dq":
                np.testing.assert_array_equal(found, expected)
            else:
                np.testing.assert_allclose(found, expected, rtol=3e-7)


def test_usual_pixels_take_the_quick_way(monkeypatch):
    seen = []
    general = ramp_fit.Block.of
    monkeypatch.setattr(
        ramp_fit.Block, "of", lambda ramps, noise, where, _: seen.append(where.size) or general(ramps, noise, where, _)
    )
    work = ramps(2, 10, (2, 4), 1)
    work.groupdq[:, :, 6:] = work.groupdq[:, :, 11:, 14:]
    assert (work.groupdq[0, :, 11, 14] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]).all()
    fit_ramps(work, RampTimes(2.8, 2.8, 1), FitOptions(miri=True))
    assert 0 < sum(seen) < 100


def test_one_good_group():
    groupdq = np.array([[0, 1, 32], [1, 0, 2], [1, 0, 0], [4, 32, 4]], np.uint8).T.reshape(1, 3, 2, 2)
    suppress_one_group(groupdq)
    assert groupdq.reshape(3, 4).T.tolist() == [[0, 1, 32], [1, 1, 3], [1, 0, 0], [5, 33, 5]]


def test_good_groups_of_long_ramps_do_not_overflow():
    groupdq = np.zeros((1, 257, 1, 1), np.uint8)
    suppress_one_group(groupdq)
    assert not groupdq.any()
