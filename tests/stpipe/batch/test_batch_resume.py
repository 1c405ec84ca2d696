"""Batches that are resumed, stopped and killed (issue 6 part 2): nothing lost, only unfinished work redone."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from stpipe.executors.manifest import Manifest, read_manifest

COUNTED = "steps_for_batches.Counted"
OUT = "--output_dir=out"


def test_finished_work_is_left_out(desk):
    paths = desk.expose(3)
    assert desk.strun(COUNTED, *paths, OUT)[0] == 0
    before = desk.records()
    code, out, _ = desk.strun(COUNTED, *paths, OUT, "--resume")
    assert code == 0
    assert "3 up to date" in out
    assert len(desk.runs()) == 3
    assert desk.records() == before
    assert desk.strun(COUNTED, *paths, OUT)[0] == 0  # without --resume all is done again
    assert len(desk.runs()) == 6


@pytest.mark.parametrize("state", ["both", "manifest", "folder"])
@pytest.mark.parametrize("change", ["parameter", "input", "gone", "replaced", "touched", "copied"])
def test_what_has_changed_is_done_again(desk, change, state):
    paths = desk.expose(2)
    assert desk.strun(COUNTED, *paths, OUT, "--amount=2")[0] == 0
    if state == "manifest":
        os.unlink("out/.stpipe_state.json")
    elif state == "folder":
        os.unlink("out/manifest.jsonl")
    product, amount = Path("out/e00_uncal_counted.json"), "2"
    if change == "parameter":
        amount = "3"
    elif change == "input":
        Path(paths[0]).write_text(json.dumps({"value": 77, "note": ""}))
    elif change == "gone":
        product.unlink()
    elif change == "replaced":
        product.write_text('{"value": 0}')
    elif change == "touched":
        os.utime(paths[0])
    elif change == "copied":
        content = Path(paths[0]).read_bytes()
        os.unlink(paths[0])
        Path(paths[0]).write_bytes(content)
    del desk.runs()[:]
    assert desk.strun(COUNTED, *paths, OUT, f"--amount={amount}", "--resume")[0] == 0
    again = desk.runs()[2:]
    if change == "parameter":
        assert sorted(again) == ["e00_uncal.json", "e01_uncal.json"]
    elif change in ("touched", "copied") and state != "folder":
        assert again == []  # the content is the same, which the manifest knows
    else:
        assert again == ["e00_uncal.json"]
    assert desk.value(str(product)) == {"parameter": 13, "input": 79}.get(change, 12)


def test_skipped_exposures_are_not_asked_again(desk):
    paths = desk.expose(2, first=2)
    assert desk.strun("steps_for_runs.Add", *paths, OUT)[0] == 0
    assert desk.statuses() == {"done": 1, "skipped": 1}
    code, out, _ = desk.strun("steps_for_runs.Add", *paths, OUT, "--resume")
    assert "2 up to date" in out
    assert desk.statuses() == {"done": 1, "skipped": 1}


def test_only_what_failed_is_tried_again(desk):
    paths = desk.expose(5, first=0)
    assert desk.strun("steps_for_runs.Add", *paths, OUT)[0] == 2
    code, out, _ = desk.strun("steps_for_runs.Add", *paths, OUT, "--retry-failed")
    assert "1 exposure: 1 failed" in out
    Path(paths[4]).write_text(json.dumps({"value": 40, "note": ""}))
    assert desk.strun("steps_for_runs.Add", "--retry-failed", OUT)[0] == 0
    assert desk.value("out/e04_uncal_add.json") == 41
    assert not list(Path("out/logs").glob("*.error.txt"))
    code, out, _ = desk.strun("steps_for_runs.Add", "--retry-failed", OUT)
    assert code == 0
    assert "nothing to do" in out
    assert len(desk.records()) == 5


def test_a_second_batch_in_the_folder_is_refused(desk):
    paths = desk.expose(1)
    manifest = Manifest("out")
    code, _, error = desk.strun(COUNTED, *paths, OUT)
    assert code == 4
    assert "another batch is at work in" in error
    manifest.close()
    assert desk.strun(COUNTED, *paths, OUT)[0] == 0


def test_a_worker_that_dies_is_told_and_the_exposure_tried_once_more(desk):
    paths = desk.expose(3, first=1)
    assert desk.strun("steps_for_runs.Odd", *paths, OUT, "--how=crash_once", "-j2")[0] == 0
    assert desk.records()["e01_uncal.json"]["attempts"] == 2
    code, _, _ = desk.strun("steps_for_runs.Odd", *paths, OUT, "--how=kill", "-j2")
    assert code == 2
    assert desk.statuses() == {"done": 2, "failed": 1}
    lost = desk.records()["e01_uncal.json"]
    assert lost["error"]["type"] == "WorkerCrashed"
    assert lost["attempts"] == 2
    assert "last words" in Path(lost["log"]).read_text()


def test_an_exposure_that_takes_too_long_fails_alone(desk):
    paths = desk.expose(3, first=1)
    arguments = ["steps_for_runs.Odd", *paths, OUT, "--how=sleep", "--timeout=0.5", "-j2"]
    assert desk.strun(*arguments)[0] == 2
    assert desk.statuses() == {"done": 2, "failed": 1}
    assert desk.records()["e01_uncal.json"]["error"]["type"] == "RunTimeoutError"
    assert desk.records()["e01_uncal.json"]["attempts"] == 1


def test_errors_are_tried_again_where_that_is_asked_for(desk):
    paths = desk.expose(1, first=4)
    assert desk.strun("steps_for_runs.Add", *paths, OUT, "--retries=2")[0] == 2
    assert desk.records()["e00_uncal.json"]["attempts"] == 3


def test_the_log_of_one_that_was_killed_is_there(desk):
    paths = desk.expose(2)
    process = desk.start(COUNTED, *paths, OUT, "--seconds=9", "-j2")
    end = time.monotonic() + 15
    while len(desk.runs()) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert desk.statuses() == {"running": 2}
    assert "Step Counted running" in Path("out/logs/e01_uncal.json.log").read_text()


def test_fail_fast_begins_nothing_more(desk):
    paths = desk.expose(6, first=4)
    code, out, _ = desk.strun("steps_for_runs.Add", *paths, OUT, "--fail-fast", "-j1")
    assert code == 2
    assert "5 not begun" in out
    assert desk.statuses() == {"failed": 1}


def children(pid: int) -> list[int]:
    """Processes that one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_forkserver_may_die(desk):
    paths = desk.expose(8)
    process = desk.start(COUNTED, *paths, OUT, "--seconds=0.3", "-j2")
    end = time.monotonic() + 15
    while len(desk.runs()) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    (server,) = [one for one in children(process.pid) if children(one)]
    os.kill(server, signal.SIGKILL)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert desk.statuses() == {"done": 8}
    assert {one["attempts"] for one in desk.records().values()} == {1, 2}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_stop_is_clean_and_told(desk, name):
    paths = desk.expose(8)
    process = desk.start(COUNTED, *paths, OUT, "--seconds=0.3", "-j2")
    end = time.monotonic() + 15
    while len(list(Path("out").glob("e*"))) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    output = process.communicate(timeout=10)[0]
    assert process.returncode == 254, output
    assert "Stopping what is under way" in output
    assert "stopped: e0" in output
    found = desk.statuses()
    assert found["canceled"] in (1, 2)
    assert found["done"] == len(list(Path("out").glob("e*")))
    assert sum(found.values()) < 8
    assert not list(Path("out").glob(".stpipe-*"))
    done = {name for name, one in desk.records().items() if one["status"] == "done"}
    before = len(desk.runs())
    assert desk.strun(COUNTED, *paths, OUT, "--seconds=0.3", "--resume", "-j2")[0] == 0
    assert set(desk.runs()[before:]) == {os.path.basename(path) for path in paths} - done


def test_killed_at_any_moment_nothing_is_lost_or_half_written(desk):
    chance = random.Random(6)
    paths = desk.expose(24)
    arguments = ["steps_for_batches.Large", *paths, OUT, "--seconds=0.05", "-j2", "--resume", "--progress=none"]
    done: set[str] = set()
    for _ in range(4):
        begun = len(desk.runs())
        process = desk.start(*arguments)
        end = time.monotonic() + 10
        while not desk.runs()[begun:] and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.25))
        process.kill()
        process.communicate()
        assert not done & set(desk.runs()[begun:])  # only unfinished work was redone
        records = {one["name"]: one for one in read_manifest("out")[1]}
        now = {name for name, one in records.items() if one["status"] == "done"}
        assert now >= done  # nothing was lost
        done = now
        for path in Path("out").glob("e*"):
            json.loads(path.read_text())  # nothing was half written
    begun = len(desk.runs())
    process = desk.start(*arguments)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 0, output
    assert not done & set(desk.runs()[begun:])
    assert desk.statuses() == {"done": 24}
    assert {desk.value(f"out/e{number:02d}_uncal_large.json") - number for number in range(24)} == {11}
    time.sleep(0.3)  # workers that lost their parent end
    assert not [path for path in Path("out").glob(".stpipe-*") if path.is_dir()]
