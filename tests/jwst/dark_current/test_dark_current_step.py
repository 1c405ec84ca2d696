"""The dark-current step on models in memory."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.dark_current import DarkCurrentStep

SQUARES = [k * k for k in range(12)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def make_ramp(ngroups, *, nints=1, nframes=1, groupgap=0, instrument="NIRCAM"):
    model = datamodels.RampModel(data=np.zeros((nints, ngroups, 2, 2), np.float32))
    model.meta.instrument.name, model.meta.instrument.detector = instrument, "NRCA1"
    model.meta.exposure.type = "MIR_IMAGE" if instrument == "MIRI" else "NRC_IMAGE"
    model.meta.exposure.nframes, model.meta.exposure.groupgap = nframes, groupgap
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.xsize = model.meta.subarray.ysize = 2
    return model


def make_dark(values, *, nframes=1, groupgap=0):
    """A near-infrared dark of a list of values, a MIRI dark of a list of lists."""
    values = np.array(values, np.float32)
    data = values[..., None, None] * np.ones((2, 2), np.float32)
    if values.ndim == 2:
        dark = datamodels.DarkMIRIModel(data=data, dq=np.zeros((len(data), 1, 2, 2), np.uint32))
    else:
        dark = datamodels.DarkModel(data=data, dq=np.zeros((2, 2), np.uint32))
    dark.meta.exposure.nframes, dark.meta.exposure.groupgap = nframes, groupgap
    return dark


def subtracted(ramp, dark, **parameters):
    """What was subtracted from each group of a pixel; one list for each integration."""
    result = DarkCurrentStep.call(ramp, override_dark=dark, **parameters)
    return (-result.data[:, :, 1, 1]).tolist(), result


@pytest.mark.parametrize(
    ("ngroups", "nframes", "groupgap", "expected"), [(3, 2, 1, [0.5, 12.5, 42.5]), (3, 1, 2, [0, 9, 36])]
)
def test_sampling(ngroups, nframes, groupgap, expected):
    ramp = make_ramp(ngroups, nframes=nframes, groupgap=groupgap)
    values, result = subtracted(ramp, make_dark(SQUARES))
    assert values == [expected]
    assert result.meta.cal_step.dark_sub == "COMPLETE"
    assert not ramp.data.any()


def test_nan_and_flags():
    dark = make_dark([1, 2, 4, 8, 16])
    dark.data[1, 0, 1] = np.nan
    dark.dq[0, 1] = 2048
    ramp = make_ramp(3)
    ramp.data += np.array([100, 200, 300], np.float32)[:, None, None]
    result = DarkCurrentStep.call(ramp, override_dark=dark)
    assert result.data[0, :, 0].T.tolist() == [[99, 198, 296], [99, 200, 296]]
    assert result.pixeldq.tolist() == [[0, 2048], [0, 0]]
    assert np.isnan(dark.data[1, 0, 1])


@pytest.mark.parametrize(("nframes", "groupgap", "dark"), [(2, 0, (4, 0)), (2, 0, (1, 1))])
def test_coarser_dark_is_skipped_but_the_average_is_set(nframes, groupgap, dark):
    ramp = make_ramp(3, nframes=nframes, groupgap=groupgap)
    reference = make_dark(SQUARES, nframes=dark[0], groupgap=dark[1])
    values, result = subtracted(ramp, reference, average_dark_current=0.7)
    assert not np.any(values)
    assert result.meta.cal_step.dark_sub == "SKIPPED"
    assert (result.average_dark_current == np.float32(0.7)).all()


def test_average_dark_current():
    dark = make_dark(SQUARES)
    dark.meta.exposure.average_dark_current = 0.02
    assert (subtracted(make_ramp(3), dark)[1].average_dark_current == np.float32(0.02)).all()
    dark.average_dark_current = np.zeros((2, 2), np.float32)
    assert (subtracted(make_ramp(3), dark)[1].average_dark_current == np.float32(0.02)).all()
    dark.average_dark_current = np.full((2, 2), 0.5, np.float32)
    assert subtracted(make_ramp(3), dark)[1].average_dark_current is None
    ramp = make_ramp(3)
    ramp.average_dark_current = np.zeros((2, 2), np.float32)
    assert (subtracted(ramp, dark)[1].average_dark_current == 0.5).all()
    assert (subtracted(ramp, dark, average_dark_current=0.7)[1].average_dark_current == np.float32(0.7)).all()


def test_short_dark():
    assert subtracted(make_ramp(6), make_dark([1, 3, 6, 10]))[0] == [[1, 3, 6, 10, 14, 18]]
    with pytest.raises(IndexError, match="two groups"):
        subtracted(make_ramp(3), make_dark([1]))


MIRI = [[1, 2, 3, 4], [10, 20, 30, 40]]


@pytest.mark.parametrize(
    ("nints", "ngroups", "nframes", "start", "expected"),
    [
        (3, 3, 1, None, [[1, 2, 3], [10, 20, 30], [10, 20, 30]]),
        (2, 3, 1, 4, [[10, 20, 30], [10, 20, 30]]),
        (2, 3, 1, 1, [[1, 2, 3], [10, 20, 30]]),
        (2, 6, 1, None, [[1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]]),
        (2, 2, 2, None, [[1.5, 3.5], [15, 35]]),
        (2, 2, 2, 4, [[15, 35], [15, 35]]),
        (1, 2, 2, 3, [[0, 0]]),
    ],
)
def test_miri(nints, ngroups, nframes, start, expected):
    ramp = make_ramp(ngroups, nints=nints, nframes=nframes, instrument="MIRI")
    ramp.meta.exposure.integration_start = start
    dark = make_dark(MIRI)
    dark.dq[0, 0, 0, 0], dark.dq[1, 0, 0, 0] = 4, 8
    values, result = subtracted(ramp, dark)
    assert values == expected
    assert result.pixeldq.tolist() == [[12, 0], [0, 0]]


def test_zero_frame_is_left_alone():
    ramp = make_ramp(3)
    ramp.meta.exposure.zero_frame = True
    ramp.zeroframe = np.full((1, 2, 2), 5, np.float32)
    assert (subtracted(ramp, make_dark(SQUARES))[1].zeroframe == 5).all()


@pytest.mark.parametrize(("nframes", "expected", "meta"), [(2, [0.5, 6.5, 20.5], (2, 3, 0)), (1, SQUARES, (1, 12, 0))])
def test_dark_output(tmp_path, nframes, expected, meta):
    path = tmp_path / "used.fits"
    subtracted(
        make_ramp(3, nframes=nframes),
        make_dark(SQUARES),
        dark_output=str(path),
        output_dir=str(tmp_path),
        save_results=False,
    )
    with datamodels.open(path) as dark:
        assert type(dark) is datamodels.DarkModel
        assert dark.data[:, 0, 0].tolist() == expected
        assert dark.dq.shape == (2, 2)
        exposure = dark.meta.exposure
        assert (exposure.nframes, exposure.ngroups, exposure.groupgap) == meta


def test_dark_output_of_miri(tmp_path):
    path = tmp_path / "used.fits"
    ramp = make_ramp(2, nints=1, nframes=2, instrument="MIRI")
    subtracted(ramp, make_dark(MIRI), dark_output=str(path), output_dir=str(tmp_path), save_results=False)
    with datamodels.open(path) as dark:
        assert type(dark) is datamodels.DarkMIRIModel
        assert dark.data[:, :, 0, 0].tolist() == [[1.5, 3.5], [0, 0]]


def test_without_a_reference_the_step_is_skipped():
    result = DarkCurrentStep.call(make_ramp(3), override_dark="N/A")
    assert result.meta.cal_step.dark_sub == "SKIPPED"
    assert result.average_dark_current is None
