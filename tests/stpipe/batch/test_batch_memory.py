"""Memory of a batch: what an exposure takes, and how many may run at once."""

from __future__ import annotations

import json
import os
from collections import deque
from pathlib import Path

from stpipe import events
from stpipe.executors.admission import Admission, AdmittingExecutor, DoesNotFitError
from stpipe.executors.memory_room import MIB, MemoryModel, available_memory, memory_text, resident_memory
from stpipe.tasks import Outcome, Task, Work


def test_memory_is_guessed_then_learnt():
    model = MemoryModel()
    assert model.estimate(100 * MIB) == 750 * MIB
    assert model.least(100 * MIB) < 300 * MIB
    model.learn(100 * MIB, 500 * MIB)
    assert model.estimate(100 * MIB) == int(1.1 * 500 * MIB)
    assert model.estimate(0) == 350 * MIB  # the guess, which is less
    assert model.estimate(200 * MIB) == int(1.1 * 500 * MIB + 400 * MIB)
    model.learn(300 * MIB, 900 * MIB)
    assert model.estimate(200 * MIB) == int(1.1 * 700 * MIB)
    assert model.least(200 * MIB) == 700 * MIB
    model.learn(100 * MIB, 400 * MIB)  # less than before: the most counts
    assert model.estimate(100 * MIB) == int(1.1 * 500 * MIB)
    model.learn(100 * MIB, 0)
    sizes = [size * MIB for size in range(0, 500, 10)]
    assert [model.estimate(size) for size in sizes] == sorted(model.estimate(size) for size in sizes)


def test_memory_of_this_computer():
    free = available_memory()
    assert free is None or free > 10 * MIB
    assert resident_memory(os.getpid()) > 10 * MIB
    assert resident_memory(0) == 0
    assert memory_text(2.14e9) == "2.1 GB"
    assert memory_text(8.2e8) == "820 MB"


def admission(**sizes: int) -> Admission:
    """Of exposures of so many MiB, with 1000 MiB free; what they take is known to be three times that."""
    found = Admission(lambda name: sizes[name] * MIB, free=lambda: 1000 * MIB)
    for size in range(0, 1001, 10):
        found.model.learn(size * MIB, max(3 * size * MIB, 1))
    return found


def test_no_more_begin_than_fit():
    room = admission(a=100, b=100, c=100, d=10)
    assert room.fits("a")
    room.begins("a")
    assert room.fits("b")
    room.begins("b")
    assert not room.fits("c")  # 330 MiB each, of 900
    assert room.fits("d")
    room.crashed("a")
    assert room.estimate("a") == 2 * room.estimate("b")
    assert not room.fits("d")
    room.ends("a", Outcome("ok", rss_max=800 * MIB))
    assert room.estimate("b") == int(1.1 * 800 * MIB)


def test_what_a_process_holds_already_is_not_counted_twice(monkeypatch):
    room = admission(a=100, b=100, c=100)
    room.begins("a")
    room.begins("b")
    assert not room.fits("c")
    room.works_in("a", 1)
    room.works_in("b", 2)
    monkeypatch.setattr("stpipe.executors.admission.resident_memory", lambda pid: 330 * MIB if pid else 0)
    assert room.fits("c")  # the memory that is free is what is left beside them


def test_a_limit_holds_for_all_together():
    room = admission(a=100, b=100)
    room.limit = 600 * MIB
    room.begins("a")
    assert not room.fits("b")
    room.limit = 700 * MIB
    assert room.fits("b")


def test_one_that_does_not_fit_runs_alone_or_is_refused(caplog):
    room = admission(large=320, huge=600)
    assert room.refusal("large") is None
    assert room.fits("large")
    assert "large may need 1.1 GB, and 944 MB of memory are free: it is run alone." in caplog.text
    assert "only 1.0 GB are free" in str(room.refusal("huge"))
    room.limit = 900 * MIB
    error = room.refusal("large")
    assert isinstance(error, DoesNotFitError)
    assert "large needs about 1.0 GB of memory, more than the limit of 944 MB" in str(error)


def admitted(room: Admission, names: str, ends: dict[str, str]) -> list[str]:
    """Order in which tasks begin where ``ends[a] = b`` means that a ends after b has begun or None was given."""
    executor = AdmittingExecutor(9, room)
    refused: list[str] = []
    tasks = iter([Task(Work(), name, ()) for name in names])
    order: list[str] = []
    waiting: deque[str] = deque()
    stream = events.EventStream()
    with events.listening(stream=stream):
        for task in executor._admitted(tasks, lambda task, outcome: refused.append(task.target)):
            if task is not None:
                order.append(task.target)
                waiting.append(task.target)
            if task is None or task.target in ends:
                assert waiting, "nothing runs and nothing may begin"
                room.ends(waiting.popleft(), Outcome("failed"))
    return order + [f"-{name}" for name in refused]


def test_smaller_ones_go_before_one_that_waits_but_not_for_ever():
    room = admission(a=150, b=200, c=10, d=10, e=10)
    assert admitted(room, "abcde", {}) == ["a", "c", "d", "e", "b"]
    sizes = {chr(ord("c") + number): 10 for number in range(24)}
    room = admission(a=150, b=200, **sizes)
    order = admitted(room, "ab" + "".join(sizes), dict.fromkeys(sizes, ""))
    assert sorted(order) == sorted("ab" + "".join(sizes))
    assert order.index("b") <= 17


def test_one_that_is_refused_fails_and_the_others_go_on():
    room = admission(a=100, b=900, c=100)
    room.limit = 1000 * MIB
    assert admitted(room, "abc", {}) == ["a", "c", "-b"]


def test_those_that_wait_are_left_out_after_a_failure():
    room = admission(a=100, b=900, c=100)
    room.limit = 1000 * MIB
    executor = AdmittingExecutor(2, room, stops_at_failure=True)
    tasks = iter([Task(Work(), name, ()) for name in "abc"])
    with events.listening(stream=events.EventStream()):
        begun = [task.target for task in executor._admitted(tasks, lambda task, outcome: None) if task is not None]
    assert begun == ["a"]


def test_the_limit_of_memory_is_kept_in_worker_processes(desk):
    for number, value in enumerate((40, 40, 10, 10, 200)):
        desk.expose(1)
        os.rename("raw/e00_uncal.json", f"raw/s{number}_uncal.json")
        Path(f"raw/s{number}_uncal.json").write_text(json.dumps({"value": value, "note": ""}))
    code, out, _ = desk.strun(
        "steps_for_batches.Sized", "raw/*", "--output_dir=out", "--memory=700MB", "-j2", "--seconds=0.2", "--in-order"
    )
    assert code == 2
    assert "s4_uncal.json needs about 1.1 GB of memory, more than the limit of 700 MB" in out
    assert desk.statuses() == {"done": 4, "failed": 1}
    assert desk.runs()[:2] == ["+s0_uncal.json", "-s0_uncal.json"]  # by the first guess two of them are too many
    assert "+s1_uncal.json" in desk.runs()
    both = desk.runs()[2:4]
    assert [line[0] for line in both] == ["+", "+"]  # what the first one took leaves room for two
