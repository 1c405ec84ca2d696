"""The step: models in and out, applicability and errors (spec jump.md §3, §8, §10)."""

from __future__ import annotations

import numpy as np
import pytest

GROUP_TIME = 10.0


@pytest.fixture(autouse=True)
def _no_crds(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


def place(model, *, corner=(1, 1), shape=(7, 7)):
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCA1"
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    return model


def make_ramp(ngroups=10, *, height=500.0, at=(3, 3), group=5, shape=(7, 7)):
    from stdatamodels.jwst.datamodels import RampModel

    data = np.broadcast_to(10.0 * np.arange(ngroups)[:, None, None], (1, ngroups, *shape)).astype(np.float32)
    data[0, group:, at[0], at[1]] += height
    model = place(RampModel(data=data), shape=shape)
    exposure = model.meta.exposure
    exposure.type, exposure.group_time, exposure.nframes = "NRC_IMAGE", GROUP_TIME, 1
    exposure.nints, exposure.ngroups = 1, ngroups
    model.meta.observation.date, model.meta.observation.time = "2024-01-01", "00:00:00"
    return model


def references(gain=1.0, readnoise=10.0, *, corner=(1, 1), shape=(7, 7)):
    from stdatamodels.jwst.datamodels import GainModel, ReadnoiseModel

    plane = np.ones(shape, np.float32)
    where = {"corner": corner, "shape": shape}
    return {
        "override_gain": place(GainModel(data=plane * np.float32(gain)), **where),
        "override_readnoise": place(ReadnoiseModel(data=plane * np.float32(readnoise)), **where),
    }


def call(model, **parameters):
    """Run `process` itself: what a run adds to it needs a CRDS context and is tested with the framework."""
    from jwst.jump import JumpStep

    return JumpStep(**(references() | parameters)).process(model)


def test_hit_and_its_neighbours_are_flagged_in_a_copy():
    model = make_ramp()
    result = call(model)
    assert np.count_nonzero(result.groupdq) == 5
    assert not model.groupdq.any()
    assert result.meta.cal_step.jump == "COMPLETE"
    assert result.meta.exposure.primary_cosmic_rays == pytest.approx(0.226757, rel=1e-5)
    assert result.meta.exposure.extended_emission_events == 0
    np.testing.assert_array_equal(result.data, model.data)


def test_step_agrees_with_core():
    from jwst.jump.jump import Detector, JumpParameters, detect_jumps

    model = make_ramp(at=(0, 6), height=70.0)
    flags, pixeldq = np.zeros(model.data.shape, np.uint8), np.zeros((7, 7), np.uint32)
    plane = np.ones((7, 7), np.float32)
    detect_jumps(
        model.data.copy(), flags, pixeldq=pixeldq, detector=Detector(plane, plane * 10, 1), parameters=JumpParameters()
    )
    result = call(model)
    np.testing.assert_array_equal(result.groupdq, flags)
    assert flags[0, 5, 0, 6] == 4


@pytest.mark.parametrize("cores", ["none", "2", "all"])
def test_cores_change_nothing(cores):
    np.testing.assert_array_equal(call(make_ramp(), maximum_cores=cores).groupdq, call(make_ramp()).groupdq)


def test_times_become_whole_groups():
    result = call(make_ramp(), after_jump_flag_dn1=100.0, after_jump_flag_time1=29.9, flag_4_neighbors=False)
    assert np.flatnonzero(result.groupdq[0, :, 3, 3]).tolist() == [5, 6, 7]


def test_references_are_cut_to_the_subarray():
    wide = references(corner=(1, 1), shape=(20, 20))
    for reference in wide.values():
        reference.data[3, 4] = np.nan
    model = place(make_ramp(), corner=(3, 2))
    result = call(model, **wide)
    assert np.argwhere(result.pixeldq).tolist() == [[2, 2]]
    assert np.isnan(wide["override_gain"].data[3, 4])


def test_exposure_outside_the_reference_is_an_error():
    with pytest.raises(ValueError, match="Bad reference file slice indexes"):
        call(place(make_ramp(), corner=(5, 5)))


def test_short_ramps_are_skipped():
    from stpipe.exceptions import Skip

    with pytest.raises(Skip, match="at least 3 groups"):
        call(make_ramp(2, group=1))


@pytest.mark.parametrize("name", ["group_time", "nframes"])
def test_missing_metadata_are_named(name):
    model = make_ramp()
    setattr(model.meta.exposure, name, None)
    with pytest.raises(TypeError, match=name):
        call(model)


def test_no_frames_is_an_error():
    model = make_ramp()
    model.meta.exposure.nframes = 0
    with pytest.raises(ValueError, match="positive number of frames"):
        call(model)


def test_no_core_is_an_error():
    with pytest.raises(ValueError, match="maximum_cores"):
        call(make_ramp(), maximum_cores="0")


def test_showers_are_flagged_by_the_step(caplog):
    model = make_ramp(12, height=0.0, shape=(40, 48))
    model.data[0, 6:, 10:26, 12:34] += 30
    wide = references(shape=(40, 48))
    result = call(model, find_showers=True, time_masked_after_shower=25.0, **wide)
    flagged = (result.groupdq[0] & 4).sum(axis=(1, 2))
    assert np.flatnonzero(flagged).tolist() == [6, 7, 8]
    assert result.meta.exposure.extended_emission_events > 0
    assert not call(model, find_showers=False, **wide).groupdq.any()
    short = make_ramp(8, height=0.0, shape=(40, 48))
    assert not call(short, find_showers=True, **wide).groupdq.any()
    assert "Not enough groups for the search for showers" in caplog.text


@pytest.mark.parametrize("gain", [np.nan, -1.0, 0.0])
def test_pixels_without_gain(gain):
    others = references(gain=gain)
    others["override_gain"].data[0, 0] = 1.0  # a reference that is NaN throughout is refused
    result = call(make_ramp(height=0.0), **others)
    assert result.pixeldq[0, 0] == 0
    assert (result.pixeldq.ravel()[1:] == 524289).all()
    assert not result.groupdq.any()
    assert result.meta.cal_step.jump == "COMPLETE"


def test_every_default_is_that_of_the_specification():
    from jwst.jump import JumpStep

    step = JumpStep()
    assert step.rejection_threshold == 4.0
    assert (step.min_jump_to_flag_neighbors, step.max_jump_to_flag_neighbors) == (10.0, 1000.0)
    assert (step.edge_size, step.sat_expand, step.max_extended_radius) == (25, 2, 200)
    assert step.maximum_cores == "1"
    assert not step.expand_large_events
