"""The firstframe step: equal to the released pipeline (tests/parity/make_miri.py); when it is skipped."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest

from jwst.firstframe import FirstFrameStep
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


def call(model, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FirstFrameStep(skip=False, **parameters).run(model)


@pytest.mark.parametrize("name", MIRI.CASES["firstframe"])
def test_equal_to_the_released_pipeline(name):
    model, _, parameters = MIRI.exposure("firstframe", name, **MIRI.CASES["firstframe"][name])
    before = model.pixeldq.copy()
    MIRI.check(call(model, **parameters), "firstframe", name)
    np.testing.assert_array_equal(model.pixeldq, before, "the input of the caller was changed")


@pytest.mark.parametrize(("ngroups", "status"), [(1, "SKIPPED"), (3, "SKIPPED"), (4, "COMPLETE")])
def test_short_integrations_are_skipped(ngroups, status):
    result = call(MIRI.ramp(np.ones((2, ngroups, 2, 2))))
    assert result.meta.cal_step.firstframe == status
    assert result.groupdq[:, 0].any() == (status == "COMPLETE")


def test_other_instruments_are_skipped():
    model = MIRI.ramp(np.ones((1, 5, 2, 2)))
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    result = call(model)
    assert result.meta.cal_step.firstframe == "SKIPPED"
    assert not result.groupdq.any()


def test_every_run_says_that_it_is_deprecated(caplog):
    model = MIRI.ramp(np.ones((1, 5, 2, 2)))
    with caplog.at_level(logging.WARNING):
        call(model)
    assert "deprecated since jwst 2.0.0" in caplog.text
    with pytest.raises(DeprecationWarning, match="rscd flags the first groups"):
        FirstFrameStep().run(model)


def test_parameters():
    values = FirstFrameStep().get_pars()
    assert values["skip"] is True
    assert values["bright_use_group1"] is True
