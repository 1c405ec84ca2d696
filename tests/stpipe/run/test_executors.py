"""Inline, threads and processes give the same: results, events, products, output (running.md R30-R35, R7, R17)."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stpipe
from stpipe.executors.stored import Stored

sys.path.insert(0, str(Path(__file__).parent))  # so that workers can import the steps, too

import steps_for_runs as steps


@pytest.fixture
def inputs(workdir: Path) -> list[str]:
    """Five files of values 1 to 5."""
    for value in range(1, 6):
        Path(f"v{value}.json").write_text(json.dumps({"value": value}))
    return [f"v{value}.json" for value in range(1, 6)]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nobody minds the warnings of the steps."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def told(runner: Any) -> dict[str, Any]:
    """What a user sees of a run."""
    values = {name: getattr(result, "value", result) for name, result in runner.result.items()}
    return {
        "status": str(runner.status),
        "rc": runner.rc,
        "values": values,
        "names": {name: getattr(getattr(r, "meta", None), "filename", None) for name, r in runner.result.items()},
        "events": {name: steps.story(runner, name) for name in values},
        "facts": {name: runner.facts(name) for name in values},
        "stats": runner.stats,
        "failed": runner.failed_targets,
        "parameters": json.dumps(stpipe.events.plain_data(runner.parameters)),
        "skips": {name: [one.skip_reason for one in results] for name, results in runner.results.items()},
        "changed": {name: [one.did_change for one in results] for name, results in runner.results.items()},
    }


@pytest.mark.parametrize("work", ["Add", "Two"])
def test_r30_results_events_and_facts_are_the_same_for_all(inputs, work):
    ways = [("inline", 1), ("threads", 3), ("processes", 1), ("processes", 2)]
    found = [told(stpipe.run(getattr(steps, work), inputs, executor=how, workers=n)) for how, n in ways]
    assert found[0]["failed"] == ["v4.json"]
    assert found[0]["skips"]["v3.json"] == (["three"] if work == "Add" else [None])
    for other in found[1:]:
        assert other == found[0]


def test_r30_products_are_the_same_for_all(inputs):
    products = {}
    for how in ("inline", "threads", "processes"):
        runner = stpipe.run(steps.Two, inputs, executor=how, workers=2, save_results=True, output_dir=how)
        products[how] = {path.name: path.read_bytes() for path in sorted(Path(how).glob("v*"))}
        assert runner.result["v1.json"].value == 3
        assert [os.path.dirname(path) for path in runner.results["v1.json"][0].outputs] == [how]
    assert products["threads"] == products["inline"]
    assert products["processes"] == products["inline"]
    assert len(products["inline"]) == 3


def test_saved_products_are_opened_when_they_are_asked_for(inputs):
    runner = stpipe.run(steps.Add, inputs[:2], executor="processes", workers=2, save_results=True)
    path = runner.results["v1.json"][0].outputs[0]
    Path(path).write_text(json.dumps({"value": 42.0}))
    assert runner.result["v1.json"].value == 42
    assert runner.result["v1.json"] is runner.result["v1.json"]


def test_models_that_are_not_saved_wait_in_a_private_folder(inputs):
    runner = stpipe.run(steps.Add, inputs[:2], executor="processes", workers=2)
    waiting = runner.results["v1.json"][0]._outcome.result
    assert isinstance(waiting, Stored)
    assert not waiting.is_open
    folder = Path(waiting.path).parent.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    model = runner.result["v1.json"]
    assert (type(model), model.value, model.meta.filename) == (steps.Model, 2, "v1.json")
    del runner, waiting, model
    import gc

    gc.collect()
    assert not folder.exists()


def test_open_models_are_sent_as_they_are_in_memory(inputs):
    model = steps.Model("given.json", 20.0, "in memory")
    nameless = steps.Model(None, 1.0)
    for how in ("inline", "processes"):
        runner = stpipe.run(steps.Add, model, executor=how)
        assert (runner.result.value, runner.result.note) == (21, "in memory")
        assert (model.meta.filename, model.value) == ("given.json", 20)
        assert stpipe.run(steps.Add, nameless, executor=how).result.meta.filename is None
    assert nameless.meta.filename is None


def test_results_that_are_no_models_are_sent(inputs):
    runner = stpipe.run(steps.Value, inputs, executor="processes", workers=2)
    assert list(runner.result.values()) == [1, 2, 3, 4, 5]


def test_an_instance_is_sent_as_it_is(inputs):
    step = steps.Add(amount=5)
    runner = stpipe.run(step, steps.Model("m.json", 1.0), executor="processes")
    assert runner.result.value == 6


def test_models_opened_by_no_step_class_need_one(inputs, monkeypatch):
    """A function has no opener of its own: that of the installed packages is used."""
    from stpipe import exposure

    monkeypatch.setattr(exposure, "default_door", lambda: steps.Base)
    runner = stpipe.run(steps.make_model, None, executor="processes")
    assert (runner.result.value, runner.result.meta.filename) == (7, "made.json")


def test_override_models_reach_the_workers_and_come_back_as_themselves(inputs):
    saved = []

    class Counted(steps.Model):
        def save(self, path, *args, **kwargs):
            saved.append(path)
            return super().save(path, *args, **kwargs)

    extra = Counted("extra.json", 100.0)
    runner = stpipe.run(steps.Extra, inputs[:2], executor="processes", workers=2, override_extra=extra)
    assert [model.value for model in runner.result.values()] == [102, 103]
    assert runner.parameters["override_extra"][0] is extra
    assert extra.meta.filename == "extra.json"
    assert len(saved) == 1


def test_r7_output_of_workers_is_that_of_the_run_and_the_target(inputs):
    runner = stpipe.run(steps.Add, inputs[:2], executor="processes", workers=2)
    text = runner.stdout.read()
    assert text.count("adding 1") == 2
    assert "value 1\n" in text
    assert "value 2\n" in text
    assert runner.stderr.read().count("trouble") == 2
    result = runner.results["v1.json"][0]
    assert "value 1\n" in result.stdout
    assert "value 2" not in result.stdout
    assert result.stderr.count("trouble") == 1
    printed = [event for event in runner.target_events("v1.json") if "value 1" in event.stdout]
    assert printed


def test_log_records_of_workers_reach_the_handlers_of_the_user(inputs, caplog):
    with caplog.at_level(logging.INFO, logger="stpipe.test"):
        stpipe.run(steps.Add, inputs[:1], executor="processes")
    (record,) = [one for one in caplog.records if one.name == "stpipe.test"]
    assert record.getMessage() == "adding 1"
    assert record.process != os.getpid()


def test_workers_take_over_folder_environment_and_log_levels(inputs, monkeypatch, tmp_path):
    first = stpipe.run(steps.Looks, inputs[0], executor="processes").result
    monkeypatch.setenv("STPIPE_TEST_VARIABLE", "now")
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    logging.getLogger("stpipe.test.level").setLevel(7)
    try:
        second = stpipe.run(steps.Looks, str(tmp_path / inputs[0]), executor="processes").result
    finally:
        logging.getLogger("stpipe.test.level").setLevel(logging.NOTSET)
    third = stpipe.run(steps.Looks, str(tmp_path / inputs[0]), executor="processes").result
    assert first["variable"] is None
    assert (second["variable"], second["folder"], second["level"]) == ("now", str(other), 7)
    assert third["level"] == first["level"]
    assert first["threads"] == "1"
    assert first["pid"] == second["pid"] != os.getpid()


def test_a_worker_that_knows_another_reference_service_is_not_used(inputs, monkeypatch):
    first = stpipe.run(steps.Looks, inputs[0], executor="processes").result
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0001.pmap")
    second = stpipe.run(steps.Looks, inputs[0], executor="processes").result
    assert second["crds"] == "jwst_0001.pmap"
    assert second["pid"] != first["pid"]


def test_workers_are_kept_warm_and_used_again(inputs):
    stpipe.run(steps.Add, inputs[0], executor="processes")
    started = time.perf_counter()
    stpipe.run(steps.Add, inputs[0], executor="processes")
    assert time.perf_counter() - started < 0.4


def test_validating_a_request_starts_nothing():
    from stpipe.executors import find_executor

    started = time.perf_counter()
    find_executor("processes", 64).shutdown()
    assert time.perf_counter() - started < 0.1


def test_r32_more_cores_are_reduced_to_one_with_one_warning(inputs, caplog):
    from stpipe.executors.worker import cores_allowed, in_worker

    runner = stpipe.run(steps.Odd, inputs, executor="processes", workers=2, how="cores_always", maximum_cores="8")
    assert runner.status == "successful"
    assert runner.stdout.read().count("cores 1\n") == 5
    warned = [one for one in caplog.records if "maximum_cores" in one.getMessage() and one.levelname == "WARNING"]
    assert len(warned) == 1
    assert runner.parameters["maximum_cores"][0] == "8"
    assert not in_worker()
    assert cores_allowed("8") == "8"


def test_r33_what_cannot_be_pickled_runs_here_with_one_warning(inputs, caplog):
    seen = []

    def hook(model):
        seen.append((os.getpid(), time.monotonic()))

    runner = stpipe.run(steps.Add, inputs[:3], executor="processes", workers=2, pre_hooks=[hook])
    assert runner.status == "successful"
    assert {pid for pid, _ in seen} == {os.getpid()}
    assert len(seen) == 3
    warned = [one for one in caplog.records if "cannot be sent to a worker" in one.getMessage()]
    assert len(warned) == 1
    assert "one at a time" in warned[0].getMessage()
    assert told(runner)["values"] == {"v1.json": 2, "v2.json": 3, "v3.json": "v3.json"}


def test_r33_a_policy_with_a_lambda_runs_here_but_when_does_not_matter(inputs, caplog):
    when = stpipe.Policy(when=lambda target: target.name != "v2.json")
    runner = stpipe.run(steps.Looks, inputs[:3], executor="processes", workers=2, policy=when)
    assert not [one for one in caplog.records if "cannot be sent" in one.getMessage()]
    assert runner.stats["skipped"] == {"v2.json": 1}
    until = stpipe.Policy(retry_until=lambda result: True)
    runner = stpipe.run(steps.Looks, inputs[0], executor="processes", policy=until)
    assert runner.result["pid"] == os.getpid()


def test_results_that_cannot_be_sent_are_errors_that_say_so(inputs):
    runner = stpipe.run(steps.unsendable, inputs[0], executor="processes")
    assert runner.status == "failed"
    assert "NoPickle, cannot be sent from a worker process" in str(runner.exception)
    assert "executor='threads'" in str(runner.exception)
    assert [event.event for event in runner.events].count("step_target_error") == 1


def test_r34_errors_come_with_type_message_and_traceback(inputs):
    runner = stpipe.run(steps.Add, inputs[3:4], executor="processes")
    result = runner.results["v4.json"][0]
    assert type(runner.exception) is ValueError
    assert "in act" in result.traceback
    assert 'raise ValueError("four")' in result.traceback
    assert 'raise ValueError("four")' in str(runner.exception.__cause__)
    with pytest.raises(ValueError, match="four"):
        stpipe.run(steps.Add, inputs[3:4], executor="processes", raise_on_failure=True)


def test_errors_whose_constructor_takes_something_else_stay_themselves(inputs):
    runner = stpipe.run(steps.Odd, inputs[1], executor="processes", how="strange")
    assert type(runner.exception) is steps.Strange
    assert (runner.exception.number, str(runner.exception)) == (1, "1 two")


def test_errors_that_cannot_be_sent_keep_their_name(inputs):
    runner = stpipe.run(steps.Odd, inputs[1], executor="processes", how="local")
    assert type(runner.exception).__name__ == "Local"
    assert str(runner.exception) == "only here"
    (event,) = [event for event in runner.events if event.event == "step_target_error"]
    assert event.event_data["exception"] == {"type": "Local", "message": "only here"}


def test_memory_errors_are_ordinary_errors(inputs):
    runner = stpipe.run(steps.Odd, inputs[:3], executor="processes", workers=2, how="memory")
    assert runner.failed_targets == ["v2.json"]
    assert isinstance(runner.exception, MemoryError)


def test_much_output_and_many_events_arrive_complete_and_in_order(inputs):
    runner = stpipe.run(steps.Odd, inputs[:2], executor="processes", workers=2, how="chatter")
    with runner.stdout as text:
        assert text.read().count("x") >= 5_000_000
    runner = stpipe.run(steps.Odd, inputs[:2], executor="processes", workers=2, how="flood")
    done = [e.event_data["done"] for e in runner.target_events("v2.json") if e.event == "step_target_progress"]
    assert done == list(range(2000))


def test_a_policy_is_obeyed_in_workers(inputs):
    policy = stpipe.Policy(retries=2, retry_until=steps.is_six)
    runner = stpipe.run(steps.Value, inputs[0], executor="processes", policy=policy)
    names = [event.event for event in runner.events if event.target == "v1.json" and event.step]
    assert names == ["step_target_start", "step_target_retry", "step_target_success"]
    ignoring = stpipe.Policy(ignore_errors=True)
    runner = stpipe.run(steps.Add, inputs, executor="processes", workers=2, policy=ignoring)
    assert runner.status == "successful"
    assert runner.stats["ignored"] == {"v4.json": 1}


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_r30_failures_are_listed_in_the_order_of_the_targets(inputs, executor):
    Path("last.json").write_text(json.dumps({"value": 4}))
    Path("first.json").write_text(json.dumps({"value": 4, "note": "slow"}))
    given = ["first.json", "v1.json", "last.json"]
    runner = stpipe.run(steps.Add, given, executor=executor, workers=3)
    assert runner.failed_targets == ["first.json", "last.json"]
    assert runner.exception is runner.results["first.json"][0].exception


def test_memory_is_counted_for_each_target(inputs):
    runner = stpipe.run(steps.Odd, inputs[:3], executor="processes", how="takes")
    small, large, after = (runner.results[name][0]._outcome.rss_max for name in inputs[:3])
    assert large > small + 60e6
    assert after < large - 60e6


def test_serial_entries_run_one_at_a_time(inputs):
    runner = stpipe.run(steps.Add, inputs, executor="processes", workers=3, policy=stpipe.Policy(serial=True))
    names = [event.target for event in runner.events if event.event == "step_target_start"]
    assert names == inputs


def test_an_executor_can_be_given_as_an_object(inputs):
    from stpipe.executors.processes import ProcessExecutor

    executor = ProcessExecutor(2)
    for _ in range(2):
        assert stpipe.run(steps.Add, inputs[:2], executor=executor).status == "successful"


def test_runs_in_two_threads_have_their_own_workers(inputs):
    thread, runner = stpipe.run_async(steps.Odd, inputs[:3], executor="processes", workers=2, how="sleep", seconds=2.0)
    next(event for event in runner.events if event.event == "step_target_start" and event.target == "v2.json")
    other = stpipe.run(steps.Looks, inputs[3:5], executor="processes", workers=2)
    assert not runner.is_final
    thread.join()
    assert runner.status == other.status == "successful"
    mine = {event.pid for event in runner.events if event.event == "step_target_success"}
    assert mine.isdisjoint({result["pid"] for result in other.result.values()})


def test_nodes_of_an_engine_run_in_workers(inputs):
    from stpipe.run_engine import Engine, Node

    with Engine("processes", workers=2) as engine:
        nodes = [Node(steps.Add, {"save_results": name == "v2.json"}, name, name) for name in inputs[:2]]
        outcomes = engine.run([*nodes, Node(steps.Odd, {"how": "kill"}, "v2.json", "crashes")])
    assert [outcome.status for outcome in outcomes] == ["ok", "ok", "failed"]
    assert [outcome.result.value for outcome in outcomes[:2]] == [2, 3]


def test_results_of_several_models_come_back_saved_or_not(inputs):
    for save in (False, True):
        for how in ("inline", "processes"):
            runner = stpipe.run(steps.Several, inputs[:2], executor=how, workers=2, save_results=save)
            found = runner.result["v1.json"]
            assert [model.value for model in found] == [1, 2]
            assert len(runner.results["v1.json"][0].outputs) == (2 if save else 0)


RECIPE = """
steps:
  - step: steps_for_runs.Add
    in: {amount: 5}
"""


def test_recipes_run_in_workers(inputs, monkeypatch):
    from stpipe import exposure

    monkeypatch.setattr(exposure, "default_door", lambda: steps.Base)  # a recipe has no opener of its own
    Path("recipe.yaml").write_text(RECIPE)
    found = {}
    for how in ("inline", "processes"):
        given = stpipe.Inventory(inputs[:2]).opened_by(steps.Base)
        runner = stpipe.run("recipe.yaml", given, executor=how, workers=2, py_dir=str(Path(__file__).parent))
        assert runner.status == "successful", runner.exception
        found[how] = told(runner)
        assert runner.context["result"].value == 6
    assert found["processes"] == found["inline"]


def test_plans_pass_results_from_worker_to_worker(inputs):
    plans = {}
    for how in ("inline", "processes"):
        plan = stpipe.Plan(stpipe.Inventory(inputs[:2]).opened_by(steps.Base))
        first = plan.add(steps.Add, amount=5)
        second = plan.add(steps.Add, name="again", amount=7)
        runner = plan.execute(executor=how, workers=2)
        assert runner.status == "successful", runner.exception
        plans[how] = [(one.result.value, one.did_change) for one in (second[inputs[0]], second[inputs[1]])]
        assert first[inputs[0]].did_succeed
    assert plans["processes"] == plans["inline"] == [(13, True), (14, True)]
