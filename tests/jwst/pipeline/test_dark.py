"""Order, statuses, names and refusals of calwebb_dark."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.pipeline import DarkPipeline
from jwst.pipeline.ramp_pipeline import steps_to_linearity
from stpipe.exceptions import InputError, NotBuiltError, ParameterError

NEAR_INFRARED = ["group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity"]
MIRI = [
    "group_scale",
    "dq_init",
    "emicorr",
    "saturation",
    "ipc",
    "firstframe",
    "lastframe",
    "reset",
    "linearity",
    "rscd",
]
OFF = {"skip": True}
DETECTORS = {"NIRCAM": "NRCA1", "NIRSPEC": "NRS1", "NIRISS": "NIS", "FGS": "GUIDER1", "MIRI": "MIRIMAGE"}
TYPES = {"NIRCAM": "NRC_DARK", "NIRSPEC": "NRS_DARK", "NIRISS": "NIS_DARK", "FGS": "FGS_DARK", "MIRI": "MIR_DARKIMG"}


def make_dark(instrument="NIRCAM", shape=(2, 6, 8, 8)):
    rise = np.arange(1, shape[1] + 1, dtype=np.float32)[:, None, None]
    ramp = datamodels.RampModel(np.zeros(shape, np.float32) + 1000 + rise)
    meta = ramp.meta
    meta.instrument.name, meta.instrument.detector = instrument, DETECTORS[instrument]
    meta.exposure.type, meta.exposure.readpatt = TYPES[instrument], "RAPID"
    meta.exposure.nints, meta.exposure.ngroups = shape[:2]
    meta.exposure.nframes = meta.exposure.frame_divisor = 1
    meta.exposure.noutputs, meta.exposure.groupgap = 1, 0
    meta.subarray.name = "SUB64"
    meta.subarray.xstart, meta.subarray.ystart = 101, 201
    meta.subarray.ysize, meta.subarray.xsize = shape[-2:]
    meta.subarray.fastaxis, meta.subarray.slowaxis = (1, 2)
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    meta.filename = "jw001_dark_uncal.fits"
    return ramp


def put(model, instrument="NIRCAM"):
    """Give a reference the place of the exposure."""
    meta = model.meta
    meta.instrument.name = instrument
    meta.subarray.xstart, meta.subarray.ystart = 101, 201
    meta.subarray.xsize = meta.subarray.ysize = 8
    return model


def references(instrument="NIRCAM"):
    """Sub-step sections with references that do something that is easy to see."""
    mask = np.zeros((8, 8), np.uint32)
    mask[:, :2], mask[3, 3] = 2**31, 1
    coeffs = np.zeros((3, 8, 8), np.float32)
    coeffs[1] = 2
    found = {
        "dq_init": {"override_mask": put(datamodels.MaskModel(dq=mask), instrument)},
        "saturation": {
            "override_saturation": put(datamodels.SaturationModel(data=np.full((8, 8), 60000, np.float32)), instrument),
            "override_superbias": "N/A",
        },
        "ipc": OFF,
        "superbias": {
            "override_superbias": put(datamodels.SuperBiasModel(data=np.full((8, 8), 990, np.float32)), instrument)
        },
        "refpix": {"override_refpix": "N/A", "override_sirskernel": "N/A"},
        "linearity": {"override_linearity": put(datamodels.LinearityModel(coeffs=coeffs), instrument)},
        "reset": {"override_reset": "N/A"},
        "rscd": {"override_rscd": "N/A"},
    }
    used = steps_to_linearity(instrument)
    return {key: value for key, value in found.items() if key in used}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds.invalid")
    monkeypatch.setattr(DarkPipeline, "prefetch_references", False)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda: sorted(path.name for path in tmp_path.iterdir())


@pytest.fixture
def calls(monkeypatch):
    """Replace the work of every step by a note of its name."""
    noted = []

    def work(step, model):
        noted.append(step.name)
        return step.complete(model)

    for step_class in DarkPipeline.step_defs.values():
        monkeypatch.setattr(step_class, "process", work)
    return noted


@pytest.mark.parametrize("instrument", ["NIRCAM", "NIRSPEC", "NIRISS", "FGS"])
def test_order_near_infrared(calls, instrument):
    DarkPipeline().run(make_dark(instrument))
    assert calls == NEAR_INFRARED


def test_order_miri(calls):
    DarkPipeline(steps={"emicorr": {"skip": False}, "firstframe": {"skip": False}}).run(make_dark("MIRI"))
    assert calls == MIRI


def test_what_is_switched_off_by_default():
    assert {key for key, step in DarkPipeline().sub_steps().items() if step.skip} == {"emicorr", "firstframe"}


def test_near_infrared_statuses_and_result():
    raw = make_dark()
    result = DarkPipeline(steps=references()).run(raw)
    status = result.meta.cal_step
    done = (status.group_scale, status.dq_init, status.saturation, status.superbias, status.refpix, status.linearity)
    assert done == ("SKIPPED", *["COMPLETE"] * 5)
    assert status.ipc == "SKIPPED"
    assert status.reset is status.rscd is status.emicorr is status.firstframe is status.lastframe is None
    assert status.jump is status.ramp_fit is status.dark_sub is status.gain_scale is None
    assert type(result) is datamodels.RampModel
    assert result.data.shape == raw.data.shape
    assert (raw.data[:, 0] == 1001).all(), "the input of the caller was changed"
    assert raw.meta.cal_step.instance == {}
    assert not result.data.any(), "every group is constant, so that refpix leaves nothing"
    assert result.pixeldq[3, 3] & 1
    assert (result.groupdq[:, :, 3, 3] & 1).all()


def test_superbias_comes_before_linearity():
    steps = {**references(), "refpix": OFF}
    result = DarkPipeline(steps=steps).run(make_dark())
    np.testing.assert_array_equal(result.data[1, :, 4, 4], 2 * (np.arange(1, 7) + 10))


def test_miri_never_subtracts_a_superbias():
    steps = {**references("MIRI"), "lastframe": {"skip": False}}
    result = DarkPipeline(steps=steps).run(make_dark("MIRI"))
    status = result.meta.cal_step
    assert status.superbias is status.refpix is None
    assert status.linearity == status.lastframe == "COMPLETE"
    assert status.emicorr == status.firstframe == status.reset == status.rscd == "SKIPPED"
    np.testing.assert_array_equal(result.data[0, :, 4, 4], 2 * (np.arange(1, 7) + 1000))
    assert (result.groupdq[:, -1] & 1).all()


@pytest.mark.parametrize("instrument", ["NIRCAM", "MIRI"])
def test_with_all_steps_off_the_output_is_the_input(instrument):
    raw = make_dark(instrument)
    result = DarkPipeline(steps=dict.fromkeys(DarkPipeline.step_defs, OFF)).run(raw)
    np.testing.assert_array_equal(result.data, raw.data)
    assert not result.pixeldq.any()
    assert not result.groupdq.any()
    assert {getattr(result.meta.cal_step, key) for key in steps_to_linearity(instrument)} == {"SKIPPED"}


def test_parameters_of_steps_arrive():
    steps = references()
    steps["refpix"] = {**steps["refpix"], "odd_even_columns": False}
    pipeline = DarkPipeline(steps=steps)
    assert pipeline.refpix.odd_even_columns is False
    assert pipeline.run(make_dark()).meta.cal_step.refpix == "COMPLETE"


@pytest.mark.parametrize(
    ("options", "name"),
    [({}, "jw001_dark_darkpipeline.fits"), ({"suffix": "dark"}, "jw001_dark.fits")],
    ids=["default", "dark"],
)
def test_name_of_the_product(calls, here, options, name):
    raw = make_dark()
    raw.meta.filename = "jw001_dark_uncal.fits" if not options else "jw001_uncal.fits"
    DarkPipeline.call(raw, save_results=True, **options)
    assert here() == [name]
    with datamodels.open(name) as saved:
        assert type(saved) is datamodels.RampModel
        assert saved.meta.filename == name
        assert saved.meta.calibration_software_version is not None
        assert any("Starting calwebb_dark" in line for line in saved.cal_logs.calwebb_dark)


def test_nothing_is_saved_unless_asked_for(calls, here):
    DarkPipeline.call(make_dark())
    assert here() == []


def test_steps_save_their_results(calls, here):
    DarkPipeline(steps={"linearity": {"save_results": True}}).run(make_dark())
    assert here() == ["jw001_dark_linearity.fits"]


def test_from_a_file(calls, here):
    make_dark().save("a_uncal.fits")
    assert type(DarkPipeline.call("a_uncal.fits")) is datamodels.RampModel
    assert calls == NEAR_INFRARED


def test_a_skipped_step_asks_for_no_reference():
    pipeline = DarkPipeline(steps={"ipc": OFF})
    assert "ipc" not in pipeline.reference_file_types
    pipeline._instrument = "NIRCAM"
    assert pipeline.reference_file_types == ["linearity", "mask", "saturation", "superbias"]
    pipeline._instrument = "MIRI"
    assert pipeline.reference_file_types == ["linearity", "mask", "reset", "rscd", "saturation", "superbias"]
    pipeline._instrument = "NIRSPEC"
    assert "refpix" in pipeline.reference_file_types


def test_references_are_looked_up_for_the_instrument(monkeypatch):
    asked = []
    monkeypatch.setattr(DarkPipeline, "prefetch_references", True)
    monkeypatch.setattr("stpipe.references.prefetch", lambda step, *args: asked.append(step.reference_file_types))
    monkeypatch.setattr(DarkPipeline, "process", lambda self, model: model)
    pipeline = DarkPipeline(steps={"ipc": OFF})
    pipeline.run(make_dark("FGS"))
    assert asked == [["linearity", "mask", "saturation", "superbias"]]
    assert pipeline._instrument is None, "the next exposure may be of another instrument"


def test_plan_follows_the_instrument(here):
    make_dark("MIRI").save("a_uncal.fits")
    plan = DarkPipeline.plan("a_uncal.fits", save_results=True, suffix="dark", steps={"ipc": OFF})
    assert [step.key for step in plan.step.steps] == MIRI
    assert set(plan.step.unused) == {"superbias", "refpix"}
    assert [product.path for product in plan.products] == ["a_dark.fits"]


@pytest.mark.parametrize("exp_type", ["FGS_ACQ1", "FGS_ID-STACK"])
def test_guide_stars_are_refused(calls, exp_type):
    raw = datamodels.GuiderRawModel(np.zeros((2, 2, 8, 8), np.float32))
    raw.meta.instrument.name, raw.meta.exposure.type = "FGS", exp_type
    with pytest.raises(InputError, match="calwebb_guider"):
        DarkPipeline().run(raw)
    assert calls == []


def test_raw_integers_in_memory_are_refused(calls):
    raw = datamodels.Level1bModel(np.zeros((1, 2, 8, 8), np.uint16))
    raw.meta.instrument.name, raw.meta.exposure.type = "NIRCAM", "NRC_DARK"
    with pytest.raises(TypeError, match="should be opened as a RampModel"):
        DarkPipeline().run(raw)


def test_an_image_is_no_ramp(calls):
    image = datamodels.ImageModel(np.zeros((8, 8), np.float32))
    image.meta.instrument.name, image.meta.exposure.type = "NIRCAM", "NRC_DARK"
    with pytest.raises(InputError, match="no ramp"):
        DarkPipeline().run(image)


def test_a_file_that_is_not_there(here):
    with pytest.raises(FileNotFoundError):
        DarkPipeline.call("nothing_uncal.fits")


def test_unknown_parameters_are_refused():
    with pytest.raises(ParameterError, match="dark_current"):
        DarkPipeline(steps={"dark_current": OFF})


def test_one_group_is_enough(caplog):
    caplog.set_level(logging.INFO, logger="jwst")
    result = DarkPipeline(steps=references()).run(make_dark(shape=(1, 1, 8, 8)))
    assert result.data.shape == (1, 1, 8, 8)
    assert "Ending calwebb_dark" in caplog.text


def test_what_is_not_built_is_refused_before_anything_runs(calls, monkeypatch):
    refpix = DarkPipeline.step_defs["refpix"]
    monkeypatch.setattr(refpix, "planned_refusal", lambda step, parameters: "refpix cannot do that")
    with pytest.raises(NotBuiltError, match="refpix cannot do that"):
        DarkPipeline().run(make_dark())
    assert calls == []
