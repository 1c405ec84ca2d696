"""Workers that die, hang or are stopped (running.md R16, R17, R31, and retries of attempts that were killed)."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import stpipe
from stpipe.exceptions import CanceledError, RunTimeoutError, WorkerCrashed

sys.path.insert(0, str(Path(__file__).parent))  # so that workers can import the steps, too

import steps_for_runs as steps


@pytest.fixture
def inputs(workdir: Path) -> list[str]:
    """Three files of values 1 to 3."""
    for value in range(1, 4):
        Path(f"v{value}.json").write_text(json.dumps({"value": value}))
    return [f"v{value}.json" for value in range(1, 4)]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Start the workers before anything is timed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        stpipe.run(steps.Odd, [steps.Model("a"), steps.Model("b")], executor="processes", workers=2)


def start(inputs: Any, **more: Any) -> Any:
    return stpipe.run(steps.Odd, inputs, executor="processes", **{"workers": 2, **more})


def names(runner: Any, target: str = "v2.json") -> list[str]:
    """Events of the steps of a target."""
    return [event.event for event in runner.target_events(target) if event.step]


def is_gone(pid: int) -> bool:
    """Whether there is no such process, or soon."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("kill", r"killed by SIGKILL \(signal 9\), perhaps because memory ran out"),
        ("leave", "ended with exit code 3"),
        ("exits", "raised SystemExit: enough"),
    ],
)
def test_r31_a_crashed_worker_is_one_failed_target(inputs, how, text):
    runner = start(inputs, how=how)
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, ["v2.json"])
    assert isinstance(runner.exception, WorkerCrashed)
    with pytest.raises(WorkerCrashed, match=text):
        raise runner.exception
    assert names(runner) == ["step_target_start", "step_target_error"]
    error = runner.target_events("v2.json")[-2]
    if how != "exits":
        assert error.event_data["exception"]["type"] == "WorkerCrashed"
        assert {"duration", "rss_max", "references", "outputs", "retry_count", "max_retries"} <= set(error.event_data)
    assert [runner.results[name][0].did_succeed for name in inputs] == [True, False, True]
    assert runner.stats["failed"] == {"v2.json": 1}


def test_r31_what_a_crashed_worker_has_said_is_kept(inputs):
    runner = start(inputs, how="kill")
    result = runner.results["v2.json"][0]
    assert "last words\n" in result.stdout
    assert "dying" in result.stdout
    assert "WorkerCrashed" in result.traceback


def test_r31_a_sub_step_whose_worker_crashed_is_closed_before_its_pipeline(inputs):
    steps_given = {"second": {"how": "kill_always"}}
    runner = stpipe.run(steps.OddPipeline, inputs[0], executor="processes", steps=steps_given)
    events = [event for event in runner.events if event.step]
    assert (events[-1].event, events[-1].step) == ("step_end", "odd_pipeline")
    errors = [event for event in events if event.event == "step_target_error"]
    assert [event.step for event in errors] == ["second", "odd_pipeline"]
    start_of = {event.step: event for event in events if event.event == "step_target_start"}
    assert errors[0].parent_uuid == start_of["odd_pipeline"].uuid
    assert errors[1].parent_uuid is None
    assert runner.stats["failed"] == {"v1.json": 1}


def test_r31_a_worker_killed_from_outside_is_noticed_at_once(inputs):
    thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor="processes", how="sleep", seconds=20)
    pid = next(event.pid for event in runner.events if event.event == "step_target_start")
    time.sleep(0.05)
    os.kill(pid, 9)
    started = time.monotonic()
    thread.join(5)
    assert time.monotonic() - started < 0.5
    assert isinstance(runner.exception, WorkerCrashed)


def test_crashes_are_retried_in_a_new_worker_if_the_policy_says_so(inputs):
    runner = start(inputs, how="crash_once", policy=stpipe.Policy(retries=2))
    assert runner.status == "successful"
    assert names(runner) == ["step_target_start", "step_target_retry", "step_target_success"]
    events = [event for event in runner.target_events("v2.json") if event.step]
    assert events[0].pid != events[-1].pid
    assert [event.event_data.get("retry_count") for event in events[1:]] == [1, 1]
    assert events[-1].event_data["max_retries"] == 2
    assert runner.results["v2.json"][0].retry_attempts == 1
    assert "last words" in runner.results["v2.json"][0].stdout


def test_crashes_are_not_retried_if_the_policy_names_other_errors(inputs):
    runner = start(inputs, how="crash_once", policy=stpipe.Policy(retries=2, retry_on=OSError))
    assert names(runner) == ["step_target_start", "step_target_error"]


def test_crashes_of_every_attempt_end(inputs):
    runner = start(inputs, how="kill", policy=stpipe.Policy(retries=2))
    assert names(runner) == ["step_target_start", "step_target_retry", "step_target_retry", "step_target_error"]
    assert runner.target_events("v2.json")[-2].event_data["retry_count"] == 2


def test_crashes_can_be_ignored(inputs):
    runner = start(inputs, how="kill", policy=stpipe.Policy(ignore_errors=True))
    assert (runner.status, runner.rc) == ("successful", 0)
    assert runner.stats["ignored"] == {"v2.json": 1}


@pytest.mark.parametrize("how", ["checks", "sleep", "stubborn"])
def test_r17_an_attempt_that_is_out_of_time_is_stopped(inputs, how):
    started = time.monotonic()
    runner = start(inputs, how=how, seconds=5, policy=stpipe.Policy(timeout=0.3))
    assert time.monotonic() - started < 0.3 + 0.5 + 0.3
    assert (runner.status, runner.rc) == ("failed", 2)
    assert isinstance(runner.exception, RunTimeoutError)
    assert str(runner.exception) == "step odd has taken more than 0.3 s"
    assert names(runner) == ["step_target_start", "step_target_error"]
    assert [runner.results[name][0].did_succeed for name in inputs] == [True, False, True]


def test_r17_a_killed_attempt_is_tried_again(inputs):
    policy = stpipe.Policy(timeout=0.3, retries=1, retry_delay=0.05, retry_on="RunTimeoutError")
    runner = start(inputs, how="once", policy=policy)
    assert runner.status == "successful"
    assert names(runner) == ["step_target_start", "step_target_retry", "step_target_success"]
    assert runner.result["v2.json"].value == 3


def test_r17_sub_steps_of_a_killed_attempt_are_closed_and_started_again(inputs):
    runner = stpipe.run(
        steps.OddPipeline,
        steps.Model("m", 1.0),
        executor="processes",
        steps={"second": {"how": "once"}},
        policy=stpipe.Policy(timeout=0.5, retries=1),
    )
    told = [(event.event.removeprefix("step_target_"), event.step) for event in runner.events if event.target]
    told = [pair for pair in told if pair[1] and pair[0] != "progress"]
    assert told == [
        ("start", "odd_pipeline"), ("start", "first"), ("success", "first"), ("start", "second"),
        ("error", "second"), ("retry", "odd_pipeline"),
        ("start", "first"), ("success", "first"), ("start", "second"), ("success", "second"),
        ("success", "odd_pipeline"),
    ]  # fmt: skip
    (top,) = [
        event.uuid for event in runner.events if (event.event, event.step) == ("step_target_start", "odd_pipeline")
    ]
    starts = [event for event in runner.events if event.event == "step_target_start" and event.uuid != top]
    assert {event.parent_uuid for event in starts} == {top}


@pytest.mark.parametrize("how", ["sleep", "stubborn"])
def test_r17_cancel_stops_within_half_a_second_and_leaves_no_process(inputs, how):
    thread, runner = stpipe.run_async(steps.Odd, inputs[1:], executor="processes", workers=2, how=how, seconds=20)
    pid = next(event.pid for event in runner.events if event.event == "step_target_start" and event.target == "v2.json")
    time.sleep(0.05)
    started = time.monotonic()
    runner.cancel()
    thread.join(5)
    assert time.monotonic() - started < 0.5
    assert (runner.status, runner.rc) == ("canceled", 254)
    assert is_gone(pid)
    assert names(runner) == ["step_target_start", "step_target_error"]
    error = [event for event in runner.target_events("v2.json") if event.event == "step_target_error"][0]
    assert error.event_data["exception"]["type"] == "CanceledError"
    assert runner.results["v2.json"][0].status == "canceled"


def test_r16_a_run_that_is_out_of_time_kills_its_workers(inputs):
    started = time.monotonic()
    runner = start(inputs, how="sleep", seconds=20, timeout=0.4)
    assert time.monotonic() - started < 0.4 + 0.5 + 0.2
    assert (runner.status, runner.rc) == ("timeout", 254)
    assert isinstance(runner.exception, RunTimeoutError)


def test_r17_nothing_half_written_is_left(inputs):
    thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor="processes", how="write", seconds=20)
    while not os.path.exists("writing"):
        time.sleep(0.01)
    runner.cancel()
    thread.join(5)
    assert runner.status == "canceled"
    assert not os.path.exists("out")


def test_what_a_killed_worker_has_half_written_is_removed(inputs):
    thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor="processes", how="write", seconds=20)
    while not os.path.exists("writing"):
        time.sleep(0.01)
    assert os.listdir("out")[0].startswith(".stpipe-")
    os.kill(next(event.pid for event in runner.events if event.event == "step_target_start"), 9)
    thread.join(5)
    assert isinstance(runner.exception, WorkerCrashed)
    assert os.listdir("out") == []


def test_cancel_in_the_pause_before_a_retry(inputs):
    policy = stpipe.Policy(retries=3, retry_delay=20)
    thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor="processes", how="kill", policy=policy)
    next(event for event in runner.events if event.event == "step_target_retry")
    runner.cancel()
    thread.join(5)
    assert runner.status == "canceled"
    assert names(runner) == ["step_target_start", "step_target_retry", "step_target_error"]


def test_tasks_done_in_this_process_stop_at_a_checkpoint(inputs):
    thread, runner = stpipe.run_async(
        steps.Odd, inputs[1], executor="processes", how="checks", seconds=20, post_hooks=[lambda result: None]
    )
    next(event for event in runner.events if event.event == "step_target_start")
    runner.cancel()
    thread.join(5)
    assert runner.status == "canceled"
    assert names(runner) == ["step_target_start", "step_target_error"]


def test_workers_killed_at_random_leave_whole_stories_and_products(workdir):
    import random

    given = [f"w{number}.json" for number in range(20)]
    for name in given:
        Path(name).write_text(json.dumps({"value": 0}))
    chance, over, pids = random.Random(1), threading.Event(), []

    def kill() -> None:
        while not over.wait(chance.uniform(0.01, 0.1)):
            if pids:
                try:
                    os.kill(chance.choice(pids[-3:]), 9)
                except ProcessLookupError:
                    pids.pop()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        runner = stpipe.run(
            steps.OddPipeline, given, executor="processes", workers=3, save_results=True, output_dir="out",
            steps={"second": {"how": "sleep_always", "seconds": 0.02}}, policy=stpipe.Policy(retries=1),
            event_handler=lambda event: pids.append(event.pid) if event.pid != os.getpid() else None,
        )  # fmt: skip
    finally:
        over.set()
        killer.join()
    for name in given:
        told = [event.event.removeprefix("step_target_") for event in runner.target_events(name) if event.step]
        assert told[-1] in ("success", "error")
        top = [event for event in runner.target_events(name) if event.step == "odd_pipeline"]
        assert [event.event for event in top].count("step_target_start") == 1
        assert told.count("start") == told.count("success") + told.count("error")
        succeeded = runner.results[name][0].did_succeed
        assert succeeded == (top[-1].event == "step_target_success")
        assert not succeeded or runner.result[name].value == 2
    assert not [name for name in os.listdir("out") if not name.endswith(".json")]


def test_the_pool_is_whole_after_all_this(inputs):
    assert start(inputs, how="cores").status == "successful"
    assert not [thread for thread in threading.enumerate() if thread.name == "stpipe-start"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_an_interrupt_stops_what_is_under_way_and_is_raised(inputs, executor):
    def interrupt(event: Any) -> None:
        if event.event == "step_target_start" and event.target == "v2.json":
            raise KeyboardInterrupt

    started = time.monotonic()
    seen: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        stpipe.run(
            steps.Odd, inputs, executor=executor, workers=2, how="checks", seconds=20,
            event_handler=interrupt, finished_callback=seen.append,
        )  # fmt: skip
    assert time.monotonic() - started < 2
    assert [runner.status for runner in seen] == ["canceled"]
    assert seen[0].results["v2.json"][0].status == "canceled"
    assert isinstance(seen[0].results["v2.json"][0].exception, CanceledError)
