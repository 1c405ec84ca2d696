"""The likelihood fit: numbers of the specification (ramp_fit.md §11), laws of statistics, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.ramp_fitting.likely import fit_likely
from jwst.ramp_fitting.likely_modes import NoiseModes
from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.likely_search import GAIN_OF_ONE, find_jumps
from jwst.ramp_fitting.likely_solve import LikelyBlock, fit_variances, solve
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes
from stpipe.exceptions import InputError
from tests.jwst.ramp_fitting.small_ramps import LINE, TIMES, check, flags_at, flags_from, make_ramps, values

TWO = [np.arange(5) * 10.0, np.arange(5) * 20.0]


def fit(ramps, times=TIMES, **options):
    return fit_likely(ramps, ReadPattern.regular(times, ramps.data.shape[1]), FitOptions(**options))


@pytest.mark.parametrize(
    ("ramps", "times", "expected"),
    [
        (make_ramps(LINE), TIMES, (1.0, 0, 0.01187667, 0.006223755, 0.1345378)),
        (make_ramps(LINE, dark=0.1), TIMES, (1.0, 0, 0.01303617, 0.006250625, 0.1388769)),
        (make_ramps(LINE * 5, gain=2.0, readnoise=12.0), TIMES, (5.0, 0, 0.02929226, 0.009271459, 0.1963765)),
        (
            make_ramps(LINE * 5, gain=2.0, readnoise=12.0),
            RampTimes(10.0, 2.0, 4, 1),
            (5.0, 0, 0.02769228, 0.002939189, 0.1750185),
        ),
        (make_ramps(LINE, flags_from(3, 2)), TIMES, (1.0, 2, 0.05, 0.25, 0.5477226)),
        (make_ramps(TWO), TIMES, (1.500006, 0, 0.01935026, 0.0250766, 0.2107768)),
        (
            make_ramps(LINE + 10, zeroframe=5),
            RampTimes(10.0, 5.0, 2),
            (1.002694, 0, 0.01148364, 0.00328651, 0.1215325),
        ),
    ],
    ids=["line", "dark", "gain", "averaged", "saturated", "two integrations", "zero frame"],
)
def test_numbers_of_the_specification(ramps, times, expected):
    check(fit(ramps, times).exposure, *expected)


@pytest.mark.parametrize("step", [45, 60, 500])
def test_jump_is_found(step):
    ramps = make_ramps(LINE + np.where(np.arange(10) >= 5, step, 0))
    check(fit(ramps).exposure, 1.0, 4, 0.01292867, 0.02503429, 0.1948409)
    assert list(np.flatnonzero(ramps.groupdq[0, :, 0, 0] & 4)) == [5]


def test_flagged_jump_costs_two_differences():
    ramps = make_ramps(LINE + np.where(np.arange(10) >= 5, 500, 0), flags_at(4, 5))
    check(fit(ramps).exposure, 1.0, 4, 0.01497312, 0.03348701, 0.2201366)


def test_ramps_without_differences_have_no_rate():
    for flags, dq in ((flags_from(1, 2), 2), ([2] * 10, 3), ([1] * 10, 1)):
        slope, got, *rest = values(fit(make_ramps(LINE, flags)).exposure)
        assert np.isnan([slope, *rest]).all()
        assert got == dq


@pytest.mark.parametrize("gain", [-1.0, 0.0, np.nan])
def test_bad_gain_gives_nan_whatever_the_rate(gain):
    for line in (LINE, -LINE):
        slope, dq, *rest = values(fit(make_ramps(line, gain=gain)).exposure)
        assert np.isnan([slope, *rest]).all()
        assert dq == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("flag", [0, 1])
def test_bad_sample_voids_the_ramp(value, flag):
    ramp = LINE.copy()
    ramp[4] = value
    slope, _, *rest = values(fit(make_ramps(ramp, flags_at(flag, 4))).exposure)
    assert np.isnan([slope, *rest]).all()


def test_bad_read_noise_gives_nan_and_none_is_fine():
    assert np.isnan(values(fit(make_ramps(LINE, readnoise=np.nan)).exposure)[0])
    slope, _, poisson, read, err = values(fit(make_ramps(LINE, readnoise=0.0)).exposure)
    assert (slope, read) == (1.0, 0.0)
    assert err == pytest.approx(np.sqrt(poisson))


def test_pixel_flags_stay_and_do_not_void():
    slope, dq, *_ = values(fit(make_ramps(LINE, pixeldq=1025)).exposure)
    assert (slope, dq) == (1.0, 1025)


def test_do_not_use_of_the_exposure_needs_all_integrations():
    result = fit(make_ramps(TWO, [[0] * 5, [1] * 5]))
    assert values(result.exposure)[:2] == (1.0, 0)
    assert list(result.integrations.dq[:, 0, 0]) == [0, 1]
    assert values(fit(make_ramps(TWO, [[0] * 5, [2] * 5])).exposure)[1] == 2


def test_range_of_groups_and_chi_squared():
    ramps = make_ramps(LINE)
    result = fit(ramps, firstgroup=2, lastgroup=7, optional_results=True)
    part = fit(make_ramps(LINE[2:8]), optional_results=True)
    np.testing.assert_allclose(values(result.exposure), values(part.exposure), rtol=1e-6)
    assert result.optional[0, 0] == pytest.approx(0, abs=1e-9)
    assert fit(make_ramps(LINE)).optional is None


def test_two_differences_that_disagree_leave_the_smaller():
    slope, dq, *_ = values(fit(make_ramps([0, 10, 520, 530], flags_from(3, 2, 4))).exposure)
    assert (slope, dq) == (1.0, 6)
    slope, dq, *_ = values(fit(make_ramps([0, 510, 520, 530], flags_from(3, 2, 4))).exposure)
    assert (slope, dq) == (1.0, 6)


def test_zero_frames_of_single_reads_are_not_used(caplog):
    check(fit(make_ramps(LINE, zeroframe=5)).exposure, *values(fit(make_ramps(LINE)).exposure))
    assert "single read" in caplog.text


IRREGULAR = ReadPattern(((1.0,), (3.0, 4.0), (6.0, 7.0, 8.0), (12.0, 13.0), (20.0,), (25.0, 26.0, 27.0, 28.0), (40.0,)))


def random_block(rng, ramps=200):
    count = len(IRREGULAR.spacing)
    return LikelyBlock(
        rng.normal(5, 3, (count, ramps)),
        rng.random((count, ramps)) < 0.8,
        np.full(ramps, 5.0),
        rng.uniform(1, 2, ramps),
        rng.uniform(10, 60, ramps),
        np.zeros(ramps),
    )


def test_elimination_equals_dense_algebra():
    block, covariance = random_block(np.random.default_rng(2)), IRREGULAR.covariance()
    photon, read = covariance.matrices()
    result = solve(block, covariance, block.guess)
    split = fit_variances(result, covariance, block.guess / block.gain, block.read_variance)
    for ramp in np.flatnonzero(block.used.sum(axis=0) > 1)[:60]:
        use = block.used[:, ramp]
        parts = [
            matrix[np.ix_(use, use)] * factor
            for matrix, factor in ((photon, 5 / block.gain[ramp]), (read, block.read_variance[ramp]))
        ]
        inverse = np.linalg.inv(sum(parts))
        weight = inverse.sum(axis=0) / inverse.sum()
        rate = weight @ block.differences[use, ramp]
        rest = block.differences[use, ramp] - rate
        assert result.rate[ramp] == pytest.approx(rate)
        assert result.chisq[ramp] == pytest.approx(rest @ inverse @ rest)
        np.testing.assert_allclose(result.residual[use, ramp], inverse @ rest, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.diagonal[use, ramp], np.diag(inverse))
        assert split.poisson[ramp] == pytest.approx(weight @ parts[0] @ weight)
        assert split.rnoise[ramp] == pytest.approx(weight @ parts[1] @ weight)


def test_modes_diagonalize_both_parts_of_the_covariance():
    used = np.array([True, True, False, True, True, True])
    covariance = IRREGULAR.covariance()
    modes = NoiseModes.of(covariance, used)
    photon, read = covariance.matrices()
    inverse = modes.basis.T @ np.diag(1 / (3.0 * modes.spread + 7.0)) @ modes.basis
    expected = np.zeros_like(inverse)
    expected[np.ix_(used, used)] = np.linalg.inv((3.0 * photon + 7.0 * read)[np.ix_(used, used)])
    np.testing.assert_allclose(inverse, expected, rtol=1e-9, atol=1e-12)


def test_gains_are_what_fits_without_the_differences_gain():
    rng = np.random.default_rng(3)
    block, covariance = random_block(rng), IRREGULAR.covariance()
    block.used[...] = True
    before = block.used.copy()
    find_jumps(block, covariance, np.zeros(len(block.used) - 1, bool))
    dropped = before & ~block.used
    once = np.flatnonzero(dropped.sum(axis=0) == 1)
    assert once.size > 5
    block.used[...] = True
    full = solve(block, covariance, block.guess).chisq
    gains = []
    for difference in range(len(block.used)):
        block.used[difference] = False
        gains.append(full - solve(block, covariance, block.guess).chisq)
        block.used[difference] = True
    best = np.array(gains).argmax(axis=0)
    assert (best[once] == dropped[:, once].argmax(axis=0)).all()
    assert (np.array(gains).max(axis=0)[once] > GAIN_OF_ONE).all()


def simulate(rng, rate, ngroups=10, pixels=(60, 100), nframes=1, hit=0.0):
    """Ramps of known rate (DN/s, gain 2, one frame a second, 8 DN noise of a read), and which of them have a hit."""
    frames = np.cumsum(rng.poisson(2.0 * rate, (ngroups * nframes, *pixels)), axis=0) / 2
    hits = np.zeros(pixels, bool)
    if hit:
        hits = rng.random(pixels) < 0.5
        frames[ngroups * nframes // 2 :, hits] += hit
    frames = frames + rng.normal(0, 8, frames.shape)
    data = frames.reshape(ngroups, nframes, *pixels).mean(axis=1)[None].astype(np.float32)
    plane = np.ones(pixels, np.float32)
    return Ramps(
        data, np.zeros(data.shape, np.uint8), np.zeros(pixels, np.uint32), plane * 2, plane * np.float32(8 * 2**0.5)
    ), hits


@pytest.mark.parametrize("nframes", [1, 4])
@pytest.mark.parametrize("rate", [0.5, 20.0, 2000.0])
def test_rates_are_unbiased_and_errors_are_right(rate, nframes):
    ramps, _ = simulate(np.random.default_rng(4), rate, nframes=nframes)
    times = RampTimes(float(nframes), 1.0, nframes)
    result = fit(ramps, times).exposure
    ordinary = fit_ramps(ramps, times).exposure
    scatter = result.slope.std()
    pull = (result.slope - rate) / result.err
    assert abs(result.slope.mean() - rate) < 4 * scatter / np.sqrt(result.slope.size) + 0.01 * scatter
    assert pull.std() == pytest.approx(1, abs=0.06)
    assert scatter < 1.01 * ordinary.slope.std()


def test_jumps_are_found_and_few_are_imagined():
    ramps, hits = simulate(np.random.default_rng(5), 20.0, hit=120.0)
    found = (fit(ramps, RampTimes(1.0, 1.0, 1)).exposure.dq & 4) != 0
    assert found[hits].mean() > 0.97
    assert found[~hits].mean() < 0.01


@pytest.mark.parametrize(
    ("read_times", "message"),
    [
        ([[1], [2], [3]], "4 groups, but read times .* for 3"),
        ([[1], [2], [2], [3]], "do not increase"),
        ([[4], [3], [2], [1]], "do not increase"),
        ([[1], [2], [], [3]], "no read times"),
        ([[1], [2], ["late"], [3]], "not lists of numbers"),
        ([[1], [2], [np.nan], [3]], "do not increase"),
    ],
    ids=["too few", "equal", "backwards", "empty", "text", "NaN"],
)
def test_read_times_that_make_no_sense(read_times, message):
    with pytest.raises(InputError, match=message):
        ReadPattern.of_exposure(read_times, 4)


def test_arrays_that_do_not_belong_together():
    ramps = make_ramps(LINE)
    pattern = ReadPattern.regular(TIMES, 10)
    with pytest.raises(InputError, match="needs 4 groups"):
        fit(make_ramps(LINE[:3]))
    with pytest.raises(InputError, match="read times for 9"):
        fit_likely(ramps, ReadPattern.regular(TIMES, 9))
    for name in ("gain", "readnoise", "pixeldq", "dark", "groupdq", "zeroframe"):
        changed = {key: getattr(ramps, key) for key in ramps.__dataclass_fields__} | {
            name: np.zeros((3, 5), np.float32)
        }
        with pytest.raises(InputError, match="shape"):
            fit_likely(Ramps(**changed), pattern)
