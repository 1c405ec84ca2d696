"""Slices of rows shared among processes, threads, or nobody."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from stpipe import parallel
from stpipe.exceptions import ParameterError
from stpipe.parallel import RowWork, available_cores, cores_of, sliced
from stpipe.parallel_crew import Crew
from tests.stpipe import row_functions

ROWS, COLUMNS, PLANES = 40, 8, 3


@pytest.fixture(scope="module")
def crew():
    """Workers of these tests."""
    one = Crew()
    yield one
    one.close()


@pytest.fixture
def small(monkeypatch, crew):
    """Share the smallest work, in many slices, among two processes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    monkeypatch.setattr(parallel, "MINIMUM_BYTES", 0)
    monkeypatch.setattr(parallel, "LEAST_BYTES", 0)
    monkeypatch.setattr("stpipe.parallel_crew.crew", crew)
    monkeypatch.setattr(parallel, "available_cores", lambda: 3)
    deadline = time.monotonic() + 20
    while not crew.pids and time.monotonic() < deadline:  # a worker that is ready
        sliced(make(row_functions.slowly, seconds=0.002), cores=2)
    assert crew.pids
    return crew


def make(function, *, rows=ROWS, weights=None, **constants):
    values = np.arange(PLANES * rows * COLUMNS, dtype=np.float32).reshape(PLANES, rows, COLUMNS)
    return RowWork(
        "a test",
        function,
        read={} if weights is None else {"weights": weights},
        updated={"values": values},
        written={"total": np.full((rows, COLUMNS), np.nan)},
        constants=constants,
    )


def check(work, parts, factor=2.0):
    """Every row was done once, and the returns are those of the slices."""
    expected = make(work.function, rows=work.rows).updated["values"] * np.float32(factor)
    np.testing.assert_array_equal(work.updated["values"], expected)
    np.testing.assert_array_equal(work.written["total"], expected.sum(axis=0))
    assert [part.rows.start for part in parts] == [0, *(part.rows.stop for part in parts[:-1])]
    assert parts[-1].rows.stop == work.rows
    for part in parts:
        assert part.result[1] == expected[:, part.rows].sum(dtype=np.float64)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("rows", [1, 2, 7, ROWS])
@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_rows_are_shared_and_come_back(small, monkeypatch, backend, rows):
    monkeypatch.setattr(parallel, "BACKEND", backend)
    work = make(row_functions.slowly, rows=rows, seconds=0.005)
    check(work, sliced(work, cores=2))


def test_workers_do_some_of_it_and_stay(small):
    seen = set()
    for _ in range(3):
        work = make(row_functions.slowly, seconds=0.005)
        parts = sliced(work, cores=2)
        check(work, parts)
        seen |= {part.result[0] for part in parts}
    assert len(seen) == 2  # this process and one worker, the same each time
    assert seen == {os.getpid(), *small.pids}


def test_arrays_that_are_missing_or_have_gaps_are_handed_over(small):
    whole = np.arange(PLANES * ROWS * 2 * COLUMNS, dtype=np.float32).reshape(PLANES, ROWS, 2 * COLUMNS)
    values = whole[..., ::2]
    expected = values * 3
    weights = np.arange(ROWS * COLUMNS, dtype=">f4").reshape(ROWS, COLUMNS)
    total = np.empty((ROWS, COLUMNS))
    for given in (None, weights):
        before = whole.copy()
        work = RowWork("a test", row_functions.double, {"weights": given}, {"values": values}, {"total": total},
                       {"factor": 3.0})  # fmt: skip
        sliced(work, cores=2)
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(total, expected.sum(axis=0) + (0 if given is None else weights))
        np.testing.assert_array_equal(whole[..., 1::2], before[..., 1::2])
        whole[...] = before


def test_larger_slices_get_a_larger_window(small, monkeypatch):
    monkeypatch.setattr(parallel, "SLICES_PER_CORE", 1)
    for rows in (20, 200):
        work = make(row_functions.double, rows=rows)
        check(work, sliced(work, cores=2))


def test_small_work_is_done_here(small, monkeypatch, caplog):
    monkeypatch.setattr(parallel, "MINIMUM_BYTES", 1 << 20)
    work = make(row_functions.double)
    with caplog.at_level(logging.INFO, "stpipe.parallel"):
        parts = sliced(work, cores=2)
    check(work, parts)
    assert parts[0].result[0] == os.getpid()
    assert len(parts) == 1
    assert "a test" in caplog.text
    assert "too little to share among 2 cores" in caplog.text


@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_the_first_error_is_raised_and_workers_stay(small, monkeypatch, backend):
    monkeypatch.setattr(parallel, "BACKEND", backend)
    first_of_each_row = [row * COLUMNS for row in range(ROWS)]
    with pytest.raises(ValueError, match="row of 0 is no good"):
        sliced(make(row_functions.fail, where=first_of_each_row), cores=2)
    work = make(row_functions.slowly, seconds=0.002)
    check(work, sliced(work, cores=2))
    assert len(small.pids) == 1


def test_an_error_of_a_worker_tells_where_it_was(small):
    with pytest.raises(RuntimeError, match="Unsendable: this and that") as caught:
        sliced(make(row_functions.fail_oddly, parent=os.getpid()), cores=2)
    assert any("In a worker process" in note and "fail_oddly" in note for note in caught.value.__notes__)


def test_rows_of_a_killed_worker_are_done_here(small, caplog):
    before = small.pids
    work = make(row_functions.die, parent=os.getpid())
    check(work, sliced(work, cores=2))
    assert "a worker process is gone" in caplog.text
    assert not small.pids
    assert until(lambda: not is_alive(before[0]))
    work = make(row_functions.double)
    check(work, sliced(work, cores=2))  # with a new one


def test_workers_that_ended_while_idle_are_replaced(small, caplog):
    (pid,) = small.pids
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: not is_alive(pid))
    work = make(row_functions.slowly, seconds=0.002)
    check(work, sliced(work, cores=2))
    assert not caplog.records


def test_slices_are_large_first_and_fit_into_the_window(monkeypatch):
    work = make(row_functions.double, rows=1000)
    monkeypatch.setattr(parallel, "LEAST_BYTES", 100 * work.row_bytes)
    assert [part.stop - part.start for part in parallel._cut(work, 2)][-2:] == [100, 18]
    monkeypatch.setattr(parallel, "LEAST_BYTES", 0)
    sizes = [part.stop - part.start for part in parallel._cut(work, 2)]
    assert sum(sizes) == 1000
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert sizes[0] == 250
    assert 32 in sizes
    monkeypatch.setattr(parallel, "SLICE_BYTES", 10 * work.row_bytes)
    assert {part.stop - part.start for part in parallel._cut(work, 2)} == {10}
    monkeypatch.setattr(parallel, "SLICE_BYTES", 1)
    assert len(parallel._cut(work, 2)) == 1000


def test_little_shared_memory_makes_small_slices(monkeypatch):
    little = os.statvfs_result((4096, 4096, 100, 20, 20, 0, 0, 0, 0, 255))  # 80 kB are free
    monkeypatch.setattr(os, "statvfs", lambda path: little)
    assert parallel._room(1) == 20480
    assert parallel._room(4) == 5120


def test_functions_that_workers_do_not_find_are_done_here(small, caplog):
    def local(values, total):
        return row_functions.double(values, total)

    work = make(local)
    check(work, sliced(work, cores=2))
    assert "Worker processes cannot do" in caplog.text
    assert len(small.pids) == 1


def test_interruption_stops_the_workers(small):
    with pytest.raises(KeyboardInterrupt):
        sliced(make(row_functions.interrupt, parent=os.getpid()), cores=2)
    work = make(row_functions.double)
    check(work, sliced(work, cores=2))
    assert threading.active_count() == 1 or not any("_serve" in one.name for one in threading.enumerate())


def test_threads_that_share_at_once_get_workers_of_their_own(small):
    works = [make(row_functions.slowly, seconds=0.003) for _ in range(4)]
    results = {}
    threads = [threading.Thread(target=lambda k=k: results.__setitem__(k, sliced(works[k], cores=3))) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, work in enumerate(works):
        check(work, results[k])
    assert len(small.pids) <= 2


def test_nothing_is_left_in_shared_memory(small):
    names = set(os.listdir("/dev/shm"))
    work = make(row_functions.double)
    sliced(work, cores=2)
    with pytest.raises(ValueError):
        sliced(make(row_functions.fail, where=[0]), cores=2)
    assert not {name for name in os.listdir("/dev/shm") if name.startswith("psm_")} - names


def test_no_room_in_shared_memory_is_no_end(small, caplog):
    small.close()
    with mock.patch("stpipe.parallel_crew._reserve", side_effect=OSError(28, "No space left on device")):
        deadline = time.monotonic() + 20
        while "No space" not in caplog.text and time.monotonic() < deadline:
            work = make(row_functions.slowly, seconds=0.02)
            check(work, sliced(work, cores=2))
    assert "No space left on device" in caplog.text


def test_workers_use_one_core(small):
    others = set()
    while not others:  # a worker may come too late
        parts = sliced(make(row_functions.ask), cores=2)
        others = {part.result[1:] for part in parts if part.result[0] != os.getpid()}
    assert others == {(1, "1")}


def test_closed_workers_end(small):
    (pid,) = small.pids
    small.close()
    assert until(lambda: not is_alive(pid))


def test_forks_do_not_use_the_workers_of_others(small):
    queue = multiprocessing.get_context("fork").SimpleQueue()

    def child():
        queue.put((small.pids, sliced(make(row_functions.double), cores=1)[0].rows.stop))

    process = multiprocessing.get_context("fork").Process(target=child)
    os.register_at_fork(after_in_child=small.forget)
    process.start()
    process.join(20)
    assert queue.get() == ([], ROWS)
    work = make(row_functions.double)
    check(work, sliced(work, cores=2))


@pytest.mark.parametrize(
    ("text", "cores", "expected"),
    [("1", 8, 1), ("3", 8, 3), ("99", 8, 8), ("quarter", 8, 2), ("half", 8, 4), ("all", 8, 8), ("none", 8, 1)]
    + [("one", 8, 1), ("quarter", 2, 1), ("half", 1, 1), (" 2 ", 8, 2), ("many", 8, 1)],
)
def test_number_of_cores(monkeypatch, text, cores, expected):
    monkeypatch.setattr(parallel, "available_cores", lambda: cores)
    assert cores_of(text, rows=64) == expected
    assert cores_of(text, rows=1) == 1
    assert cores_of(text) == expected


@pytest.mark.parametrize("text", ["0", "-1"])
def test_no_core_is_an_error(text):
    with pytest.raises(ParameterError, match=f"maximum_cores must be at least 1, not '{text}'; use 'none'"):
        cores_of(text, rows=64)


def test_odd_text_is_told_once(caplog, monkeypatch):
    monkeypatch.setattr(parallel, "_told", set())
    assert [cores_of("haf"), cores_of("haf")] == [1, 1]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "'haf' is no number, 'quarter', 'half', 'all' or 'none'" in caplog.text


def test_more_cores_than_there_are_is_told(caplog, monkeypatch):
    monkeypatch.setattr(parallel, "available_cores", lambda: 2)
    with caplog.at_level(logging.INFO, "stpipe.parallel"):
        assert cores_of("1000") == 2
    assert "maximum_cores is 1000; the 2 cores that there are will be used" in caplog.text


def test_workers_of_a_run_get_one_core(monkeypatch):
    monkeypatch.setattr(parallel, "available_cores", lambda: 4)
    monkeypatch.setenv("STPIPE_WORKER", "1")
    assert cores_of("all") == 1


def test_workers_of_a_pool_get_one_core_and_say_so_once(monkeypatch, caplog):
    monkeypatch.setattr(parallel, "_told", set())
    monkeypatch.setattr(parallel, "available_cores", lambda: 4)
    monkeypatch.setattr(type(multiprocessing.current_process()), "daemon", True)
    assert [cores_of("all"), cores_of("all")] == [1, 1]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "may not start others" in caplog.text


def test_cores_are_those_that_the_process_may_use():
    assert available_cores() == len(os.sched_getaffinity(0))
