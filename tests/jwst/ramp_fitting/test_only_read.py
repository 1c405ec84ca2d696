"""A fit only reads the data of ramps: the step does not copy them, and leaves the model of a caller as it was."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.ramp_fitting import ramp_fit_step
from jwst.ramp_fitting.likely import fit_likely
from jwst.ramp_fitting.likely_reads import ReadPattern
from jwst.ramp_fitting.ramp_fit import fit_ramps
from jwst.ramp_fitting.ramp_inputs import FitOptions
from tests.jwst.ramp_fitting.small_ramps import TIMES, make_ramps
from tests.jwst.ramp_fitting.test_likely_step import call, make_ramp

ALGORITHMS = ("OLS_C", "LIKELY")
NOISE = np.random.default_rng(4).normal(0, 10, (30, 2, 10)) + 40 * np.arange(10)


@pytest.fixture(autouse=True)
def _no_crds(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("miri", [False, True])
def test_a_fit_writes_into_the_flags_alone(algorithm, miri):
    flags = np.random.default_rng(5).choice(np.array([0, 0, 0, 0, 1, 2, 4], np.uint8), NOISE.shape)
    ramps = make_ramps(NOISE, flags, dark=0.1, zeroframe=NOISE[..., :1])
    arrays = [ramps.data, ramps.pixeldq, ramps.gain, ramps.readnoise, ramps.dark, ramps.zeroframe]
    for array in arrays:
        array.flags.writeable = False
    options = FitOptions(miri=miri, optional_results=True, firstgroup=1)
    if algorithm == "LIKELY":
        fit_likely(ramps, ReadPattern.regular(TIMES, 10), options)
    else:
        fit_ramps(ramps, TIMES, options)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_model_of_the_caller_is_as_it_was(algorithm):
    model = make_ramp()
    model.zeroframe = model.data[:, 0].copy()
    model.groupdq[0, 3, 1, 1] = 4
    before = model.copy()
    arrays = {name: getattr(model, name) for name in ("data", "groupdq", "pixeldq", "zeroframe")}
    rates = call(model, algorithm=algorithm, save_opt=False, firstgroup=1)
    for name, array in arrays.items():
        assert getattr(model, name) is array
        np.testing.assert_array_equal(array, getattr(before, name))
        for rate in rates:
            assert not any(np.shares_memory(array, getattr(rate, plane)) for plane in ("data", "dq", "err"))
    assert model.meta.cal_step.ramp_fit is None


def test_the_data_are_not_copied(monkeypatch):
    seen = []
    fit = ramp_fit_step.RampFitStep._fit
    monkeypatch.setattr(
        ramp_fit_step.RampFitStep,
        "_fit",
        lambda self, ramp, ramps, name: seen.append(ramps) or fit(self, ramp, ramps, name),
    )
    model = make_ramp()
    call(model)
    assert np.shares_memory(seen[0].data, model.data)
    assert not np.shares_memory(seen[0].groupdq, model.groupdq)
    assert not np.shares_memory(seen[0].pixeldq, model.pixeldq)


def test_a_skipped_run_gives_a_copy():
    """What a caller gets back shares nothing with the input, also after the step has opened it."""
    model = make_ramp()
    step = ramp_fit_step.RampFitStep()
    with step._ramp(model) as ramp:
        assert np.shares_memory(ramp.data, model.data)
    skipped = step._skipped_result([model], "there is no gain reference")
    assert skipped is not model
    assert not np.shares_memory(skipped.data, model.data)
