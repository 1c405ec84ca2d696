"""The charge-migration step on models in memory."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.charge_migration import ChargeMigrationStep


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def make_ramp(ngroups):
    model = datamodels.RampModel(data=np.ones((1, ngroups, 4, 4), np.float32))
    model.data[0, -1, 1, 1] = 30000
    model.meta.exposure.type = "NIS_IMAGE"
    return model


@pytest.mark.parametrize(("threshold", "flag"), [(None, 129), (29999.0, 129), (30000.0, 0)])
def test_flags(threshold, flag):
    parameters = {} if threshold is None else {"signal_threshold": threshold}
    ramp = make_ramp(3)
    result = ChargeMigrationStep.call(ramp, **parameters)
    assert result.groupdq[0, :, 1, 2].tolist() == [0, 0, flag]
    assert result.meta.cal_step.charge_migration == "COMPLETE"
    assert not ramp.groupdq.any()
    np.testing.assert_array_equal(result.data, ramp.data)


def test_two_groups_are_skipped():
    result = ChargeMigrationStep.call(make_ramp(2))
    assert result.meta.cal_step.charge_migration == "SKIPPED"
    assert not result.groupdq.any()


def test_switched_off_by_default():
    assert ChargeMigrationStep().skip is True
