"""Jumps in faint ramps: those that the released pipeline misses are missed by default, and found with an option.

The vectors are made by tests/parity/make_ramp_fit_faint.py.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jwst.ramp_fitting.likely import fit_likely
from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.likely_release import stops_the_search
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes

VECTORS = pathlib.Path(__file__).parents[2] / "parity" / "ramp_fit_faint.npz"
JUMP, SATURATED = 4, 2


def load():
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(VECTORS) as archive:
        for key in archive.files:
            name, array = key.split("/")
            cases.setdefault(name, {})[array] = archive[key]
    return cases


CASES = load()


def fit(case, **options):
    plane = case["readnoise"].shape
    inputs = case["data"].copy(), case["groupdq"].copy(), np.zeros(plane, np.uint32), np.full(plane, 2, np.float32)
    nframes, groupgap, frame_time = case["times"]
    times = RampTimes(frame_time * (nframes + groupgap), frame_time, int(nframes), int(groupgap))
    pattern = ReadPattern.regular(times, case["data"].shape[1])
    return fit_likely(Ramps(*inputs, case["readnoise"].copy()), pattern, FitOptions(**options)).integrations


def decided(case):
    """Ramps of which the release does not decide by rounding errors which one difference is left."""
    flags = case["groupdq"]
    return ((flags[:, 1:] | flags[:, :-1]) == 0).sum(axis=1) > (3 if case["times"][0] > 1 else 2)


@pytest.mark.parametrize("name", CASES)
def test_the_same_jumps_as_the_released_pipeline(name):
    case = CASES[name]
    result, usable = fit(case), decided(case)
    assert np.count_nonzero(usable) > 150
    np.testing.assert_array_equal(result.dq[usable], case["dq"][usable])
    np.testing.assert_allclose(result.slope[usable], case["rate"][usable], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_all_jumps_with_the_option(name):
    """Steps of 100 times the read noise are found in all ramps with four good differences, whatever their rounding."""
    case = CASES[name]
    result, usable = fit(case, all_faint_jumps=True), decided(case)
    assert not (fit(case).dq & ~result.dq).any()
    steps = np.diff(case["data"], axis=1) > 60 * case["readnoise"]
    flags = case["groupdq"]
    used = (flags[:, 1:] | flags[:, :-1]) == 0
    high = usable & (steps & used).any(axis=1)
    assert np.count_nonzero(high) > 50
    assert ((result.dq & JUMP) != 0)[high].all()


def test_the_option_changes_what_the_release_misses():
    missed = {
        name: np.count_nonzero(fit(case, all_faint_jumps=True).dq != fit(case).dq) for name, case in CASES.items()
    }
    assert missed["six groups"] == 0
    assert all(missed[name] > 20 for name in CASES if "five" in name or "seven" in name)


def test_no_other_ramps_stop_the_search():
    """Only four or six differences in a row make the covariance of two of them vanish."""
    noise = np.random.default_rng(1).uniform(1, 1e4, 500)
    for number in range(3, 31):
        pattern = ReadPattern.regular(RampTimes(10.0, 10.0, 1), number + 1)
        stopped = stops_the_search(np.ones((number, noise.size), bool), noise, pattern.covariance())
        assert stopped.any() == (number in (4, 6)), number


def test_long_ramps_do_not_overflow():
    noise = np.array([1e-12, 1.0, 1e12])
    pattern = ReadPattern.regular(RampTimes(10.0, 10.0, 1), 301)
    used = np.zeros((300, noise.size), bool)
    used[100:104] = True
    with np.errstate(all="raise"):
        assert stops_the_search(used, noise, pattern.covariance()).shape == (3,)
