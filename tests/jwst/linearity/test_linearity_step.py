"""The linearity step on models in memory."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.linearity import LinearityStep


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def place(model, shape, corner=(1, 1)):
    model.meta.instrument.name = "NIRCAM"
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape[-2:]
    return model


def make_ramp(values, *, shape=(1, 1), nframes=1, corner=(1, 1)):
    data = np.array(values, np.float32)[None, :, None, None] * np.ones((1, 1, *shape), np.float32)
    model = place(datamodels.RampModel(data=data), shape, corner)
    model.meta.exposure.type, model.meta.exposure.nframes = "NRC_IMAGE", nframes
    return model


def make_reference(forward, inverse=None, *, shape=(1, 1)):
    plane = np.ones(shape, np.float32)
    model = datamodels.LinearityModel(coeffs=np.array(forward, np.float32)[:, None, None] * plane)
    model.dq = np.zeros(shape, np.uint32)
    if inverse is not None:
        model.inv_coeffs = np.array(inverse, np.float32)[:, None, None] * plane
    return place(model, shape)


FORWARD, INVERSE = (0, 1, 2e-6), (0, 1, -2e-6, 8e-12)
RISING = (1000, 5000, 9000, 13000, 17000)
PLAIN = [1002, 5050, 9162, 13338, 17578]
READS = [1004.621, 5052.538, 9164.461, 13340.389, 17580.322]


def test_reference_is_cut_and_the_input_is_not_changed():
    reference = make_reference((0, 1), shape=(8, 8))
    reference.coeffs[1] = np.arange(1, 65).reshape(8, 8)
    ramp = make_ramp([100], shape=(2, 2), corner=(3, 2))
    result = LinearityStep.call(ramp, override_linearity=reference)
    assert result.data[0, 0].tolist() == [[1100, 1200], [1900, 2000]]
    assert result.meta.cal_step.linearity == "COMPLETE"
    assert (ramp.data == 100).all()
    assert ramp.meta.cal_step.linearity is None


@pytest.mark.parametrize(
    ("nframes", "inverse", "read_times", "expected"),
    [(4, INVERSE, None, READS), (1, INVERSE, None, PLAIN), (4, None, None, PLAIN), (4, INVERSE, [[1.0]], PLAIN)],
)
def test_when_single_reads_are_corrected(nframes, inverse, read_times, expected):
    ramp = make_ramp(RISING, nframes=nframes)
    ramp.meta.exposure.groupgap = 1
    if read_times is not None:
        ramp.meta.exposure.read_times = read_times
    result = LinearityStep.call(ramp, override_linearity=make_reference(FORWARD, inverse))
    assert result.data.ravel().tolist() == pytest.approx(expected, abs=2e-3)


def test_one_group_is_corrected_plainly():
    result = LinearityStep.call(make_ramp([1000], nframes=4), override_linearity=make_reference(FORWARD, INVERSE))
    assert result.data.ravel().tolist() == pytest.approx([1002])


@pytest.mark.parametrize(
    ("bad", "expected"),
    [("forward", RISING), ("inverse", (1004.642, 5052.642, 9164.642, 13340.642, 17580.643))],
)
def test_unusable_polynomials_are_flagged(bad, expected):
    reference = make_reference(FORWARD, INVERSE)
    if bad == "forward":
        reference.coeffs[2] = np.nan
    else:
        reference.inv_coeffs[1] = 0
    result = LinearityStep.call(make_ramp(RISING, nframes=4), override_linearity=reference)
    assert result.pixeldq.tolist() == [[1048576]]
    assert result.data.ravel().tolist() == pytest.approx(expected, abs=2e-3)


def test_flags_of_the_reference_are_passed_on():
    reference = make_reference((0, 2))
    reference.dq[:] = 1114112
    result = LinearityStep.call(make_ramp([200]), override_linearity=reference)
    assert (result.data[0, 0, 0, 0], result.pixeldq[0, 0]) == (200, 1114112)


def test_zero_frame():
    ramp = make_ramp([100], shape=(2, 2))
    ramp.meta.exposure.zero_frame = True
    ramp.zeroframe = np.array([[[0, 10], [100, -5]]], np.float32)
    result = LinearityStep.call(ramp, override_linearity=make_reference((1, 1.1, 1e-3, 1e-6), shape=(2, 2)))
    assert result.zeroframe.ravel().tolist() == pytest.approx([0, 12.101, 122, -4.4751253])


def test_without_a_reference_the_step_is_skipped():
    result = LinearityStep.call(make_ramp([100]), override_linearity="N/A")
    assert result.meta.cal_step.linearity == "SKIPPED"
    assert result.data[0, 0, 0, 0] == 100
