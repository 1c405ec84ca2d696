"""Every example of the documentation runs as it is written, and the parameter in it does something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import asdf
import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.jump import JumpStep
from jwst.lib.dqflags import JUMP_DET, SATURATED
from jwst.linearity import LinearityStep
from jwst.pipeline import Detector1Pipeline

ROOT = "jw00017001001_01101_00001_nrcb1"
NEXT = "jw00017001001_01101_00002_nrcb1"
RATES = [f"{ROOT}_rate.fits", f"{ROOT}_rateints.fits"]
ARRAYS = ("data", "dq", "err", "var_poisson", "var_rnoise")
TWELVE = {"class": "jwst.jump.jump_step.JumpStep", "name": "jump", "parameters": {"rejection_threshold": 12.0}}


def count(groupdq, flag):
    """Number of groups with a flag."""
    return int(np.count_nonzero(groupdq & flag))


def flagged(path, flag):
    """Number of groups with a flag in a product."""
    with datamodels.RampModel(path) as ramp:
        return count(ramp.groupdq, flag)


def same(one, other, names=ARRAYS):
    """Whether two products are equal bit by bit, whatever the byte order in which their files were read."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(
        array.dtype.kind == like.dtype.kind and array.tobytes() == like.astype(array.dtype).tobytes()
        for array, like in pairs
    )


def hits(uncal, threshold):
    """Jumps that the pipeline finds with a threshold; nothing is written."""
    steps = {"jump": {"rejection_threshold": threshold}, "ramp_fit": {"skip": True}}
    return count(Detector1Pipeline.call(uncal, steps=steps).groupdq, JUMP_DET)


@pytest.fixture
def f(place):
    """Name of the exposure, as the examples call it."""
    return place.uncal


@pytest.fixture
def default(f):
    """Rate with the parameters of the cache."""
    return Detector1Pipeline.call(f)


@pytest.fixture
def twelve(f):
    """Rate with a higher threshold for jumps."""
    return Detector1Pipeline.call(f, steps={"jump": {"rejection_threshold": 12.0}})


def test_call_writes_nothing(place, f):
    result = Detector1Pipeline.call(f)
    assert place.files() == []
    assert isinstance(result, datamodels.ImageModel)
    assert result.data.shape == (64, 64)
    assert result.meta.filename == f"{ROOT}_uncal.fits"
    status = result.meta.cal_step
    assert status.jump == status.ramp_fit == status.linearity == "COMPLETE"
    assert (status.ipc, status.persistence) == ("SKIPPED", "SKIPPED")
    assert result.meta.ref_file.gain.name == "crds://jwst_nircam_gain_0001.fits"
    assert result.meta.ref_file.crds.context_used == "jwst_0001.pmap"


def test_save_results(place, f):
    result = Detector1Pipeline.call(f, save_results=True)
    assert place.files() == RATES
    with datamodels.open(RATES[0]) as rate, datamodels.open(RATES[1]) as rateints:
        assert same(rate, result)
        assert rate.meta.filename == RATES[0]
        assert rateints.data.shape == (2, 64, 64)
        usable = ((rateints.dq & 1) == 0).all(axis=0) & np.isfinite(rateints.data).all(axis=0)
        low, high = rateints.data.min(axis=0), rateints.data.max(axis=0)
        tolerance = 1e-4 * np.abs(rate.data)
        between = (low - tolerance <= rate.data) & (rate.data <= high + tolerance)
        assert usable.sum() > 2000
        assert between[usable].all()


def test_output_file(place, f):
    Detector1Pipeline.call(f, output_file="detector_1_final_result")
    assert place.files() == ["detector_1_final_result_rate.fits", "detector_1_final_result_rateints.fits"]


def test_output_dir(place, f):
    Detector1Pipeline.call(f, output_dir="calibrated")
    assert place.files() == ["calibrated", *(f"calibrated/{name}" for name in RATES)]


def test_parameters_of_a_step(place, f):
    Detector1Pipeline.call(f, steps={"jump": {"rejection_threshold": 12.0, "save_results": True}})
    assert place.files() == [f"{ROOT}_jump.fits"]
    high = flagged(f"{ROOT}_jump.fits", JUMP_DET)
    Detector1Pipeline.call(f, steps={"jump": {"rejection_threshold": 4.0, "save_results": True}})
    assert 0 < high < flagged(f"{ROOT}_jump.fits", JUMP_DET)


def test_output_file_of_a_step(place, f):
    Detector1Pipeline.call(f, steps={"saturation": {"output_file": "saturation_result"}})
    assert place.files() == ["saturation_result_saturation.fits"]
    with datamodels.RampModel("saturation_result_saturation.fits") as ramp:
        assert (ramp.meta.cal_step.saturation, ramp.meta.cal_step.superbias) == ("COMPLETE", None)
        assert count(ramp.groupdq, SATURATED) > 0


def test_output_dir_of_a_step(place, f):
    Detector1Pipeline.call(f, steps={"dark_current": {"output_dir": "calibrated"}})
    assert place.files() == ["calibrated", f"calibrated/{ROOT}_dark_current.fits"]
    with datamodels.RampModel(f"calibrated/{ROOT}_dark_current.fits") as ramp:
        assert (ramp.meta.cal_step.dark_sub, ramp.meta.cal_step.jump) == ("COMPLETE", None)


@pytest.fixture
def own_references(place):
    """A saturation limit of a quarter of the height, and a gain that makes all noise larger."""
    with datamodels.SaturationModel(place.reference("saturation")) as model:
        model.data *= 0.25
        model.save("my_saturation.fits")
    with datamodels.GainModel(place.reference("gain")) as model:
        model.data *= 0.01
        model.save("my_gain.fits")
    return str(place.folder / "my_saturation.fits"), str(place.folder / "my_gain.fits")


def test_override_references(place, f, default, own_references):
    saturation, gain = own_references
    result = Detector1Pipeline.call(
        f, steps={"saturation": {"override_saturation": saturation}, "jump": {"override_gain": gain}}
    )
    assert not same(result, default)
    assert result.meta.ref_file.saturation.name == saturation
    assert default.meta.ref_file.saturation.name == "crds://jwst_nircam_saturation_0001.fits"
    assert count(result.dq, SATURATED) > count(default.dq, SATURATED)


def test_overrides_act_on_their_steps_alone(f, own_references):
    saturation, gain = own_references
    saved = {"saturation": {"save_results": True}, "jump": {"save_results": True}}
    Detector1Pipeline.call(f, steps=saved)
    before = flagged(f"{ROOT}_saturation.fits", SATURATED), flagged(f"{ROOT}_jump.fits", JUMP_DET)
    saved["saturation"]["override_saturation"] = saturation
    saved["jump"]["override_gain"] = gain
    result = Detector1Pipeline.call(f, steps=saved)
    assert flagged(f"{ROOT}_saturation.fits", SATURATED) > before[0] > 0
    assert flagged(f"{ROOT}_jump.fits", JUMP_DET) < before[1]
    with datamodels.RampModel(f"{ROOT}_jump.fits") as ramp:
        assert ramp.meta.ref_file.gain.name == gain
    assert result.meta.ref_file.gain.name == "crds://jwst_nircam_gain_0001.fits"  # ramp_fit has the gain of the cache


def test_skip_a_step(f, default):
    result = Detector1Pipeline.call(f, steps={"saturation": {"skip": True}})
    assert (result.meta.cal_step.saturation, default.meta.cal_step.saturation) == ("SKIPPED", "COMPLETE")
    assert count(result.dq, SATURATED) == 0 < count(default.dq, SATURATED)
    assert result.meta.ref_file.saturation.name is None


def write_asdf(tree):
    asdf.AsdfFile(tree).write_to("my_config_file.asdf")


def write_text(tree):
    step = tree["steps"][0]
    Path("my_config_file.asdf").write_text(
        f"steps:\n- class: {step['class']}\n  name: jump\n  parameters:\n    rejection_threshold: 12.0\n"
    )


@pytest.mark.parametrize(
    ("write", "head"),
    [
        pytest.param(
            write_asdf, {"class": "jwst.pipeline.Detector1Pipeline", "name": "my", "parameters": {}}, id="full"
        ),
        pytest.param(write_asdf, {}, id="only steps"),
        pytest.param(write_text, {}, id="only steps, plain text"),
    ],
)
def test_config_file(f, default, twelve, write, head):
    write({**head, "steps": [TWELVE]})
    result = Detector1Pipeline.call(f, config_file="my_config_file.asdf")
    assert same(result, twelve)
    assert not same(result, default)


def test_a_keyword_wins_over_the_config_file(f, default):
    write_asdf({"steps": [TWELVE]})
    steps = {"jump": {"rejection_threshold": 4.0}}
    assert same(Detector1Pipeline.call(f, config_file="my_config_file.asdf", steps=steps), default)


def test_a_step_on_an_open_model(place, f):
    with datamodels.RampModel(f) as model:
        before = model.data.copy()
        result = LinearityStep.call(model)
        assert model.meta.cal_step.linearity is None
        assert np.array_equal(model.data, before)
        assert result is not model
        assert result.meta.cal_step.linearity == "COMPLETE"
        assert not np.array_equal(result.data, before)
    assert place.files() == []


def test_a_step_on_a_file(place, f):
    Detector1Pipeline.call(f, steps={"dark_current": {"save_results": True}, "jump": {"save_results": True}})
    f, inside = f"{ROOT}_dark_current.fits", flagged(f"{ROOT}_jump.fits", JUMP_DET)
    before = place.files()
    result = JumpStep.call(f, rejection_threshold=12.0)
    assert 0 < count(result.groupdq, JUMP_DET) < count(JumpStep.call(f).groupdq, JUMP_DET) == inside
    assert place.files() == before


def test_attributes_of_an_instance(place, f):
    pipe = Detector1Pipeline()
    pipe.jump.rejection_threshold = 12
    pipe.ramp_fit.skip = True
    result = pipe.run(f)
    assert isinstance(result, datamodels.RampModel)
    assert (result.meta.cal_step.jump, result.meta.cal_step.ramp_fit) == ("COMPLETE", "SKIPPED")
    pipe.jump.rejection_threshold = 4
    assert 0 < count(result.groupdq, JUMP_DET) < count(pipe.run(f).groupdq, JUMP_DET)
    assert place.files() == []


def test_without_parameters_of_the_reference_system(f, default, monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "True")
    result = Detector1Pipeline.call(f)
    assert (default.meta.cal_step.ipc, result.meta.cal_step.ipc) == ("SKIPPED", "COMPLETE")
    assert not same(result, default)
    with_same_parameters = Detector1Pipeline()
    assert same(result, with_same_parameters.run(f))


def strun(*arguments):
    """Run the console script."""
    script = shutil.which("strun", path=os.path.dirname(sys.executable))
    assert script is not None
    return subprocess.run([script, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options_first", [False, True])
def test_strun(place, f, twelve, options_first):
    options = ["--steps.jump.rejection_threshold=12", "--output_dir=out"]
    arguments = ["calwebb_detector1", f]
    done = strun(*options, *arguments) if options_first else strun(*arguments, *options)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Step calwebb_detector1 done" in done.stderr
    assert place.files() == ["out", *(f"out/{name}" for name in RATES)]
    with datamodels.ImageModel(f"out/{RATES[0]}") as rate:
        assert same(rate, twelve)


def test_trap_model(trap_place):
    result = Detector1Pipeline.call(trap_place.uncal)
    assert trap_place.files() == []
    assert result.meta.cal_step.persistence == "COMPLETE"
    assert result.meta.ref_file.trappars.name == "crds://jwst_nircam_trappars_0001.fits"
    Detector1Pipeline.call(trap_place.uncal, save_results=True)
    assert trap_place.files() == [*RATES, f"{ROOT}_trapsfilled.fits"]
    with datamodels.TrapsFilledModel(f"{ROOT}_trapsfilled.fits") as traps:
        assert traps.data.shape == (3, 64, 64)
        assert traps.data.max() > 0


def next_exposure(uncal):
    """Save the exposure again as one that began five seconds after its end."""
    with datamodels.Level1bModel(uncal) as model:
        begin = model.meta.exposure.end_time + 5 / 86400
        length = model.meta.exposure.end_time - model.meta.exposure.start_time
        model.meta.exposure.start_time, model.meta.exposure.end_time = begin, begin + length
        model.save(f"{NEXT}_uncal.fits")
    return f"{NEXT}_uncal.fits"


def test_traps_of_the_exposure_before(trap_place):
    Detector1Pipeline.call(trap_place.uncal, output_dir="first")
    second, filled = next_exposure(trap_place.uncal), f"first/{ROOT}_trapsfilled.fits"
    alone = Detector1Pipeline.call(second, output_dir="alone")
    chained = Detector1Pipeline.call(second, output_dir="chained", steps={"persistence": {"input_trapsfilled": filled}})
    difference = np.nan_to_num(alone.data - chained.data)
    assert np.count_nonzero(difference) > 0
    with datamodels.TrapsFilledModel(filled) as model:
        map_before = model.data.sum(axis=0)
        assert map_before[difference != 0].min() > 10 * np.median(map_before)
        model.data *= 1e5
        model.save("many_traps.fits")
    steps = {"persistence": {"input_trapsfilled": "many_traps.fits"}}
    difference = alone.data - Detector1Pipeline.call(second, steps=steps).data
    strong = (map_before > 10 * np.median(map_before)) & np.isfinite(difference)
    assert strong.sum() > 10
    assert (difference[strong] > 0).all()  # released charge would look like light
    with (
        datamodels.TrapsFilledModel(f"alone/{NEXT}_trapsfilled.fits") as lonely,
        datamodels.TrapsFilledModel(f"chained/{NEXT}_trapsfilled.fits") as later,
    ):
        assert (later.data >= lonely.data).all()
        assert (later.data > lonely.data).any()


def test_save_calibrated_ramp(place, f):
    Detector1Pipeline.call(f, save_calibrated_ramp=True)
    assert place.files() == []
    Detector1Pipeline.call(f, save_results=True, save_calibrated_ramp=True)
    assert place.files() == [f"{ROOT}_ramp.fits", *RATES]
    with datamodels.RampModel(f"{ROOT}_ramp.fits") as ramp:
        assert (ramp.meta.cal_step.jump, ramp.meta.cal_step.ramp_fit) == ("COMPLETE", None)
        assert count(ramp.groupdq, JUMP_DET) == hits(f, 4.0)


def test_save_opt(place, f):
    Detector1Pipeline.call(f, steps={"ramp_fit": {"save_opt": True}})
    assert place.files() == [f"{ROOT}_fitopt.fits"]
    with datamodels.RampFitOutputModel(f"{ROOT}_fitopt.fits") as fit:
        assert fit.slope.shape[0] == 2
        assert np.isfinite(fit.slope[:, 0]).mean() > 0.9


def test_one_instance_on_two_exposures(place, f):
    second = next_exposure(f)
    with datamodels.Level1bModel(second) as model:
        model.data = model.data[:, :5].copy()
        model.meta.exposure.ngroups = 5
        model.save(second)
    pipe = Detector1Pipeline(save_results=True, steps={"jump": {"rejection_threshold": 12.0}})
    before = pipe.get_pars()
    first_rate, second_rate = pipe.run(f), pipe.run(second)
    assert pipe.get_pars() == before
    assert place.files() == [*RATES, f"{NEXT}_rate.fits", f"{NEXT}_rateints.fits", second]
    assert first_rate.meta.filename == RATES[0]
    assert second_rate.meta.filename == f"{NEXT}_rate.fits"
    fresh = Detector1Pipeline(steps={"jump": {"rejection_threshold": 12.0}})
    assert same(fresh.run(second), second_rate)
    assert not same(first_rate, second_rate)


def test_reproducible(f):
    first = Detector1Pipeline.call(f, output_dir="one", save_calibrated_ramp=True)
    second = Detector1Pipeline.call(f, output_dir="two", save_calibrated_ramp=True)
    assert same(first, second)
    with datamodels.CubeModel(f"one/{RATES[1]}") as one, datamodels.CubeModel(f"two/{RATES[1]}") as two:
        assert same(one, two)
    with datamodels.RampModel(f"one/{ROOT}_ramp.fits") as one, datamodels.RampModel(f"two/{ROOT}_ramp.fits") as two:
        assert same(one, two, ("data", "groupdq", "pixeldq"))
