"""Rates equal those of the released pipeline on random flagged ramps (made by tests/parity/make_ramp_fit.py)."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions, Ramps, RampTimes

VECTORS = pathlib.Path(__file__).parents[2] / "parity" / "ramp_fit.npz"
PLANES = {"data": "slope", "dq": "dq", "var_poisson": "var_poisson", "var_rnoise": "var_rnoise", "err": "err"}


def load():
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(VECTORS) as archive:
        for key in archive.files:
            name, array = key.split("/")
            cases.setdefault(name, {})[array] = archive[key]
    return cases


CASES = load()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("product", ["rate", "rateints"])
def test_equal_to_the_released_pipeline(name, product):
    case = CASES[name]
    group_time, frame_time, nframes, groupgap, suppress = case["options"]
    names = ("data", "groupdq", "pixeldq", "gain", "readnoise", "dark")
    ramps = Ramps(*(case[key].copy() for key in names), zeroframe=case.get("zeroframe"))
    times = RampTimes(group_time, frame_time, int(nframes), int(groupgap))
    fit = fit_ramps(ramps, times, FitOptions(suppress_one_group=bool(suppress)))
    rates = fit.exposure if product == "rate" else fit.integrations
    for theirs, ours in PLANES.items():
        expected = case[f"{product}.{theirs}"]
        got = getattr(rates, ours)
        assert got.dtype == expected.dtype
        if theirs == "dq":
            np.testing.assert_array_equal(got, expected)
        else:
            allowed = 3e-6 * np.abs(expected) + 1e-9
            if theirs == "data":
                allowed += 1e-6 * case[f"{product}.err"]
            assert np.array_equal(np.isnan(got), np.isnan(expected))
            assert (np.abs(got - expected)[~np.isnan(got)] <= allowed[~np.isnan(got)]).all(), (
                f"{name} {product} {theirs}"
            )
