"""The reset step: equal to the released pipeline (vectors made by tests/parity/make_miri.py), and odd references."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.reset import ResetStep
from stpipe.exceptions import InputError
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


def reference(shape=(2, 3, 2, 2), **stated):
    model = datamodels.ResetModel(data=np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    model.dq = np.zeros(shape[-2:], np.uint32)
    model.meta.exposure.nints = stated.get("nints", shape[0])
    model.meta.exposure.ngroups = stated.get("ngroups", shape[1])
    return model


def exposure(nints=3, ngroups=4, shape=(2, 2)):
    return MIRI.ramp(np.full((nints, ngroups, *shape), 100.0))


@pytest.mark.parametrize("as_file", [False, True], ids=["model", "file"])
@pytest.mark.parametrize("name", MIRI.CASES["reset"])
def test_equal_to_the_released_pipeline(name, as_file, tmp_path):
    model, references, _ = MIRI.exposure("reset", name, **MIRI.CASES["reset"][name])
    source = references["reset"]
    if as_file:
        source = str(tmp_path / "reset.fits")
        references["reset"].save(source)
    before = references["reset"].data.copy()
    result = ResetStep.call(model, override_reset=source)
    MIRI.check(result, "reset", name)
    np.testing.assert_array_equal(references["reset"].data, before, "the reference was changed")


def test_flags_of_the_reference_are_passed_on():
    source = reference()
    source.dq[0, 1] = 8
    assert ResetStep.call(exposure(), override_reset=source).pixeldq.tolist() == [[0, 8], [0, 0]]


def test_the_metadata_of_the_reference_say_how_much_of_it_counts():
    result = ResetStep.call(exposure(nints=2), override_reset=reference(nints=1, ngroups=2))
    assert result.data[:, :, 0, 0].tolist() == [[100, 96, 100, 100]] * 2
    result = ResetStep.call(exposure(nints=2), override_reset=reference(nints=None, ngroups=99))
    assert result.data[:, :, 0, 0].tolist() == [[100, 96, 92, 100], [88, 84, 80, 100]]


def test_other_instruments_are_skipped_before_a_reference_is_looked_for():
    model = exposure()
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    result = ResetStep.call(model)
    assert result.meta.cal_step.reset == "SKIPPED"
    assert (result.data == 100).all()


def test_without_a_reference_it_is_skipped():
    result = ResetStep.call(exposure(), override_reset="N/A")
    assert result.meta.cal_step.reset == "SKIPPED"
    assert (result.data == 100).all()


@pytest.mark.parametrize("shape", [(3, 3), (2, 3)])
def test_a_reference_of_another_subarray_is_refused_and_nothing_changed(shape):
    model = exposure(shape=shape)
    with pytest.raises(InputError, match=r"\(2, 2\).*override_reset"):
        ResetStep.call(model, override_reset=reference())
    assert (model.data == 100).all()


def test_a_reference_of_three_axes_is_refused():
    source = datamodels.DarkModel(data=np.zeros((3, 2, 2), np.float32))
    with pytest.raises(InputError, match="4-D"):
        ResetStep.call(exposure(), override_reset=source)


def test_one_group():
    assert ResetStep.call(exposure(1, 1), override_reset=reference()).data[0, 0].tolist() == [[100, 99], [98, 97]]
