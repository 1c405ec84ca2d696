"""Memory and time of plans (running.md E4, §6)."""

from __future__ import annotations

import gc
import logging
import time
import weakref
from types import SimpleNamespace

import pytest

from stpipe import Inventory, Plan

A, B = "a_uncal.fits", "b_uncal.fits"


class Result:
    """Something that can be watched."""

    def __init__(self, value):
        self.value = value


def test_e4_results_of_intermediate_entries_are_released(cases, make_plan):
    made, alive = [], []

    def make(model):
        result = Result(1)
        made.append(weakref.ref(result))
        return result

    def use(result):
        alive.append(sum(one() is not None for one in made))
        return Result(result.value + 1)

    plan = make_plan("abcd")
    plan.add(cases.Add)
    plan.add(make)
    last = plan.add(use)
    runner = plan.execute()
    gc.collect()
    assert [one() for one in made] == [None] * 4
    assert alive[0] == 4
    assert alive[-1] <= 2  # its own input, and the one that was handed over last
    assert last[A].result.value == 2
    with pytest.raises(RuntimeError, match="was not kept"):
        _ = runner.results[A][1].result


def test_e4_results_that_somebody_holds_are_kept(cases, make_plan):
    plan = make_plan()
    first = plan.add(cases.Add)
    plan.add(cases.Multiply)
    plan.execute()
    assert first[A].result.value == 2.0


@pytest.fixture
def without_log():
    """No log records: those that pytest keeps hold the arguments of steps."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("names", ["a", "ab"])
def test_e4_saved_results_are_opened_again(cases, make_plan, without_log, names):
    made = []

    def watch(result):
        if not isinstance(result, str):
            made.append(weakref.ref(result))

    plan = make_plan(names)
    first = plan.add(cases.Add, save_results=True)
    plan.add(watch)
    plan.add(cases.Multiply)
    plan.execute()
    gc.collect()
    assert len(made) == (names == "a")
    assert all(one() is None for one in made)
    assert first[A].result.value == 2.0


def test_e4_the_input_of_a_failed_target_stays_readable(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    plan.add(cases.Fails)
    runner = plan.execute()
    assert (runner.failed_targets, plan.inventory.get(A).current.value) == ([A], 2.0)
    assert runner.results[A][0].result.value == 2.0


def _models(cases, count):
    return [cases.Model(f"m{number}_uncal.fits", 1.0) for number in range(count)]


def test_costs_of_a_prepared_no_op(cases, without_log):
    """Budget of §6 in CPU time, without a log, with a margin of three; benchmarks hold the numbers themselves."""
    count, best = 100, [1.0, 1.0]
    for _ in range(3):
        plan = Plan(Inventory(_models(cases, count)), limit=0.0)
        plan.inventory.open_all(lambda *_: None)
        started = time.process_time()
        plan.add(cases.Never)
        prepared = time.process_time()
        assert plan.execute().rc == 0
        times = (prepared - started, time.process_time() - prepared)
        best = [min(one, new / count) for one, new in zip(best, times)]
    assert best[0] < 3 * 0.8e-3
    assert best[1] < 3 * 0.3e-3


def test_costs_of_an_event():
    from stpipe.run_stream import EventLog, RunStream

    stream, log = RunStream("x"), EventLog()
    stream.subscribe(lambda event: None)
    stream.subscribe(log, store=True)
    best = 1.0
    for _ in range(5):
        started = time.process_time()
        for _ in range(100):
            stream.emit("step_target_start", step="s", target="t", event_data={"parameters": "x", "duration": 1.0})
        best = min(best, (time.process_time() - started) / 100)
    assert best < 3 * 50e-6


def test_the_names_of_results_need_no_files(cases):
    model = cases.Model(None, 1.0)
    model.meta = SimpleNamespace(filename=None, cal_step=SimpleNamespace())
    plan = Plan(Inventory([model]), save_results=True)
    entry = plan.add(cases.Add)
    plan.execute()
    (only,) = entry.values()
    assert only.outputs == only.planned_outputs == ("step_Add_add.fits",)
