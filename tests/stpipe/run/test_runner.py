"""What `run` and `run_async` give back (spec running.md R1-R7, R10-R12)."""

from __future__ import annotations

import threading
import time

import pytest
from stpipe_test_run_steps import Base, Chatty, Twice, add, fail, loop

from stpipe.exceptions import CanceledError
from stpipe.runner import Runner, Status, run, run_async

STATS = {"ok", "changed", "skipped", "failed", "ignored", "rescued", "unreadable", "processed"}


pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def models(fakes):
    return [fakes.FakeModel("a_rate.fits", 1.0), fakes.FakeModel("b_rate.fits", 2.0)]


def test_r1_blocks_and_gives_final_status():
    runner = run(add, 3, amount=2)
    assert (runner.status, runner.rc, runner.result) == ("successful", 0, 5)
    assert isinstance(runner, Runner)
    assert runner.is_final


def test_r1_failing_step_does_not_raise():
    runner = run(fail, 1, text="this")
    assert (runner.status, runner.rc) == ("failed", 2)
    assert str(runner.exception) == "this"
    assert runner.failed_targets == ["input"]


def test_r1_raise_on_failure_comes_after_everything_else(tmp_path):
    seen = []
    with pytest.raises(ValueError, match="this"):
        run(
            fail,
            1,
            text="this",
            raise_on_failure=True,
            artifacts_dir="runs",
            ident="x",
            finished_callback=lambda runner: seen.append(runner.status),
        )
    assert seen == ["failed"]
    assert (tmp_path / "runs" / "x" / "status").read_text() == "failed\n"


@pytest.mark.parametrize("kind", ["class", "instance", "alias", "pipeline", "recipe", "function"])
def test_r2_the_same_kind_of_runner_for_everything(kind, fakes, recipes, models):
    recipes.write("steps:\n- {step: stpipe_test_fakes.FakeStep, in: {par: 4}}\n")
    what, keywords = {
        "class": (fakes.FakeStep, {"par": 4}),
        "instance": (fakes.FakeStep(par=4), {}),
        "alias": ("stpipe_test_fakes.FakeStep", {"par": 4}),
        "pipeline": (fakes.FakePipeline, {}),
        "recipe": ("r", {}),
        "function": (lambda model: fakes.FakeModel("a_rate.fits", model.value + 4), {}),
    }[kind]
    runner = run(what, models[0], **keywords)
    assert runner.status == "successful", runner.exception
    assert type(runner) is Runner
    assert runner.result.value > 1.0
    assert list(runner.results) == ["a_rate.fits"]
    assert [one.did_succeed for one in runner.results["a_rate.fits"]] == [True]
    assert set(runner.stats) == STATS


def test_r3_run_async_returns_before_the_end():
    run(add, 1)
    gate = threading.Event()
    took = []
    for _ in range(3):
        gate.clear()
        started = time.perf_counter()
        thread, runner = run_async(lambda value: gate.wait(10) and value, 1)
        took.append(time.perf_counter() - started)
        assert not runner.is_final
        assert runner.rc is None
        gate.set()
        thread.join(10)
        assert not thread.is_alive()
        assert (runner.status, runner.result) == ("successful", 1)
    assert min(took) < 0.009


def test_r3_the_thread_never_dies_with_a_traceback(capfd):
    def leave(value):
        raise SystemExit(3)

    for what, keywords in ((leave, {}), (fail, {"raise_on_failure": True}), ("nix.yaml", {})):
        thread, runner = run_async(what, 1, **keywords)
        thread.join(10)
        assert runner.status == "failed"
        assert list(runner.events)[-1].event == "run_stats"
    assert "Traceback" not in capfd.readouterr().err


def test_r3_wrong_use_raises_from_run_async_itself():
    with pytest.raises(ValueError, match="workers"):
        run_async(add, 1, workers=0)


@pytest.mark.parametrize(
    ("what", "inputs", "keywords", "rc"),
    [
        (add, 1, {}, 0),
        ("no_such_step", 1, {}, 1),
        ("nix/recipe.yaml", None, {}, 1),
        (Chatty, "nix.fits", {}, 1),
        (fail, 1, {}, 2),
        (Chatty, 1, {"timess": 3}, 4),
        (Chatty, 1, {"times": -3}, 4),
        (add, 1, {"amont": 3}, 4),
        (Chatty, 1, {"groups": ["a"]}, 4),
        ("wrong.yaml", None, {}, 4),
        (5, None, {}, 4),
    ],
)
def test_r4_return_codes(recipes, what, inputs, keywords, rc):
    recipes.write("steps:\n- {stepp: a}\n", "wrong.yaml")
    seen = []
    runner = run(what, inputs, status_handler=lambda data, runner: seen.append(runner.rc), **keywords)
    assert runner.rc == rc
    assert runner.status == ("successful" if rc == 0 else "failed")
    assert seen[-1] == rc
    assert set(seen[:-1]) == {None}


def test_r4_r5_canceled_and_timeout_give_254():
    runner = run(loop, 1, timeout=0.05)
    assert (runner.status, runner.rc) == ("timeout", 254)
    runner = run(loop, 1, cancel_callback=lambda: True)
    assert (runner.status, runner.rc) == ("canceled", 254)
    assert isinstance(runner.exception, CanceledError)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (add, ["starting", "running", "successful"]),
        (fail, ["starting", "running", "failed"]),
        ("nix", ["starting", "failed"]),
    ],
)
def test_r5_sequence_of_statuses(what, expected):
    seen = []
    runner = run(what, 1, status_handler=lambda data, runner: seen.append(str(data["status"])))
    assert seen == expected
    assert runner.status == expected[-1]
    assert Status("failed") is Status.FAILED
    assert [one.is_final for one in Status] == [False] * 3 + [True] * 4


def test_r6_what_a_runner_has(models, fakes):
    runner = run(fakes.FakeStep, models, par=5)
    assert (runner.is_final, runner.errored, runner.canceled, runner.timed_out) == (True, False, False, False)
    assert runner.failed_targets == []
    assert runner.created <= runner.started <= runner.finished
    assert {name: model.value for name, model in runner.result.items()} == {"a_rate.fits": 6.0, "b_rate.fits": 7.0}
    assert [len(results) for results in runner.results.values()] == [1, 1]
    assert runner.exception is None
    assert runner.context is None
    assert runner.handler_errors == []
    assert runner.parameters["par"] == (5, "keyword")
    assert runner.parameters["save_results"] == (False, "default")
    assert runner.ident in str(runner)


def test_r6_a_timeout_is_no_error():
    runner = run(lambda value: time.sleep(0.05), 1, timeout=0.01)
    assert (runner.timed_out, runner.errored, runner.canceled) == (True, False, False)


def test_r6_context_of_a_recipe(recipes):
    recipes.write("steps:\n- {step: set, in: {set: {b: '{a}'}}}\n")
    given = {"a": [1]}
    runner = run("r", context=given)
    assert runner.context["b"] == [1]
    assert given == {"a": [1]}


def test_r6_sources_of_parameters_of_a_pipeline():
    runner = run(Twice, 1, steps={"first": {"amount": 7}})
    assert runner.result == 9
    assert runner.parameters["steps"]["first"]["amount"] == (7, "keyword")
    assert runner.parameters["steps"]["second"]["amount"] == (1, "default")


def test_r6_parameters_of_the_steps_of_a_recipe(recipes):
    plus = "{step: stpipe_test_run_steps.Plus, input: 1%s}"
    recipes.write(f"steps:\n- {plus % ''}\n- {plus % ', in: {amount: 3}'}\n- {plus % ', name: third'}\n")
    parameters = run("r", artifacts_dir="runs").parameters
    assert list(parameters) == ["Plus", "Plus, line 3", "third"]
    assert parameters["Plus"]["amount"] == (1, "default")
    assert parameters["Plus, line 3"]["amount"] == (3, "keyword")


def test_r7_stdout_is_a_new_handle_each_time():
    runner = run(Chatty, 1, times=2, capture_output=True)
    assert runner.stdout.tell() == 0
    text = runner.stdout.read()
    assert text == runner.stdout.read()
    assert text.count("printed") == 2
    assert text.count("logged") == 2
    assert "stpipe.test - INFO - logged 0 of 1" in text
    assert runner.stderr.read().count("wrong") == 2
    assert "logged" not in runner.stderr.read()
    first, second = runner.stdout, runner.stdout
    first.readline()
    assert second.readline() == text.splitlines(keepends=True)[0]


def test_r7_prints_are_left_alone_by_default(capsys):
    runner = run(Chatty, 1)
    assert "printed" not in runner.stdout.read()
    assert capsys.readouterr().out == "printed 0 of 1\n"


def test_r7_echo_and_shell_output(recipes):
    recipes.write("steps:\n- {step: echo, in: {text: said}}\n- {step: shell, in: {cmd: echo typed}}\n")
    text = run("r").stdout.read()
    assert "said" in text
    assert "typed" in text


def test_r7_events_tell_which_lines_are_new():
    runner = run(Chatty, 1, times=3)
    lines = runner.stdout.read().splitlines()
    told = [event for event in runner.events if event.stdout]
    assert [line for event in told for line in event.stdout.splitlines()] == lines
    for event in told:
        assert event.stdout.splitlines() == lines[event.start_line : event.end_line]


def test_r10_stats_are_a_snapshot_and_quick():
    gate = threading.Event()
    thread, runner = run_async(lambda value: gate.wait(10), 1)
    early = runner.stats
    assert set(early) == STATS
    took = []
    for _ in range(20):
        started = time.perf_counter()
        assert runner.stats
        took.append(time.perf_counter() - started)
    gate.set()
    thread.join(10)
    assert min(took) < 1e-3
    assert early["ok"] == {}
    assert runner.stats["ok"] == {"input": 1}
    assert runner.stats == [event for event in runner.events if event.event == "run_stats"][-1].event_data
    runner.stats["ok"]["input"] = 7
    assert runner.stats["ok"] == {"input": 1}


def test_r10_stats_of_a_run_that_never_started():
    runner = run("nix", 1)
    assert runner.stats == {name: {} for name in STATS}


def test_r11_events_of_a_target(models, fakes):
    runner = run(fakes.FakeStep, models)
    events = runner.target_events("b_rate.fits")
    assert {event.target for event in events} == {"b_rate.fits"}
    assert [event.event for event in events] == [
        "target_before_open",
        "target_open",
        "step_target_start",
        "step_target_success",
        "target_close",
    ]
    assert runner.target_events("nix") == []


def test_r12_facts_of_a_target():
    runner = run(Chatty, 1, times=0)
    assert runner.facts("input") == {"times": 0}
    assert runner.facts("nix") == {}
    runner.facts("input").clear()
    assert runner.facts("input") == {"times": 0}


def test_r12_facts_are_stored_under_the_name_of_the_target(models):
    class Stores(Base):
        """Stores a fact of its input."""

        def process(self, model):
            self.store_fact("value", model.value)
            return model

    runner = run(Stores, models)
    assert [runner.facts(name) for name in ("a_rate.fits", "b_rate.fits")] == [{"value": 1.0}, {"value": 2.0}]
