"""The persistence step on models in memory: flags, the trap model, and the files that chain exposures."""

from __future__ import annotations

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.persistence import PersistenceStep

TYPES = ["trapdensity", "trappars", "persat"]
PARAMETERS = [(100.0, -0.01, 10.0, -0.005)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.chdir(tmp_path)


def place(model, shape, corner=(1, 1)):
    model.meta.instrument.name, model.meta.instrument.detector = "NIRCAM", "NRCALONG"
    model.meta.subarray.xstart, model.meta.subarray.ystart = corner
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape[-2:]
    return model


def make_ramp(values, *, shape=(4, 4), corner=(1, 1), **exposure):
    data = np.array(values, np.float32, ndmin=2)[:, :, None, None] * np.ones(shape, np.float32)
    model = place(datamodels.RampModel(data=data), shape, corner)
    meta = {
        "type": "NRC_IMAGE",
        "group_time": 10.0,
        "frame_time": 2.0,
        "integration_time": 60.0,
        "nresets_at_start": 1,
        "nresets_between_ints": 1,
        "start_time": 60000.0,
        "end_time": 60000.01,
    }
    for key, value in (meta | exposure).items():
        setattr(model.meta.exposure, key, value)
    model.meta.filename = "jw1_uncal.fits"
    return model


def overrides(shape=(4, 4), corner=(1, 1)):
    names = ("capture0", "capture1", "capture2", "decay_param")
    table = np.array(PARAMETERS, dtype=[(name, "f8") for name in names])
    ones, flags = np.ones(shape, np.float32), np.zeros(shape, np.uint32)
    return {
        "algorithm": "traps",
        "override_trapdensity": place(datamodels.TrapDensityModel(data=ones, dq=flags), shape, corner),
        "override_persat": place(datamodels.PersistenceSatModel(data=ones * 1000, dq=flags), shape, corner),
        "override_trappars": datamodels.TrapParsModel(trappars_table=table),
    }


def make_map(value, *, shape=(4, 4), corner=(1, 1), end_time=60000.0, path="map.fits"):
    model = place(datamodels.TrapsFilledModel(data=np.full((1, *shape), value, np.float32)), shape, corner)
    model.meta.exposure.end_time = end_time
    model.save(path)
    return path


def about(values):
    return pytest.approx(values, rel=1e-5)


def test_flags_and_file(tmp_path):
    ramp = make_ramp(np.zeros((2, 5)))
    ramp.groupdq[0, 2:] = 2
    first = PersistenceStep.call(ramp, persistence_time=200, save_persistence="pa.fits")
    assert first.groupdq[0, :, 0, 0].tolist() == [0, 0, 34, 34, 34]
    assert first.meta.cal_step.persistence == "COMPLETE"
    assert not (ramp.groupdq & 32).any()
    assert (tmp_path / "pa.asdf").exists()
    later = make_ramp(np.zeros((2, 5)), start_time=60000 + 130 / 86400)
    second = PersistenceStep.call(later, persistence_time=200, persistence_array_file="pa.asdf")
    assert second.groupdq[:, :, 0, 0].tolist() == [[32] * 5, [32, 32, 32, 0, 0]]
    other = PersistenceStep.call(later, persistence_time=100, persistence_array_file="pa.asdf")
    assert not other.groupdq.any()


@pytest.mark.parametrize("seconds", [None, 0, -5])
def test_no_time_fails(seconds):
    result = PersistenceStep.call(make_ramp([0, 0]), persistence_time=seconds)
    assert result.meta.cal_step.persistence == "FAILED"


def test_times_of_integrations_come_from_the_table():
    ramp = make_ramp(np.zeros((2, 5)), start_time=None)
    ramp.groupdq[0, 4] = 2
    with pytest.raises(TypeError, match="start time"):
        PersistenceStep.call(ramp, persistence_time=200)
    times = np.zeros(2, ramp.get_dtype("int_times"))
    times["int_start_MJD_UTC"] = 60000.0, 60000.01
    ramp.int_times = times
    result = PersistenceStep.call(ramp, persistence_time=200)
    assert result.groupdq[0, 4, 0, 0] == 34
    assert not result.groupdq[1].any()


def test_skip_holds_for_a_direct_process():
    assert PersistenceStep().process(make_ramp([0, 0])).meta.cal_step.persistence == "SKIPPED"


def test_references_are_asked_for_by_the_trap_model_only():
    assert PersistenceStep.reference_file_types == TYPES
    assert PersistenceStep().reference_file_types == []
    assert PersistenceStep(algorithm="traps").reference_file_types == TYPES


def test_released_charge_is_subtracted(tmp_path):
    ramp = make_ramp([0] * 5)
    result = PersistenceStep.call(ramp, input_trapsfilled=make_map(1000), **overrides())
    assert result.data[0, :, 0, 0].tolist() == about([-48.770576, -95.16258, -139.29202, -181.26926, -221.19922])
    assert (result.pixeldq == 32).all()
    assert not result.groupdq.any()
    assert result.meta.cal_step.persistence == "COMPLETE"
    assert not ramp.data.any()
    assert [path.name for path in tmp_path.iterdir()] == ["map.fits"]


def test_chain_through_files(tmp_path):
    PersistenceStep.call(make_ramp([1200, 1400, 1600, 1800, 2100, 2300]), save_results=True, **overrides())
    path = tmp_path / "jw1_trapsfilled.fits"
    with datamodels.open(path) as traps:
        assert type(traps) is datamodels.TrapsFilledModel
        assert traps.data[0, 0, 0] == about(55.118835)
        assert traps.meta.exposure.end_time == 60000.01
        assert traps.meta.cal_step.persistence is None
        assert traps.meta.filename == path.name
    before = path.read_bytes()
    later = make_ramp([0, 0, 0], start_time=60000.0115)
    result = PersistenceStep.call(later, input_trapsfilled=str(path), **overrides())
    assert result.data[0, :, 0, 0].tolist() == about([-1.4061611, -2.743743, -4.0160904])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("parameters", "files"),
    [
        ({}, set()),
        ({"save_persistence": "true"}, set()),
        ({"save_results": True}, {"jw1_trapsfilled.fits", "jw1_persistencestep.fits"}),
        ({"save_results": True, "save_trapsfilled": False}, {"jw1_persistencestep.fits"}),
        (
            {"save_results": True, "save_persistence": "true"},
            {"jw1_trapsfilled.fits", "jw1_persistencestep.fits", "jw1_output_pers.fits"},
        ),
        ({"save_results": True, "save_persistence": "False"}, {"jw1_trapsfilled.fits", "jw1_persistencestep.fits"}),
    ],
)
def test_files(tmp_path, parameters, files):
    PersistenceStep.call(make_ramp([0, 0]), **parameters, **overrides())
    assert {path.name for path in tmp_path.iterdir()} == files


def test_subtracted_signal(tmp_path):
    arguments = {"input_trapsfilled": make_map(1000), "save_results": True, "save_persistence": "yes"}
    result = PersistenceStep.call(make_ramp([0] * 3), **arguments, **overrides())
    with datamodels.open(tmp_path / "jw1_output_pers.fits") as released:
        np.testing.assert_array_equal(released.data, -result.data)
        assert not released.pixeldq.any()
        assert released.meta.cal_step.persistence is None


def test_11_subarray_of_a_full_map(tmp_path):
    ramp = make_ramp([0, 100, 200, 300, 400], corner=(3, 2))
    PersistenceStep.call(ramp, save_results=True, **overrides((8, 8)))
    with datamodels.open(tmp_path / "jw1_trapsfilled.fits") as traps:
        expected = np.zeros((8, 8))
        expected[1:5, 2:6] = 10.478247
        assert traps.data[0] == about(expected)
        subarray = traps.meta.subarray
        assert (subarray.xstart, subarray.ystart, subarray.xsize, subarray.ysize) == (1, 1, 8, 8)


def test_11_the_map_ages_outside_the_subarray_too(tmp_path):
    times = {"frame_time": 5.0, "nresets_between_ints": 4}
    ramp = make_ramp(np.zeros((2, 5)), corner=(3, 2), **times)
    path = make_map(1000, shape=(8, 8))
    PersistenceStep.call(ramp, input_trapsfilled=path, save_results=True, **overrides((8, 8)))
    with datamodels.open(tmp_path / "jw1_trapsfilled.fits") as traps:
        assert traps.data[0] == about(np.full((8, 8), 548.8116))


@pytest.mark.parametrize("corner", [(3, 2), (1, 1)])
def test_full_map_with_the_keywords_of_a_subarray_lies_where_the_reference_lies(corner):
    path = make_map(1000, shape=(8, 8), corner=corner)
    ramp = make_ramp([0], corner=(3, 2))
    result = PersistenceStep.call(ramp, input_trapsfilled=path, **overrides((8, 8)))
    assert (result.data == result.data[0, 0, 0, 0]).all()
    assert result.data[0, 0, 0, 0] == about(-48.770576)


@pytest.mark.parametrize("missing", TYPES)
def test_missing_reference(missing, tmp_path, caplog):
    arguments = overrides() | {f"override_{missing}": "N/A"}
    result = PersistenceStep.call(make_ramp([0, 0]), input_trapsfilled=make_map(1000), **arguments)
    assert result.meta.cal_step.persistence == "SKIPPED"
    assert not result.data.any()
    assert missing.upper() in caplog.text
    assert not (tmp_path / "jw1_trapsfilled.fits").exists()


def test_other_detector_and_wrong_order_are_told(caplog):
    path = make_map(1000, end_time=60000.005)
    with datamodels.open(path) as traps:
        traps.meta.instrument.detector = "NRCBLONG"
        traps.save(path)
    PersistenceStep.call(make_ramp([0]), input_trapsfilled=path, **overrides())
    assert "NRCBLONG" in caplog.text
    assert "432.0 s after the start" in caplog.text


@pytest.mark.parametrize(
    ("path", "error"), [("absent.fits", FileNotFoundError), ("absent", ValueError), ("outside.fits", ValueError)]
)
def test_unusable_maps(path, error):
    if path == "outside.fits":
        make_map(1, shape=(2, 2), path=path)
    with pytest.raises(error):
        PersistenceStep.call(make_ramp([0]), input_trapsfilled=path, **overrides())


def test_map_without_an_end_time():
    with pytest.raises(TypeError, match="EXPEND"):
        PersistenceStep.call(make_ramp([0]), input_trapsfilled=make_map(1, end_time=None), **overrides())


@pytest.mark.parametrize("key", ["group_time", "frame_time", "nresets_at_start", "nresets_between_ints"])
def test_missing_times(key):
    with pytest.raises(TypeError, match="trap model needs"):
        PersistenceStep.call(make_ramp(np.zeros((2, 1)), **{key: None}), **overrides())


def test_resets_between_are_not_needed_for_one_integration():
    result = PersistenceStep.call(make_ramp([0], nresets_between_ints=None), **overrides())
    assert result.meta.cal_step.persistence == "COMPLETE"


@pytest.mark.parametrize("text", ["", "None"])
def test_no_map(text):
    result = PersistenceStep.call(make_ramp([50, 100]), input_trapsfilled=text, **overrides())
    assert result.data[0, :, 0, 0].tolist() == [50, 100]
