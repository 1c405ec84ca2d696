"""Reading a run again from its artifacts (spec running.md R28)."""

from __future__ import annotations

from pathlib import Path

import pytest
from stpipe_test_run_steps import Chatty, Mixed, add, loop

from stpipe.artifacts import load_runner
from stpipe.exceptions import InputError, RunError
from stpipe.runner import Runner, run

pytestmark = pytest.mark.usefixtures("place")

READ = (
    *("ident", "parent_ident", "created", "started", "status", "rc", "is_final", "errored", "canceled", "timed_out"),
    *("failed_targets", "stats", "parameters", "fact_names", "artifacts"),
)


@pytest.mark.parametrize("what", ["good", "bad", "timeout", "nix"])
def test_r28_a_loaded_run_shows_what_the_run_showed(what, models):
    runner = {
        "good": lambda: run(Chatty, 1, times=2, artifacts_dir="runs", capture_output=True),
        "bad": lambda: run(Mixed, models, artifacts_dir="runs"),
        "timeout": lambda: run(loop, 1, timeout=0.05, artifacts_dir="runs"),
        "nix": lambda: run("nix", 1, artifacts_dir="runs"),
    }[what]()
    loaded = Runner.load(runner.artifacts)
    for name in READ:
        assert getattr(loaded, name) == getattr(runner, name), name
    assert isinstance(loaded, Runner)
    assert loaded.missing == ()
    assert list(loaded.events) == list(runner.events)
    assert loaded.stdout.read() == runner.stdout.read()
    assert loaded.stderr.read() == runner.stderr.read()
    for target in runner.results:
        assert loaded.facts(target) == runner.facts(target)
        assert loaded.target_events(target) == runner.target_events(target)
        pairs = zip(loaded.results[target], runner.results[target], strict=True)
        assert all(str(one) == str(other) and one.duration == other.duration for one, other in pairs)
    assert loaded.facts("nix") == {}
    assert loaded.target_events("nix") == []
    assert abs((loaded.finished - runner.finished).total_seconds()) < 1
    assert {name: error.type_name for name, error in loaded.failures.items()} == {
        name: type(error).__name__ for name, error in runner.failures.items()
    }
    assert (loaded.exception is None) == (runner.exception is None)
    assert str(loaded).splitlines()[0] == str(runner).splitlines()[0]


def test_r28_results_are_the_paths_of_products(fakes):
    Path("in_rate.fits").write_text('{"value": 2.0}')
    runner = run(fakes.FakeStep, "in_rate.fits", save_results=True, artifacts_dir="runs")
    loaded = load_runner(runner.artifacts)
    assert Path(loaded.result).name == "in_fakestep.fits"
    assert loaded.results["in_rate.fits"][0].did_change


def test_r28_a_loaded_run_does_nothing():
    loaded = load_runner(run(add, 1, artifacts_dir="runs").artifacts)
    for call in (loaded.cancel, loaded.rerun, lambda: loaded.store_fact("a", "b", 1)):
        with pytest.raises(RunError, match="only read"):
            call()
    with pytest.raises(AttributeError):
        loaded.stats = {}


def test_r28_a_run_that_was_killed_says_what_is_missing():
    """The process ends in the middle, without a chance to clean up."""
    import subprocess
    import sys

    code = (
        "import os, time\n"
        "from stpipe.runner import run\n"
        "def work(value):\n"
        "    time.sleep(0.2)\n"
        "    os._exit(9)\n"
        "run(work, 1, artifacts_dir='runs', ident='killed')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    loaded = load_runner("runs/killed")
    assert loaded.missing == ("provenance.json", "parameters.yaml", "rc", "status")
    assert (loaded.status, loaded.rc, loaded.is_final, loaded.finished) == ("running", None, False, None)
    assert [event.event for event in loaded.events][-1] == "step_target_start"
    assert loaded.stats["ok"] == {}
    assert loaded.results == {}
    assert loaded.parameters == {}
    assert loaded.result is None
    assert loaded.exception is None
    assert "status" in repr(loaded)
    assert "killed or is still going on" in str(loaded)
    assert "killed or is still going on" in loaded._repr_html_()


def test_r28_what_is_no_run_is_refused(place):
    with pytest.raises(FileNotFoundError, match="nix"):
        load_runner("nix")
    with pytest.raises(InputError, match="no file 'command'"):
        load_runner(place)
    (place / "command").write_text("[1, 2")
    with pytest.raises(InputError, match="command"):
        load_runner(place)


def test_r28_a_plan_of_several_entries(fakes):
    from stpipe.inventory import Inventory
    from stpipe.plan import Plan

    Path("in_rate.fits").write_text('{"value": 2.0}')
    plan = Plan(Inventory([fakes.FakeModel("a_rate.fits"), fakes.FakeModel("b_rate.fits")]))
    plan.add(fakes.FakeStep, par=1)
    plan.add(fakes.FakeStep, name="again", par=2)
    runner = plan.execute(artifacts_dir="runs")
    assert runner.status == "successful", runner.exception
    loaded = load_runner(runner.artifacts)
    assert [one.label for one in loaded.results["b_rate.fits"]] == ["fake_step", "again"]
    assert loaded.parameters["again"]["par"] == runner.parameters["again"]["par"]
    assert loaded.parameters["fake_step"]["par"][0] == 1
    assert loaded.stats == runner.stats
