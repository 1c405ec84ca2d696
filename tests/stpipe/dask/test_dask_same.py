"""On a dask cluster everything is as inline: results, events, products, output (running.md R7, R30, R33, R34)."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stpipe
from stpipe.executors.stored import Stored

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

import steps_for_runs as steps  # noqa: E402  which the conftest has made importable


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nobody minds the warnings of the steps."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def lines(text: str) -> list[str]:
    """Lines without times; that an instance was made is told before the task inline, and with it elsewhere."""
    found = [re.sub(r"^[\d\-]+ [\d:,]+ - ", "", line) for line in text.splitlines()]
    return [line for line in found if not line.endswith("instance created.")]


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
        "errors": {name: [repr(one.exception) for one in results] for name, results in runner.results.items()},
    }


@pytest.mark.parametrize("work", ["Add", "Two"])
def test_r30_results_events_and_facts_are_those_of_one_process(inputs, client, work):
    one, other = (told(stpipe.run(getattr(steps, work), inputs, executor=how)) for how in ("inline", client))
    assert one["failed"] == ["v4.json"]
    assert other == one


def test_r30_products_are_the_same(inputs, client):
    products = {}
    for how, executor in (("inline", "inline"), ("dask", client)):
        runner = stpipe.run(steps.Two, inputs, executor=executor, save_results=True, output_dir=how)
        products[how] = {path.name: path.read_bytes() for path in sorted(Path(how).glob("v*"))}
        assert runner.result["v1.json"].value == 3
        assert [os.path.dirname(path) for path in runner.results["v1.json"][0].outputs] == [how]
    assert products["dask"] == products["inline"]
    assert len(products["inline"]) == 3
    assert not [name for name in os.listdir("dask") if name.startswith(".stpipe-run")]


def test_the_private_folder_is_in_the_output_folder(inputs, client):
    seen = set()
    runner = stpipe.run(
        steps.Add, inputs[:2], executor=client, output_dir="out",
        event_handler=lambda event: seen.update(Path().rglob(".stpipe-run-*")),
    )  # fmt: skip
    assert runner.status == "successful"
    assert [str(path.parent) for path in seen] == ["out"]
    assert not list(Path().rglob(".stpipe-run-*"))


def test_models_that_are_not_saved_wait_in_a_private_folder(inputs, client):
    runner = stpipe.run(steps.Add, inputs[:2], executor=client)
    waiting = runner.results["v1.json"][0]._outcome.result
    assert isinstance(waiting, Stored)
    assert not waiting.is_open
    folder = Path(waiting.path).parent.parent
    assert folder.parent == Path().absolute()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.suffix for path in folder.rglob("*") if path.is_file()) == [".json", ".json"]
    model = runner.result["v1.json"]
    assert (type(model), model.value, model.meta.filename) == (steps.Model, 2, "v1.json")
    del runner, waiting, model
    import gc

    gc.collect()
    assert not folder.exists()


def test_another_folder_for_models_can_be_given(inputs, client, tmp_path):
    from stpipe.executors.dask import connect

    executor = connect(client.scheduler.address, folder=tmp_path / "shared")
    try:
        runner = stpipe.run(steps.Add, inputs[:2], executor=executor)
        path = Path(runner.results["v1.json"][0]._outcome.result.path)
        assert path.parent.parent.parent == tmp_path / "shared"
    finally:
        executor.shutdown()


def test_open_models_and_overrides_are_sent_as_they_are_in_memory(inputs, client):
    model, extra = steps.Model("given.json", 20.0, "in memory"), steps.Model("extra.json", 100.0)
    runner = stpipe.run(steps.Extra, model, executor=client, override_extra=extra)
    assert (runner.result.value, runner.result.note) == (121, "in memory")
    assert runner.parameters["override_extra"][0] is extra
    assert (model.meta.filename, model.value) == ("given.json", 20)


def test_plans_pass_results_from_worker_to_worker(inputs, client):
    plan = stpipe.Plan(stpipe.Inventory(inputs[:2]).opened_by(steps.Base))
    plan.add(steps.Add, amount=5)
    second = plan.add(steps.Add, name="again", amount=7)
    runner = plan.execute(executor=client)
    assert runner.status == "successful", runner.exception
    assert [second[name].result.value for name in inputs[:2]] == [13, 14]


def test_r7_logs_and_prints_are_those_of_one_process(inputs, client):
    texts = {}
    for how, executor in (("inline", "inline"), ("dask", client)):
        runner = stpipe.run(steps.Add, inputs[:1], executor=executor, capture_output=True)
        result = runner.results["v1.json"][0]
        texts[how] = (lines(result.stdout), lines(result.stderr), lines(runner.stdout.read()))
    assert "value 1" in texts["dask"][0]
    assert "trouble" in texts["dask"][1]
    assert texts["dask"] == texts["inline"]


def test_events_and_logs_arrive_while_a_task_runs(inputs, client, caplog):
    caplog.set_level(logging.INFO, logger="stpipe.test")
    thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor=client, how="sleep", seconds=1.0)
    event = next(event for event in runner.events if event.event == "step_target_start")
    assert event.pid != os.getpid()
    assert not runner.is_final
    thread.join()
    counters = [event.counter for event in runner.events]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    (record,) = [one for one in caplog.records if one.getMessage() == "adding 1"]
    assert record.process == event.pid


def test_much_output_and_many_events_arrive_complete_and_in_order(inputs, client):
    runner = stpipe.run(steps.Odd, inputs[:2], executor=client, how="chatter")
    with runner.stdout as text:
        assert text.read().count("x") >= 5_000_000
    runner = stpipe.run(steps.Odd, inputs[:2], executor=client, how="flood")
    done = [e.event_data["done"] for e in runner.target_events("v2.json") if e.event == "step_target_progress"]
    assert done == list(range(2000))


def test_large_values_go_both_ways(inputs, client):
    numbers = list(range(400_000))
    folders = set()
    runner = stpipe.run(
        steps.with_value, inputs[0], executor=client, numbers=numbers,
        event_handler=lambda event: folders.update(Path().rglob("*.order")),
    )  # fmt: skip
    assert runner.status == "successful", runner.exception
    assert runner.result == (1.0, numbers)
    assert folders
    assert not list(Path().rglob(".stpipe-run*"))


def test_r33_what_cannot_be_pickled_runs_here_with_one_warning(inputs, client, caplog):
    seen = []
    runner = stpipe.run(steps.Add, inputs[:3], executor=client, pre_hooks=[lambda model: seen.append(os.getpid())])
    assert runner.status == "successful"
    assert seen == [os.getpid()] * 3
    warned = [one for one in caplog.records if "cannot be sent to a worker" in one.getMessage()]
    assert len(warned) == 1


def test_results_that_cannot_be_sent_are_errors_that_say_so(inputs, client):
    runner = stpipe.run(steps.unsendable, inputs[0], executor=client)
    assert runner.status == "failed"
    assert "NoPickle, cannot be sent from a worker process" in str(runner.exception)


def test_r34_errors_come_with_type_message_and_traceback(inputs, client):
    runner = stpipe.run(steps.Add, inputs[3:4], executor=client)
    assert type(runner.exception) is ValueError
    assert 'raise ValueError("four")' in runner.results["v4.json"][0].traceback


def test_tasks_have_folder_environment_and_log_levels_of_the_run(inputs, client, monkeypatch, tmp_path):
    monkeypatch.setenv("STPIPE_TEST_VARIABLE", "now")
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    logging.getLogger("stpipe.test.level").setLevel(7)
    try:
        seen = stpipe.run(steps.Looks, str(tmp_path / inputs[0]), executor=client).result
    finally:
        logging.getLogger("stpipe.test.level").setLevel(logging.NOTSET)
    assert (seen["variable"], seen["folder"], seen["level"]) == ("now", str(other), 7)
    assert seen["pid"] not in {os.getpid(), *client.run(os.getpid).values()}


def test_serial_entries_run_one_at_a_time(inputs, client):
    runner = stpipe.run(steps.Add, inputs, executor=client, policy=stpipe.Policy(serial=True))
    names = [event.target for event in runner.events if event.event == "step_target_start"]
    assert names == inputs


def test_two_runs_share_a_cluster(inputs, client):
    thread, runner = stpipe.run_async(steps.Odd, inputs[:3], executor=client, how="sleep", seconds=0.5)
    other = stpipe.run(steps.Add, inputs[:3], executor=client)
    thread.join()
    assert runner.status == other.status == "successful"
    assert [one.value for one in runner.result.values()] == [2, 3, 4]
