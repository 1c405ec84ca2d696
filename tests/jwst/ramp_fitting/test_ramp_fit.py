"""Count rates: the numbers of the specification (ramp_fit.md §11), measured on the released pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes
from tests.jwst.ramp_fitting.small_ramps import LINE, TIMES, check, flags_at, flags_from, make_ramps, values


def test_straight_ramp():
    check(fit_ramps(make_ramps(LINE), TIMES).exposure, 1.0, 0, 0.01111111, 0.006060606, 0.1310409)


def test_gain_and_dark():
    result = fit_ramps(make_ramps(LINE, gain=2.0, dark=0.1), TIMES)
    check(result.exposure, 1.0, 0, 0.006111111, 0.006060606, 0.1103255)


@pytest.mark.parametrize(
    ("ramp", "expected"),
    [
        ([5, 15, 30], (1.25, 0, 0.0625, 0.25, 0.559017)),
        ([5, 15], (1.0, 0, 0.1, 1.0, 1.048809)),
        ([5], (0.5, 0, 0.05, 1.0, 1.024695)),
    ],
    ids=["three groups", "two groups", "one group"],
)
def test_short_ramps(ramp, expected):
    check(fit_ramps(make_ramps(ramp), TIMES).exposure, *expected)


def test_one_group_of_four_frames():
    result = fit_ramps(make_ramps([5]), RampTimes(10.0, 2.5, 4))
    check(result.exposure, 0.8, 0, 0.128, 0.64, 0.8763561)


STEP = LINE + np.where(np.arange(10) >= 5, 500, 0)


@pytest.mark.parametrize(
    ("ramp", "flags", "rate", "rateints_err"),
    [
        (STEP, flags_at(4, 5), (1.0, 4, 0.0125, 0.025, 0.1936492), None),
        (LINE, flags_at(4, 1), (1.0, 4, 0.0125, 0.008333334, None), None),
        (LINE, flags_at(4, 9), (1.0, 4, 0.0125, 0.008333334, None), None),
        (LINE, flags_at(4, 3, 4), (1.0, 4, 0.01428571, 0.02564103, 0.1998168), 0.2044585),
        (LINE, flags_at(1, 4), (1.0, 0, 0.01428571, 0.03333334, 0.2182179), 0.219089),
        (LINE, flags_at(16, 4), (1.0, 0, 0.01428571, 0.03333334, 0.2182179), 0.219089),
        (LINE, flags_at(36, 3), (1.0, 36, 0.0125, 0.01666667, 0.1707825), 0.175957),
        (LINE, [32] * 10, (1.0, 32, 0.01111111, 0.006060606, 0.1310409), None),
        (LINE, [4] * 10, (0.0, 4, 0.0, 0.0, 0.0), None),
        (LINE, flags_from(2, 2), (1.0, 2, 0.1, 1.0, 1.048809), None),
        (LINE, flags_from(5, 129), (1.0, 0, 0.025, 0.006060606, 0.2738613), None),
        (LINE, flags_from(1, 129), (np.nan, 1, 0, 0.006060606, 0), None),
        (LINE, [0, 0, 4, 0, 0] + [129] * 5, (1.0, 4, None, 0.01176471, 0.4830459), None),
    ],
    ids=[
        "jump with step",
        "jump at 1",
        "jump at the end",
        "two jumps in a row",
        "do not use",
        "outlier",
        "jump and persistence",
        "persistence everywhere",
        "jump everywhere",
        "saturated from 2",
        "charge loss from 5",
        "charge loss from 1",
        "jump and charge loss",
    ],
)
def test_flagged_ramps(ramp, flags, rate, rateints_err):
    result = fit_ramps(make_ramps(ramp, flags), TIMES)
    got = values(result.exposure)
    expected = [ours if theirs is None else theirs for ours, theirs in zip(got, rate)]
    np.testing.assert_allclose(got, expected, rtol=2e-6)
    if rateints_err is not None:
        assert float(result.integrations.err[0, 0, 0]) == pytest.approx(rateints_err, rel=2e-6)


def test_saturated_from_group_1():
    ramp, flags = LINE + 7, flags_from(1, 2)
    check(fit_ramps(make_ramps(ramp, flags), TIMES).exposure, np.nan, 3, 0, 0, 0)
    keep = FitOptions(suppress_one_group=False)
    check(fit_ramps(make_ramps(ramp, flags), TIMES, keep).exposure, 0.7, 2, 0.07, 1.0, 1.034408)
    result = fit_ramps(make_ramps(ramp, flags), RampTimes(10.0, 2.5, 4), keep)
    check(result.exposure, 1.12, 2, 0.1792, 0.64, 0.9050967)


def test_all_saturated():
    assert fit_ramps(make_ramps(LINE, [2] * 10), TIMES) is None
    two = make_ramps([[LINE], [LINE]], [[[2] * 10], [[0] * 10]])
    check(fit_ramps(two, TIMES).exposure, np.nan, 3, 0, 0, 0)


def test_isolated_group_without_suppression():
    ramps = make_ramps([0, 0, 0, 37, 0], [1, 1, 1, 0, 1])
    check(fit_ramps(ramps, TIMES, FitOptions(suppress_one_group=False)).exposure, 3.7, 0, 0.0, 1.0, 1.0)


def test_jump_first_group_is_suppressed():
    ramp, flags = [0, 10, 20, 30, 40], [4, 0, 2, 2, 2]
    assert values(fit_ramps(make_ramps(ramp, flags), TIMES).exposure)[1] == 7
    keep = FitOptions(suppress_one_group=False)
    slope, dq, *_ = values(fit_ramps(make_ramps(ramp, flags), TIMES, keep).exposure)
    assert (slope, dq) == (1.0, 6)


def test_unusable_pixels():
    check(fit_ramps(make_ramps(LINE, pixeldq=1), TIMES).exposure, np.nan, 1, 0, 0, 0)
    for gain in (-1.0, np.nan):
        slope, dq, *_ = values(fit_ramps(make_ramps(LINE, gain=gain), TIMES).exposure)
        assert np.isnan(slope)
        assert dq == 524289
    check(fit_ramps(make_ramps(-LINE), TIMES).exposure, -1.0, 0, 0.0, 0.006060606, 0.07784989)
    check(fit_ramps(make_ramps(LINE, readnoise=0.0), TIMES).exposure, np.nan, 0, 0.01111111, 0.0, 0.1054093)
    ramp = LINE.copy()
    ramp[4] = np.nan
    assert values(fit_ramps(make_ramps(ramp), TIMES).exposure)[0] == pytest.approx(1.010979, rel=2e-6)


@pytest.mark.parametrize("pixels", [1, 3])
def test_photon_noise_of_a_ramp_with_a_nan_is_that_of_its_other_differences(pixels):
    """Equal to the released pipeline."""
    ramps = np.tile(LINE, (pixels, 1, 1))
    ramps[0, 0, 3] = np.nan
    result = fit_ramps(make_ramps(ramps), TIMES)
    np.testing.assert_allclose(result.exposure.var_poisson, 0.01111111, rtol=2e-6)
    np.testing.assert_allclose(result.integrations.var_poisson, 0.01111111, rtol=2e-6)


TWO = [np.arange(5) * 10.0, np.arange(5) * 20.0]


def test_two_integrations():
    result = fit_ramps(make_ramps(TWO), TIMES)
    check(result.exposure, 1.5, 0, 0.01875, 0.025, 0.209165)
    for index, slope in enumerate((1.0, 2.0)):
        planes = result.integrations
        got = [float(getattr(planes, n)[index, 0, 0]) for n in ("slope", "var_poisson", "var_rnoise", "err")]
        np.testing.assert_allclose(got, (slope, 0.0375, 0.05, 0.295804), rtol=2e-6)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (flags_from(2, 2, 5), (1.047619, 2, 0.03, 0.04761905, 0.2786019)),
        ([2] * 5, (1.0, 2, 0.0125, 0.05, 0.25)),
        ([1] * 5, (1.0, 0, None, None, None)),
    ],
    ids=["saturated late", "fully saturated", "do not use"],
)
def test_second_integration_flagged(second, expected):
    result = fit_ramps(make_ramps(TWO, [[0] * 5, second]), TIMES)
    got = values(result.exposure)
    np.testing.assert_allclose(got, [a if b is None else b for a, b in zip(got, expected)], rtol=2e-6)


def test_zero_frames_rescue_saturated_ramps():
    ramps = [[[100, 200, 300, 400]], [[100, 200, 300, 400]]]
    flags = [[[0] * 4], [[2] * 4]]
    times = RampTimes(10.0, 2.5, 4)
    keep = FitOptions(suppress_one_group=False)
    result = fit_ramps(make_ramps(ramps, flags, zeroframe=[5, 30]), times, keep).exposure
    check(result, 10.0, 0, 0.3333333, 0.025, values(result)[4])
    check(result, 12.0, 2, 4.8, 4.0, values(result, 1)[4], pixel=1)
    for zero, options in (([5, 0], keep), ([5, 30], FitOptions())):
        slope, dq, *_ = values(fit_ramps(make_ramps(ramps, flags, zeroframe=zero), times, options).exposure, 1)
        assert np.isnan(slope)
        assert dq == 3


def test_miri_trims_bad_ends():
    ramp = [-50, 10, 20, 30, 40, 50, 60, 70, 80, 500]
    miri = FitOptions(miri=True)
    numbers = (0.01428571, 0.01190476, 0.1618347)
    for flag in (0, 4):
        flags = [1, flag, 0, 0, 0, 0, 0, 0, 0, 1]
        check(fit_ramps(make_ramps(ramp, flags), TIMES, miri).exposure, 1.0, 0, *numbers)
        check(fit_ramps(make_ramps(ramp, flags), TIMES).exposure, 1.0, flag, *numbers)
    assert fit_ramps(make_ramps([0, 10, 20], [1, 0, 1]), TIMES, miri) is None


def test_range_of_groups():
    result = fit_ramps(make_ramps(LINE), TIMES, FitOptions(firstgroup=2, lastgroup=7))
    check(result.exposure, 1.0, 0, 0.02, 0.02857143, 0.2203893)
    for options in (FitOptions(firstgroup=-1, lastgroup=20), FitOptions(firstgroup=7, lastgroup=2)):
        check(fit_ramps(make_ramps(LINE), TIMES, options).exposure, 1.0, 0, 0.01111111, 0.006060606, 0.1310409)


def optional(ramp, flags=None, **kwargs):
    times = RampTimes(10.0, 10.0, 1, drop_frames1=kwargs.pop("drop_frames1", 0))
    return fit_ramps(make_ramps(ramp, flags), times, FitOptions(optional_results=True)).optional


def test_optional_results_of_one_segment():
    result = optional(LINE + 3, drop_frames1=2)
    got = [float(getattr(result, n)[0, 0, 0, 0]) for n in ("sigslope", "yint", "sigyint", "weights")]
    np.testing.assert_allclose(got, (0.8130067, 3, 4.477003, 165), rtol=2e-6)
    assert result.pedestal[0, 0, 0] == pytest.approx(0, abs=1e-6)
    assert optional(LINE + 3, flags_at(4, 4)).crmag.shape == (1, 1, 1, 1)


def test_optional_results_of_two_segments():
    result = optional(STEP, flags_at(4, 5))
    assert result.slope.shape == (1, 2, 1, 1)
    np.testing.assert_allclose(result.sigslope[0, :, 0, 0], [2.236068, 2.236068], rtol=2e-6)
    np.testing.assert_allclose(result.yint[0, :, 0, 0], [0, 500], atol=1e-4)
    np.testing.assert_allclose(result.sigyint[0, :, 0, 0], [5.477226, 15.96872], rtol=2e-6)
    assert result.pedestal[0, 0, 0] == pytest.approx(-1)
    assert result.crmag[0, 0, 0, 0] == 510


def test_optional_results_count_single_groups_before_reduction():
    result = optional([0, 0, 5, 0, 9, 0, 12], [1, 1, 0, 1, 0, 1, 0])
    assert result.slope.shape[1] == 3
    assert np.count_nonzero(result.slope) == 1
    assert not result.sigslope.any()


@pytest.mark.parametrize("name", ["group_time", "frame_time", "nframes"])
def test_missing_times_are_named(name):
    times = {"group_time": 10.0, "frame_time": 10.0, "nframes": 1, name: None}
    with pytest.raises(ValueError, match=name):
        RampTimes(**times)
    with pytest.raises(ValueError, match="groupgap"):
        RampTimes(10.0, 10.0, 1, groupgap=None)


def test_result_does_not_depend_on_blocks():
    rng = np.random.default_rng(5)
    data = np.cumsum(rng.normal(30, 10, (3, 8, 12, 16)), axis=1).astype(np.float32)
    groupdq = rng.choice(np.array([0, 0, 0, 0, 4, 1, 2, 32, 129], np.uint8), data.shape)
    plane = np.ones((12, 16), np.float32)
    results = []
    for samples in (40, 1 << 18):
        ramps = Ramps(data, groupdq.copy(), np.zeros((12, 16), np.uint32), plane * 1.8, plane * 8, plane * 0.01)
        results.append(fit_ramps(ramps, TIMES, block_samples=samples))
    for part in ("exposure", "integrations"):
        for name in ("slope", "dq", "var_poisson", "var_rnoise", "err"):
            one, two = (getattr(getattr(result, part), name) for result in results)
            np.testing.assert_allclose(one, two, rtol=1e-6, err_msg=f"{part} {name}")
