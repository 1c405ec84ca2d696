"""The lastframe step: equal to the released pipeline (tests/parity/make_miri.py); when it is skipped."""

from __future__ import annotations

import numpy as np
import pytest

from jwst.lastframe import LastFrameStep
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize("name", MIRI.CASES["lastframe"])
def test_equal_to_the_released_pipeline(name):
    model, _, _ = MIRI.exposure("lastframe", name, **MIRI.CASES["lastframe"][name])
    before = model.groupdq.copy()
    MIRI.check(LastFrameStep.call(model), "lastframe", name)
    np.testing.assert_array_equal(model.groupdq, before, "the input of the caller was changed")


@pytest.mark.parametrize("ngroups", [1, 2])
def test_short_integrations_are_skipped(ngroups):
    result = LastFrameStep.call(MIRI.ramp(np.ones((2, ngroups, 2, 2))))
    assert result.meta.cal_step.lastframe == "SKIPPED"
    assert not result.groupdq.any()


def test_other_instruments_are_skipped():
    model = MIRI.ramp(np.ones((1, 5, 2, 2)))
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    result = LastFrameStep.call(model)
    assert result.meta.cal_step.lastframe == "SKIPPED"
    assert not result.groupdq.any()


def test_the_instrument_counts_where_the_detector_is_unknown():
    model = MIRI.ramp(np.ones((1, 5, 2, 2)))
    model.meta.instrument.detector = None
    assert LastFrameStep.call(model).groupdq[0, :, 0, 0].tolist() == [0, 0, 0, 0, 1]


def test_it_has_no_parameters_of_its_own():
    assert "skip" in LastFrameStep().get_pars()
    assert LastFrameStep().get_pars()["skip"] is False
