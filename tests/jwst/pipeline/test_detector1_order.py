"""Order of the steps of calwebb_detector1, what is refused, and which products are named and saved how."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.pipeline import Detector1Pipeline
from jwst.pipeline.calwebb_detector1 import step_order
from jwst.stpipe.not_built import NotBuiltStep
from stpipe.exceptions import NotBuiltError, Skip

NEAR_INFRARED = ["group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity", "dark_current"]
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
    "dark_current",
    "refpix",
]
COMMON = ["charge_migration", "jump", "picture_frame", "clean_flicker_noise", "persistence"]
OFF = {"skip": True}
DETECTORS = {"NIRCAM": "NRCA1", "NIRSPEC": "NRS1", "NIRISS": "NIS", "FGS": "GUIDER1", "MIRI": "MIRIMAGE"}


def make_ramp(instrument="NIRCAM", nints=2):
    ramp = datamodels.RampModel(np.zeros((nints, 4, 8, 8), np.float32))
    ramp.meta.instrument.name = instrument
    ramp.meta.instrument.detector = DETECTORS[instrument]
    ramp.meta.exposure.type = {"MIRI": "MIR_IMAGE", "NIRISS": "NIS_IMAGE"}.get(instrument, "NRC_IMAGE")
    for name, value in {"group_time": 20.0, "frame_time": 10.0, "nframes": 1, "groupgap": 1}.items():
        setattr(ramp.meta.exposure, name, value)
    ramp.meta.filename = "jw001_nrca1_uncal.fits"
    return ramp


@pytest.fixture
def calls(monkeypatch):
    """Replace the work of every step by a note of its name; ramp_fit makes small rates."""
    noted = []

    def work(step, model):
        noted.append(step.name)
        return step.complete(model)

    def fit(step, ramp):
        noted.append(step.name)
        rate, rateints = datamodels.ImageModel((8, 8)), datamodels.CubeModel((ramp.shape[0], 8, 8))
        for product in (rate, rateints):
            product.update(ramp)
            step.complete(product)
        return rate, rateints

    for key, step_class in Detector1Pipeline.step_defs.items():
        if not issubclass(step_class, NotBuiltStep):
            monkeypatch.setattr(step_class, "process", fit if key == "ramp_fit" else work)
            monkeypatch.setattr(step_class, "planned_refusal", lambda step, parameters: "")
    monkeypatch.setattr(Detector1Pipeline, "prefetch_references", False)
    return noted


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda: sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("instrument", ["NIRCAM", "NIRSPEC", "NIRISS", "FGS"])
def test_order_near_infrared(calls, instrument):
    steps = {key: {"skip": False} for key in ("charge_migration", "persistence")}
    Detector1Pipeline(steps=steps).run(make_ramp(instrument))
    built = [key for key in COMMON if key not in ("picture_frame", "clean_flicker_noise")]
    assert calls == [*NEAR_INFRARED, *built, "ramp_fit", "gain_scale", "gain_scale"]


def test_order_miri(calls):
    Detector1Pipeline().run(make_ramp("MIRI"))
    built = [key for key in MIRI if key not in ("emicorr", "firstframe")]
    assert calls == [*built, "jump", "ramp_fit", "gain_scale", "gain_scale"]


def test_order_table():
    assert list(step_order("MIRI")) == MIRI + COMMON
    assert list(step_order("NIRCAM")) == list(step_order(None)) == NEAR_INFRARED + COMMON


@pytest.mark.parametrize("instrument", ["NIRCAM", "NIRISS", "FGS"])
def test_the_trap_model_runs_before_the_dark_is_subtracted(calls, instrument):
    persistence = {"skip": False, "algorithm": "traps"}
    Detector1Pipeline(steps={"persistence": persistence}).run(make_ramp(instrument))
    place = calls.index("persistence")
    assert calls[place - 1 : place + 2] == ["linearity", "persistence", "dark_current"]


@pytest.mark.parametrize("instrument", ["MIRI", "NIRSPEC"])
def test_the_trap_model_is_not_for_miri_and_nirspec(calls, instrument):
    steps = {"persistence": {"skip": False, "algorithm": "traps"}}
    result = Detector1Pipeline(steps=steps).run(make_ramp(instrument))
    assert "persistence" not in calls
    assert result.meta.cal_step.persistence is None


def test_skipped_by_default(calls):
    skipped = {key for key, step in Detector1Pipeline().sub_steps().items() if step.skip}
    assert skipped == {
        "emicorr",
        "firstframe",
        "persistence",
        "charge_migration",
        "picture_frame",
        "clean_flicker_noise",
    }


def without(*keys):
    """A pipeline that does not have some steps yet."""
    missing = {key: type("MissingStep", (NotBuiltStep,), {"__doc__": "Not built.", "class_alias": key}) for key in keys}
    defs = {"step_defs": {**Detector1Pipeline.step_defs, **missing}, "__doc__": "A pipeline with gaps."}
    return type("GappedPipeline", (Detector1Pipeline,), defs)


def test_missing_steps_are_refused_before_anything_runs(calls):
    with pytest.raises(NotBuiltError, match=r"reset, rscd\. Switch them off with") as info:
        without("reset", "rscd", "superbias")().run(make_ramp("MIRI"))
    assert calls == []
    assert "--steps.rscd.skip=true" in str(info.value)


def test_missing_steps_of_another_branch_do_not_matter(calls):
    assert without("reset", "rscd")().run(make_ramp("NIRCAM")) is not None


def test_status_keys(calls):
    rate = Detector1Pipeline().run(make_ramp())
    status = rate.meta.cal_step
    assert status.dq_init == status.dark_sub == status.gain_scale == "COMPLETE"
    assert status.persistence == status.clean_flicker_noise == "SKIPPED"
    assert status.reset is status.rscd is status.emicorr is None


def test_steps_share_one_model_and_the_input_stays(calls, monkeypatch):
    seen = []
    jump = Detector1Pipeline.step_defs["jump"]
    monkeypatch.setattr(jump, "process", lambda step, model: seen.append(model) or model)
    monkeypatch.setattr(
        Detector1Pipeline.step_defs["dq_init"], "process", lambda step, model: seen.append(model) or model
    )
    ramp = make_ramp()
    Detector1Pipeline().run(ramp)
    assert seen[0] is seen[1]
    assert seen[0] is not ramp
    assert ramp.meta.cal_step.instance == {}


@pytest.mark.parametrize("nints", [1, 2])
def test_products(calls, here, nints, caplog):
    caplog.set_level("INFO", logger="jwst")
    rate = Detector1Pipeline(save_results=True).run(make_ramp(nints=nints))
    assert here() == ["jw001_nrca1_rate.fits", "jw001_nrca1_rateints.fits"]
    assert isinstance(rate, datamodels.ImageModel)
    with datamodels.open("jw001_nrca1_rateints.fits") as rateints:
        assert isinstance(rateints, datamodels.CubeModel)
        assert rateints.meta.filename == "jw001_nrca1_rateints.fits"
        assert rateints.meta.cal_step.gain_scale == "COMPLETE"
        assert rateints.meta.calibration_software_version == rate.meta.calibration_software_version is not None
        assert any("Starting calwebb_detector1" in line for line in rateints.cal_logs.calwebb_detector1)
    assert any("Ending calwebb_detector1" in line for line in rate.cal_logs.calwebb_detector1)


def test_nothing_is_saved_unless_asked_for(calls, here):
    rate = Detector1Pipeline(save_calibrated_ramp=True).run(make_ramp())
    assert here() == []
    assert rate.meta.filename == "jw001_nrca1_uncal.fits"


@pytest.mark.parametrize("save", [{"save_results": True}, {"output_file": "foo.fits"}, {"output_dir": "."}])
def test_calibrated_ramp(calls, here, save):
    Detector1Pipeline(save_calibrated_ramp=True, **save).run(make_ramp())
    root = "foo" if "output_file" in save else "jw001_nrca1"
    assert here() == [f"{root}_{suffix}.fits" for suffix in ("ramp", "rate", "rateints")]


def test_suffix_is_decided_by_the_pipeline(calls, here):
    Detector1Pipeline(save_results=True, suffix="zzz").run(make_ramp())
    assert here() == ["jw001_nrca1_rate.fits", "jw001_nrca1_rateints.fits"]


def test_without_ramp_fit_the_ramp_is_the_product(calls, here):
    result = Detector1Pipeline(save_results=True, steps={"ramp_fit": OFF}).run(make_ramp())
    assert here() == ["jw001_nrca1_ramp.fits"]
    assert isinstance(result, datamodels.RampModel)
    assert result.meta.cal_step.ramp_fit == "SKIPPED"


def test_ramp_fit_without_references(calls, here, monkeypatch):
    def no_reference(step, ramp):
        raise Skip("there is no GAIN reference")

    monkeypatch.setattr(Detector1Pipeline.step_defs["ramp_fit"], "process", no_reference)
    result = Detector1Pipeline(save_results=True).run(make_ramp())
    assert here() == ["jw001_nrca1_ramp.fits"]
    assert result.meta.cal_step.ramp_fit == "SKIPPED"


def test_nothing_to_fit(calls, here, monkeypatch):
    monkeypatch.setattr(Detector1Pipeline.step_defs["ramp_fit"], "process", lambda step, ramp: (None, None))
    assert Detector1Pipeline(save_results=True, save_calibrated_ramp=False).run(make_ramp()) is None
    assert here() == []
    assert "gain_scale" not in calls


def test_products_of_steps(calls, here):
    steps = {key: {"save_results": True} for key in ("jump", "ramp_fit", "gain_scale")}
    Detector1Pipeline(steps=steps).run(make_ramp())
    names = ("0_ramp_fit", "1_ramp_fit", "gain_scale", "gain_scaleints", "jump")
    assert here() == [f"jw001_nrca1_{name}.fits" for name in names]


def test_references_wanted(calls):
    pipe = Detector1Pipeline()
    assert {"superbias", "rscd", "sirskernel"} <= set(pipe.reference_file_types)
    pipe._instrument = "NIRCAM"
    wanted = set(pipe.reference_file_types)
    assert not {"rscd", "reset", "emicorr", "flat", "pictureframe", "trappars", "refpix", "sirskernel"} & wanted
    assert {"mask", "superbias", "dark", "gain", "readnoise"} <= wanted
    pipe._instrument = "NIRSPEC"
    pipe.refpix.refpix_algorithm = "sirs"
    assert {"refpix", "sirskernel"} <= set(pipe.reference_file_types)
    pipe.run(make_ramp())
    assert pipe._instrument is None


def test_the_ramp_is_freed_before_the_rates_are_saved(calls, here, monkeypatch):
    make_ramp().save("a_uncal.fits")
    alive = []
    fit = Detector1Pipeline.step_defs["ramp_fit"].process
    seen = []

    def noting(step, ramp):
        seen.append(weakref.ref(ramp))
        return fit(step, ramp)

    monkeypatch.setattr(Detector1Pipeline.step_defs["ramp_fit"], "process", noting)
    save = Detector1Pipeline._save
    monkeypatch.setattr(
        Detector1Pipeline, "_save", lambda step, *args: alive.append(seen[0]() is not None) or save(step, *args)
    )
    Detector1Pipeline(save_results=True).run("a_uncal.fits")
    assert alive == [False, False]
