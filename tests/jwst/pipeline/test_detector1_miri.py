"""calwebb_detector1 on MIRI: whole rates equal those of the released pipeline (made by tests/parity/make_miri.py)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.pipeline import Detector1Pipeline
from tests.parity import miri as MIRI

pytestmark = pytest.mark.usefixtures("offline")


MAKE_USES = {
    "dq_init": ["mask"],
    "saturation": ["saturation"],
    "reset": ["reset"],
    "linearity": ["linearity"],
    "rscd": ["rscd"],
    "dark_current": ["dark"],
    "jump": ["gain", "readnoise"],
    "ramp_fit": ["gain", "readnoise"],
    "gain_scale": ["gain"],
}
NONE = {"saturation": ["superbias"], "ipc": ["ipc"]}


def settings(references):
    """Overrides for every reference of a MIRI run."""
    steps = {step: {f"override_{kind}": references[kind] for kind in kinds} for step, kinds in MAKE_USES.items()}
    for step, kinds in NONE.items():
        steps.setdefault(step, {}).update({f"override_{kind}": "N/A" for kind in kinds})
    return steps


def compare(found, expected):
    for name, wanted in expected.items():
        array = np.array(getattr(found, name))
        assert array.dtype == wanted.dtype
        if name == "dq":
            np.testing.assert_array_equal(array, wanted)
        else:
            np.testing.assert_allclose(array, wanted, rtol=2.5e-7)


def stored(name, product):
    start = f"{name}/{product}/"
    return {
        key.removeprefix(start): value for key, value in MIRI.vectors("detector1_miri").items() if key.startswith(start)
    }


@pytest.mark.parametrize("name", MIRI.CASES["detector1"])
def test_equal_to_the_released_pipeline(name, tmp_path):
    model, references, _ = MIRI.exposure("detector1", name, **MIRI.CASES["detector1"][name])
    rate = Detector1Pipeline.call(model, steps=settings(references), save_results=True, output_dir=str(tmp_path))
    assert stored(name, "rate").keys() == {"data", "dq", "err", "var_poisson", "var_rnoise"}
    compare(rate, stored(name, "rate"))
    MIRI.check_facts(rate, json.loads(str(MIRI.vectors("detector1_miri")[f"{name}/facts"])))
    with datamodels.open(str(tmp_path / rate.meta.filename.replace("_rate", "_rateints"))) as rateints:
        assert type(rateints) is datamodels.CubeModel
        compare(rateints, stored(name, "rateints"))


def test_mrs_rates_are_ifu_images():
    model = MIRI.ramp(MIRI.counts(np.random.default_rng(0), (1, 6, 8, 9)), detector="MIRIFULONG")
    references = MIRI.references(np.random.default_rng(1), model.data.shape)
    rate = Detector1Pipeline.call(model, steps=settings(references))
    assert type(rate) is datamodels.IFUImageModel


@pytest.mark.parametrize("ngroups", [1, 2, 3])
def test_few_groups(ngroups):
    model = MIRI.ramp(MIRI.counts(np.random.default_rng(0), (2, ngroups, 8, 9)))
    references = MIRI.references(np.random.default_rng(1), model.data.shape)
    rate = Detector1Pipeline.call(model, steps=settings(references))
    status = rate.meta.cal_step
    assert status.rscd == status.lastframe == ("COMPLETE" if ngroups > 2 else "SKIPPED")
    assert status.reset == status.ramp_fit == "COMPLETE"
    assert np.isfinite(rate.data).any()


def test_exposures_without_a_good_group_give_no_rates():
    model = MIRI.ramp(np.full((1, 6, 8, 9), 65000.0))
    references = MIRI.references(np.random.default_rng(1), model.data.shape)
    references["saturation"].dq[:] = 0
    assert Detector1Pipeline.call(model, steps=settings(references)) is None


def test_all_groups_flagged_give_no_rates():
    model = MIRI.ramp(np.full((1, 6, 8, 9), 6000.0))
    references = MIRI.references(np.random.default_rng(1), model.data.shape)
    references["mask"].dq[:] = 1
    assert Detector1Pipeline.call(model, steps=settings(references)) is None


def test_full_frames_are_corrected_with_reference_pixels():
    rng = np.random.default_rng(4)
    data = np.full((1, 3, *MIRI.FULL), 6000.0, np.float32) + rng.normal(0, 3, (1, 3, 1, 1)).astype(np.float32)
    references = MIRI.references(rng, (1, 3, 8, 9), corner=(1, 1))
    flat = {kind: np.ones(MIRI.FULL, np.float32) for kind in ("gain", "readnoise")}
    steps = {key: {"skip": True} for key in ("dq_init", "saturation", "reset", "linearity", "dark_current", "ipc")}
    steps["rscd"] = {"override_rscd": references["rscd"]}
    overrides = {
        "override_gain": datamodels.GainModel(data=flat["gain"]),
        "override_readnoise": datamodels.ReadnoiseModel(data=flat["readnoise"]),
    }
    steps |= {"jump": overrides, "ramp_fit": overrides, "gain_scale": {"override_gain": overrides["override_gain"]}}
    rate = Detector1Pipeline.call(MIRI.ramp(data, subarray="FULL"), steps=steps)
    assert rate.meta.cal_step.refpix == "COMPLETE"
    assert np.abs(rate.data).max() < 1e-3
