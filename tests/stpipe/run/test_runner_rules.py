"""Wrong use, idents, independence, ignored errors, definitions, parameters (spec running.md R21-R26, R36)."""

from __future__ import annotations

import json
import logging
import threading
import time

import pytest
from stpipe_test_run_steps import Base, Chatty, add, fail, loop

from stpipe import settings
from stpipe.cancel import checkpoint
from stpipe.exceptions import ParameterError
from stpipe.policy import Policy
from stpipe.runner import run, run_async

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def models(fakes):
    return [fakes.FakeModel("a_rate.fits", 1.0), fakes.FakeModel("b_rate.fits", 2.0)]


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"groups": "steps"}, TypeError),
        ({"groups": []}, ValueError),
        ({"workers": 0}, ValueError),
        ({"workers": "2"}, TypeError),
        ({"executor": "rockets"}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"timeout": "soon"}, TypeError),
        ({"callbacks": [print]}, TypeError),
        ({"policy": {}}, TypeError),
        ({"event_handler": 1}, TypeError),
        ({"steps": []}, TypeError),
        ({"context": 3}, TypeError),
        ({"ident": "a/b"}, ValueError),
        ({"ident": ".."}, ValueError),
    ],
)
def test_r21_wrong_use_of_own_keywords_raises_at_once(keywords, error, tmp_path):
    started = []
    with pytest.raises(error, match=next(iter(keywords))):
        run(add, 1, status_handler=started.append, artifacts_dir="runs", **keywords)
    assert started == []
    assert list(tmp_path.iterdir()) == []


def test_r21_every_wrong_parameter_is_named():
    runner = run(Chatty, 1, timess=3, savee_results=True)
    assert (runner.status, runner.rc) == ("failed", 4)
    assert "timess" in str(runner.exception)
    assert "savee_results" in str(runner.exception)
    assert "times" in runner.stderr.read()


def test_r22_two_runs_at_once_are_independent():
    both = threading.Barrier(2, timeout=10)

    def speak(value):
        both.wait()
        logging.getLogger("stpipe.test").info("I am %s", value)
        both.wait()
        return value

    pairs = [run_async(speak, name, ident=f"run{name}") for name in (1, 2)]
    for thread, _ in pairs:
        thread.join(10)
    for (_, runner), name, other in zip(pairs, (1, 2), (2, 1), strict=True):
        assert runner.result == name
        assert f"I am {name}" in runner.stdout.read()
        assert f"I am {other}" not in runner.stdout.read()
        assert {event.run_ident for event in runner.events} == {f"run{name}"}
        assert [event.counter for event in runner.events] == list(range(1, 10))


def test_r22_log_levels_and_handlers_are_as_before():
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    run(Chatty, 1)
    assert (root.level, list(root.handlers)) == before


def test_r22_a_run_inside_a_run_is_one_of_its_own():
    inner = []

    class Outer(Base):
        """Starts another run."""

        def process(self, value):
            inner.append(run(Chatty, value))
            return value

    outer = run(Outer, 1)
    assert (outer.status, inner[0].status) == ("successful", "successful")
    assert outer.stats["ok"] == inner[0].stats["ok"] == {"input": 1}
    idents = {event.uuid for event in inner[0].events}
    assert all(event.parent_uuid is None or event.parent_uuid in idents for event in inner[0].events)
    assert next(inner[0].events).target is None


def test_r22_stopping_a_run_stops_a_run_inside_it():
    inner = []

    def start_another(value):
        inner.append(run(loop, value))
        checkpoint()

    thread, outer = run_async(start_another, 1)
    time.sleep(0.05)
    outer.cancel()
    thread.join(5)
    assert [outer.status, inner[0].status] == ["canceled", "canceled"]


def test_r23_an_ident_is_new_and_used_once():
    assert run(add, 1).ident != run(add, 1).ident
    run(add, 1, ident="mine", artifacts_dir="runs")
    with pytest.raises(FileExistsError, match="mine"):
        run(add, 1, ident="mine", artifacts_dir="runs")
    assert run(add, 1, ident="mine").ident == "mine"


def test_r23_rerun_makes_a_new_ident():
    first = run(add, 1, ident="mine", artifacts_dir="runs")
    again = first.rerun()
    assert again.result == 2
    assert again.parent_ident == "mine"
    assert again.ident != "mine"
    assert json.loads((_place_of(again) / "command").read_text())["parent_ident"] == "mine"


def _place_of(runner):
    from pathlib import Path

    return Path(runner.artifacts)


def test_r24_no_argument_influences_a_later_run(tmp_path):
    steps, parameters = {}, {"times": 0}
    run(Chatty, 1, steps=steps, parameters=parameters, timeout=100, executor="threads", workers=2, capture_output=True)
    runner = run(Chatty, 1)
    assert runner.parameters["times"] == (1, "default")
    assert "printed" not in runner.stdout.read()
    assert (steps, parameters) == ({}, {"times": 0})
    assert (settings.timeout, settings.executor, settings.workers) == (None, "inline", 1)
    assert list(tmp_path.iterdir()) == []


def test_r25_ignored_errors_are_successful():
    runner = run(fail, 1, policy=Policy(ignore_errors=True))
    assert (runner.status, runner.rc) == ("successful", 0)
    assert runner.stats["ignored"] == {"input": 1}
    assert runner.stats["failed"] == {}
    assert [event.event for event in runner.target_events("input")].count("step_target_error") == 1
    assert runner.result == 1


def test_r25_false_conditions_are_successful():
    runner = run(fail, 1, policy=Policy(when=lambda target: False))
    assert (runner.status, runner.rc, runner.stats["skipped"]) == ("successful", 0, {"input": 1})


@pytest.mark.parametrize("step", ["stpipe_test_run_steps.Fails, input: 1", "here.fail"])
def test_r25_ignored_errors_of_a_recipe(recipes, here, step):
    recipes.write(f"steps:\n- {{step: {step}}}\n")
    runner = run("r", 1, policy=Policy(ignore_errors=True))
    assert (runner.status, runner.rc, runner.failed_targets) == ("successful", 0, [])
    assert (runner.stats["ignored"], runner.stats["failed"]) == ({"input": 1}, {})


def test_r25_rescued_groups_are_successful(recipes, here):
    recipes.write("steps:\n- here.fail\non_failure:\n- stop_group\n")
    runner = run("r")
    assert (runner.status, runner.rc) == ("successful", 0)
    assert runner.stats["rescued"] == {"input": 1}
    assert "step_target_error" in [event.event for event in runner.events]


def test_r26_a_broken_recipe_tells_every_problem(recipes):
    path = recipes.write("steps:\n- {stepp: a}\n- {step: echo}\n")
    runner = run("r")
    assert (runner.status, runner.rc) == ("failed", 4)
    messages = [event for event in runner.events if event.event == "message"]
    assert [event.event_data["line"] for event in messages] == [2, 3]
    assert all(event.event_data["file"] == str(path) for event in messages)
    assert all(event.event_data["col"] for event in messages)


def test_r26_a_missing_recipe_tells_where_it_was_looked_for():
    runner = run("nix/more")
    assert (runner.status, runner.rc) == ("failed", 1)
    assert "nix/more.yaml" in str(runner.exception)
    assert [event.event for event in runner.events] == ["message", "run_stats"]


def test_r36_parameters_win_over_loose_keywords():
    class Timed(Base):
        """Has a parameter that has the name of a keyword of run."""

        spec = "timeout = float(default=1.0)\nother = integer(default=0)"

        def process(self, value):
            return self.timeout, self.other

    assert run(Timed, 1, other=1, timeout=100, parameters={"timeout": 7.0, "other": 2}).result == (7.0, 2)


def test_r36_steps_and_config_file_are_as_for_call(fakes, models, workdir):
    (workdir / "p.yaml").write_text("class: stpipe_test_fakes.FakeStep\nname: fake\nparameters: {par: 9}\n")
    runner = run(fakes.FakeStep, models[0], config_file="p.yaml")
    assert runner.status == "successful", runner.exception
    assert runner.parameters["par"][0] == 9
    assert run(fakes.FakeStep, models[0], config_file="p.yaml", par=8).parameters["par"] == (8, "keyword")


def test_r36_an_instance_takes_no_parameters(fakes, models):
    runner = run(fakes.FakeStep(par=4), models[0], par=5)
    assert (runner.rc, type(runner.exception)) == (4, ParameterError)
