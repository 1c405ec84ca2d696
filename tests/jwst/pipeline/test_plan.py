"""Plans and runs on many exposures with real steps (stpipe running.md §3.1 and §8)."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from jwst.jump import JumpStep
from jwst.ramp_fitting import RampFitStep
from stpipe import Inventory, Plan, Policy, get_facts, run


def _copies(uncal: str, *names: str) -> list[str]:
    for name in names:
        shutil.copy(uncal, f"{name}_uncal.fits")
    return [f"{name}_uncal.fits" for name in names]


@pytest.fixture
def darks(place) -> list[str]:
    """Two exposures after dark_current."""
    runner = run(
        "calwebb_detector1",
        Inventory(_copies(place.uncal, "a", "b")),
        steps={"dark_current": {"save_results": True}},
        parameters={"output_dir": "before"},
    )
    assert runner.status == "successful", runner.exception
    return [shutil.copy(f"before/{name}_dark_current.fits", ".") for name in "ab"]


def _plan(darks):
    inventory = Inventory((darks, {"output_dir": "out"}), background=(darks[1:], {"maximum_cores": "none"}))
    plan = Plan(inventory, policy=Policy(retries=1), save_results=True)
    return plan, plan.add(JumpStep, rejection_threshold=12.0), plan.add(RampFitStep, name="fit the ramps")


def test_the_example_of_plans(place, darks):
    plan, jump, ramp = _plan(darks)
    exposure = plan.inventory.get("a_dark_current.fits")
    files = place.files()
    assert jump[exposure].will_change
    assert [one.reftype for one in jump[exposure].planned_references] == ["gain", "readnoise"]
    assert "fit the ramps" in str(plan.preview())
    assert place.files() == files
    runner = plan.execute()
    assert (runner.status, runner.failed_targets) == ("successful", [])
    assert jump[exposure].did_change
    assert jump[exposure].planned_outputs == tuple(jump[exposure].outputs) == ("out/a_jump.fits",)
    assert ramp[exposure].planned_outputs == tuple(ramp[exposure].outputs)
    assert jump[exposure].parameters["rejection_threshold"] == (12.0, "keyword")
    assert jump["b_dark_current.fits"].parameters["maximum_cores"] == ("none", "inventory")
    assert set(get_facts(plan, "ExposureType").values()) == {"NRC_IMAGE"}
    with ExitStack() as stack:
        rate, _ = [stack.enter_context(one) for one in ramp[exposure].result]
        assert rate.meta.cal_step.jump == "COMPLETE"


def test_a_plan_that_is_done_calls_nothing(place, darks):
    _plan(darks)[0].execute()
    before = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    plan, jump, ramp = _plan(darks)
    assert not any(one.will_change for one in (*jump.values(), *ramp.values()))
    runner = plan.execute()
    assert (runner.status, runner.stats["changed"]) == ("successful", {})
    assert {path: path.stat().st_mtime_ns for path in Path("out").iterdir()} == before
    with ExitStack() as stack:
        models = [stack.enter_context(one) for one in ramp["a_dark_current.fits"].result]
        assert [one.meta.filename for one in models] == ["a_0_rampfitstep.fits", "a_1_rampfitstep.fits"]


def test_a_pipeline_as_entry_names_all_its_products(place):
    plan = Plan(Inventory(_copies(place.uncal, "a", "b")), save_results=True, output_dir="out")
    first = plan.add("calwebb_detector1")
    assert first["a_uncal.fits"].planned_outputs == ("out/a_rateints.fits", "out/a_rate.fits")
    plan.execute()
    again = plan.copy()
    result = again.results[0]["a_uncal.fits"]
    assert (result.will_change, result.key) == (False, first["a_uncal.fits"].key)
    again.execute()
    with result.result as model:
        assert model.meta.filename == "a_rate.fits"
    Path("out/a_rateints.fits").unlink()
    assert [one.will_change for one in plan.copy().results[0].values()] == [True, False]


def test_one_truncated_exposure_of_many(place):
    paths = _copies(place.uncal, "a", "b", "c")
    Path("b_uncal.fits").write_bytes(Path("b_uncal.fits").read_bytes()[:20000])
    inventory = Inventory(paths)
    runner = run("calwebb_detector1", inventory, save_results=True, output_dir="out", artifacts_dir="runs")
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, ["b_uncal.fits"])
    assert sorted(path.name for path in Path("out").glob("*_rate.fits")) == ["a_rate.fits", "c_rate.fits"]
    assert runner.stats["unreadable"] or runner.stats["failed"]
    shutil.copy(place.uncal, "b_uncal.fits")
    again = run("calwebb_detector1", inventory.subset(runner.failed_targets), save_results=True, output_dir="out")
    assert (again.status, list(again.results)) == ("successful", ["b_uncal.fits"])
    inventory = Inventory(paths)
    resumed = run("calwebb_detector1", inventory, save_results=True, output_dir="out", resume=True)
    assert (resumed.status, resumed.stats["changed"]) == ("successful", {})
