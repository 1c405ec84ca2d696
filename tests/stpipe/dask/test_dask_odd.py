"""Dask workers that die, hang, are stopped, or see other files; a scheduler that is gone (running.md R16, R17, R31)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import stpipe
from stpipe.exceptions import InputError, RunError, RunTimeoutError, WorkerCrashed

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

import steps_for_runs as steps  # noqa: E402  which the conftest has made importable


def names(runner: Any, target: str = "v2.json") -> list[str]:
    """Events of the steps of a target."""
    return [event.event for event in runner.target_events(target) if event.step]


def is_gone(pid: int) -> bool:
    """Whether there is no such process, or soon."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def kill_worker_of(client: Any, pid: int) -> None:
    """Kill the dask worker that has a process for tasks with this number."""
    pids = set(client.run(os.getpid).values())
    while pid not in pids and pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    assert pid in pids
    os.kill(pid, 9)


def begun(runner: Any, target: str = "v2.json") -> int:
    """Wait until a target has begun; the number of its process."""
    return next(one.pid for one in runner.events if one.event == "step_target_start" and one.target == target)


@pytest.fixture
def whole(client: Any) -> Any:
    """The cluster with both workers, before and after."""
    client.wait_for_workers(2, timeout=60)
    yield client
    client.wait_for_workers(2, timeout=60)


def test_r31_a_killed_dask_worker_is_one_failed_target(inputs, whole):
    thread, runner = stpipe.run_async(steps.Odd, inputs, executor=whole, how="sleep", seconds=20)
    pid = begun(runner)
    kill_worker_of(whole, pid)
    thread.join(40)
    assert (runner.status, runner.failed_targets) == ("failed", ["v2.json"])
    assert isinstance(runner.exception, WorkerCrashed)
    assert "is gone: it was killed, or lost its connection" in str(runner.exception)
    assert names(runner) == ["step_target_start", "step_target_error"]
    assert [one.value for name, one in runner.result.items() if name != "v2.json"] == [2, 4, 5, 6]
    assert is_gone(pid)


def test_r31_a_task_of_a_killed_dask_worker_is_tried_again_if_the_policy_says_so(inputs, whole):
    thread, runner = stpipe.run_async(
        steps.Odd, inputs, executor=whole, how="once", seconds=20, policy=stpipe.Policy(retries=1), save_results=True
    )
    kill_worker_of(whole, begun(runner))
    thread.join(40)
    assert runner.status == "successful", runner.exception
    assert [one.value for one in runner.result.values()] == [2, 3, 4, 5, 6]
    assert names(runner) == ["step_target_start", "step_target_retry", "step_target_success"]
    assert not list(Path().rglob(".stpipe-*-*"))


@pytest.mark.parametrize(("how", "text"), [("kill", "killed by SIGKILL"), ("exits", "raised SystemExit: enough")])
def test_r31_a_task_that_kills_its_process_leaves_the_dask_worker(inputs, whole, how, text):
    before = whole.run(os.getpid)
    runner = stpipe.run(steps.Odd, inputs[:3], executor=whole, how=how)
    assert (runner.status, runner.failed_targets) == ("failed", ["v2.json"])
    assert isinstance(runner.exception, WorkerCrashed)
    assert text in str(runner.exception)
    assert whole.run(os.getpid) == before


@pytest.mark.parametrize("how", ["checks", "sleep", "stubborn"])
def test_r17_an_attempt_that_is_out_of_time_is_stopped(inputs, whole, how):
    started = time.monotonic()
    runner = stpipe.run(steps.Odd, inputs, executor=whole, how=how, seconds=20, policy=stpipe.Policy(timeout=0.4))
    assert time.monotonic() - started < 4
    assert isinstance(runner.exception, RunTimeoutError)
    assert str(runner.exception) == "step odd has taken more than 0.4 s"
    assert names(runner) == ["step_target_start", "step_target_error"]
    assert runner.failed_targets == ["v2.json"]


@pytest.mark.parametrize("how", ["checks", "sleep", "stubborn"])
def test_r17_cancel_stops_tasks_and_leaves_no_process(inputs, whole, how):
    thread, runner = stpipe.run_async(steps.Odd, inputs[1:], executor=whole, how=how, seconds=20)
    pid = begun(runner)
    time.sleep(0.05)
    started = time.monotonic()
    runner.cancel()
    thread.join(5)
    assert time.monotonic() - started < 2
    assert (runner.status, runner.rc) == ("canceled", 254)
    assert names(runner) == ["step_target_start", "step_target_error"]
    assert how == "checks" or is_gone(pid)
    assert not [keys for keys in whole.processing().values() if keys]


def test_r16_a_run_that_is_out_of_time_stops_its_tasks(inputs, whole):
    runner = stpipe.run(steps.Odd, inputs, executor=whole, how="sleep", seconds=20, timeout=0.6)
    assert (runner.status, runner.rc) == ("timeout", 254)
    assert stpipe.run(steps.Add, inputs[:2], executor=whole).status == "successful"


def test_r17_nothing_half_written_is_left(inputs, whole):
    thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor=whole, how="write", seconds=20)
    for _ in range(500):
        if os.path.exists("writing"):
            break
        time.sleep(0.01)
    runner.cancel()
    thread.join(5)
    assert runner.status == "canceled"
    assert not os.path.exists("out") or not os.listdir("out")


def test_no_more_tasks_are_sent_than_there_are_threads_and_one(inputs, whole, monkeypatch):
    from stpipe.executors.dask import DaskExecutor

    most, real = [], DaskExecutor.has_room

    def counted(self: Any, under_way: Any) -> bool:
        most.append(len(under_way))
        return real(self, under_way)

    monkeypatch.setattr(DaskExecutor, "has_room", counted)
    given = [f"w{number}.json" for number in range(12)]
    for name in given:
        Path(name).write_text(json.dumps({"value": 1}))
    assert stpipe.run(steps.Add, given, executor=whole).status == "successful"
    assert max(most) == 3
    for _ in range(100):
        if not whole.futures:
            break
        time.sleep(0.02)
    assert not whole.futures


def test_a_folder_that_workers_cannot_see_ends_the_run_and_is_named(inputs, whole, monkeypatch):
    from stpipe.executors import dask_crew

    real = dask_crew.DaskCrew.folder

    def elsewhere(self: Any, job: Any) -> Any:
        private = real(self, job)
        self._private = "/nowhere/at/all"
        return private

    monkeypatch.setattr(dask_crew.DaskCrew, "folder", elsewhere)
    runner = stpipe.run(steps.Add, inputs[:2], executor=whole)
    assert runner.status == "failed"
    assert isinstance(runner.exception, RunError)
    assert "cannot see /nowhere/at/all" in str(runner.exception)
    assert "--dask-folder" in str(runner.exception)


def test_an_input_that_workers_cannot_see_fails_alone_and_is_named(inputs, whole, monkeypatch):
    from dataclasses import replace

    from stpipe.executors import process_round

    real = process_round.make_order

    def with_other_input(job: Any, *args: Any) -> Any:
        order = real(job, *args)
        return replace(order, inputs=("/nowhere/v2.json",)) if job.task.target == "v2.json" else order

    monkeypatch.setattr(process_round, "make_order", with_other_input)
    runner = stpipe.run(steps.Add, inputs[:3], executor=whole)
    assert runner.failed_targets == ["v2.json"]
    assert isinstance(runner.exception, InputError)
    assert "/nowhere/v2.json is there on" in str(runner.exception)
    assert names(runner) == ["step_target_start", "step_target_error"]


def test_a_scheduler_that_is_gone_ends_the_run(inputs):
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=False
    ) as cluster:
        client = distributed.Client(cluster, set_as_default=False)
        thread, runner = stpipe.run_async(steps.Odd, inputs[1], executor=client, how="sleep", seconds=20)
        pid = begun(runner)
        cluster.close()
        thread.join(10)
        assert not thread.is_alive()
        assert runner.status == "failed"
        assert "the dask scheduler at tcp://" in str(runner.exception)
        assert is_gone(pid)
        client.close()
    again = stpipe.run(steps.Odd, inputs[0], executor=client)
    assert again.status == "failed"
    assert "cannot be reached" in str(again.exception)


def test_an_address_where_nobody_is(inputs, monkeypatch):
    from stpipe.executors import dask

    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.3)
    runner = stpipe.run(steps.Odd, inputs[0], executor="tcp://127.0.0.1:9")
    assert runner.status == "failed"
    assert "there is no dask scheduler at tcp://127.0.0.1:9" in str(runner.exception)
    with pytest.raises(RunError, match="no dask scheduler"):
        dask.connect("tcp://127.0.0.1:9")


def test_a_cluster_and_its_address_will_do(inputs, client, cluster):
    for executor in (cluster, cluster.scheduler_address):
        assert stpipe.run(steps.Odd, inputs[0], executor=executor).result.value == 2
