"""The likelihood fit equals the released one on random flagged ramps (made by tests/parity/make_ramp_fit_likely.py)."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jwst.ramp_fitting.likely import fit_likely
from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes

VECTORS = pathlib.Path(__file__).parents[2] / "parity" / "ramp_fit_likely.npz"
PLANES = {"data": "slope", "dq": "dq", "var_poisson": "var_poisson", "var_rnoise": "var_rnoise", "err": "err"}
TOLERANCE = 1e-5


def load():
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(VECTORS) as archive:
        for key in archive.files:
            name, array = key.split("/")
            cases.setdefault(name, {})[array] = archive[key]
    return {name: case for name, case in cases.items() if "chisq" in case}


CASES = load()


def fit(case, **options):
    names = ("data", "groupdq", "pixeldq", "gain", "readnoise")
    ramps = Ramps(*(case[key].copy() for key in names), dark=case.get("dark"), zeroframe=case.get("zeroframe"))
    ngroups = ramps.data.shape[1]
    group_time, frame_time, nframes, groupgap = case["times"]
    pattern = ReadPattern.regular(RampTimes(group_time, frame_time, int(nframes), int(groupgap)), ngroups)
    if "reads" in case:
        pattern = ReadPattern.of_exposure(np.split(case["read_times"], np.cumsum(case["reads"])[:-1]), ngroups)
    first, last = (None if value < 0 else int(value) for value in case["range"])
    return fit_likely(ramps, pattern, FitOptions(firstgroup=first, lastgroup=last, optional_results=True), **options)


def decided(case):
    """Ramps (nints, ny, nx) on which the release does not decide by its rounding errors.

    It does so where a choice between differences leaves one: two differences, or three if groups are averaged.
    """
    flags = case["groupdq"].copy()
    if case["range"][0] >= 0:
        flags[:, : case["range"][0]] = flags[:, case["range"][1] + 1 :] = 1
    used = ((flags[:, 1:] | flags[:, :-1]) == 0).sum(axis=1)
    averaged = case["times"][2] > 1 or "reads" in case
    if "zeroframe" in case and averaged:
        used += flags[:, 0] == 0
    return (used > (3 if averaged else 2)) | (used == 0)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("product", ["rate", "rateints"])
def test_equal_to_the_released_pipeline(name, product):
    case = CASES[name]
    result = fit(case)
    rates = result.exposure if product == "rate" else result.integrations
    usable = decided(case) & (case["gain"] > 0)
    usable = usable.all(axis=0) if product == "rate" else usable
    assert np.count_nonzero(usable) > 15
    for theirs, ours in PLANES.items():
        expected, got = case[f"{product}.{theirs}"], getattr(rates, ours)
        assert got.dtype == expected.dtype
        if theirs == "dq":
            np.testing.assert_array_equal(got[usable], expected[usable])
            continue
        allowed = TOLERANCE * np.abs(expected) + 1e-12
        if theirs in ("data", "var_poisson"):
            allowed += 1e-7 * case[f"{product}.err"] ** (1 if theirs == "data" else 2)
        assert np.array_equal(np.isnan(got[usable]), np.isnan(expected[usable]))
        close = ~(np.abs(got - expected) > allowed)
        assert close[usable].all(), f"{name} {product} {theirs}"


@pytest.mark.parametrize("name", CASES)
def test_chi_squared_equals_that_of_the_released_pipeline(name):
    case = CASES[name]
    usable = decided(case).all(axis=0) & (case["gain"] > 0)
    got, expected = fit(case).optional[usable], case["chisq"][usable]
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE, atol=1e-7)


@pytest.mark.parametrize("name", ["without flags", "averaged groups", "zero frames"])
def test_result_does_not_depend_on_blocks(name):
    few, many = fit(CASES[name], block_samples=64), fit(CASES[name])
    for part in ("exposure", "integrations"):
        for plane in PLANES.values():
            one, two = (getattr(getattr(result, part), plane) for result in (few, many))
            np.testing.assert_allclose(one, two, rtol=2e-6, err_msg=f"{part} {plane}")
