"""How many threads there are, and that they do all of the work."""

from __future__ import annotations

import threading

import pytest

from jwst.lib import threads
from jwst.lib.threads import in_threads, threads_allowed


@pytest.fixture
def cores(monkeypatch):
    monkeypatch.delenv("STPIPE_WORKER", raising=False)
    monkeypatch.setattr(threads.process, "parent_process", lambda: None)
    return lambda number: monkeypatch.setattr("stpipe.parallel.available_cores", lambda: number)


@pytest.mark.parametrize(("number", "expected"), [(1, 1), (2, 2), (64, 2)])
def test_no_more_threads_than_cores(cores, number, expected):
    cores(number)
    assert threads_allowed() == expected


def test_the_most_that_is_of_use(cores):
    cores(64)
    assert [threads_allowed(most) for most in (0, 1, 3)] == [1, 1, 3]


def test_one_thread_in_a_worker_of_a_run(cores, monkeypatch):
    cores(8)
    monkeypatch.setenv("STPIPE_WORKER", "1")
    assert threads_allowed() == 1


def test_one_thread_in_a_process_of_multiprocessing(cores, monkeypatch):
    cores(8)
    monkeypatch.setattr(threads.process, "parent_process", object)
    assert threads_allowed() == 1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_are_in_order(count):
    assert in_threads(lambda item: item**2, range(20), count) == [item**2 for item in range(20)]


def test_one_thread_is_this_one():
    assert in_threads(lambda _: threading.get_ident(), [1, 2], 1) == [threading.get_ident()] * 2


def test_two_threads_are_at_work_at_one_time():
    both = threading.Barrier(2, timeout=20)
    assert sorted(in_threads(lambda _: both.wait(), [1, 2], 2)) == [0, 1]


def test_errors_are_raised():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda item: 1 / item, [1, 0, 2], 2)
