"""Plans that are executed again, and their copies (running.md L9, L10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from stpipe import PlanError, Policy, run

A, B = "a_uncal.fits", "b_uncal.fits"


def test_l9_the_second_time_nothing_is_called(cases, make_plan):
    def made():
        plan = make_plan(save_results=True, output_dir="out")
        return plan, [plan.add(cases.Add), plan.add(cases.Multiply)], plan.add_callback(cases.Names())

    plan, _, _ = made()
    plan.execute()
    cases.CALLS.clear()
    plan, entries, callback = made()
    assert not any(entry[name].will_change for entry in entries for name in (A, B))
    runner = plan.execute()
    assert cases.CALLS == []
    assert (runner.status, runner.stats["changed"], runner.stats["ok"]) == ("successful", {}, {A: 2, B: 2})
    assert len(callback.of("step_target_start")) == len(callback.of("step_target_success")) == 4
    for entry, value in zip(entries, (2.0, 4.0)):
        assert (entry[A].did_succeed, entry[A].did_change) == (True, False)
        assert entry[A].result.value == value
        assert entry[A].result is entry[A].result


def test_l9_an_exposure_that_changes_after_it_was_prepared_is_done(cases, make_plan):
    make_plan(save_results=True).add(cases.Add)
    plan = make_plan(save_results=True)
    plan.add(cases.Add)
    plan.execute()
    plan = plan.copy()
    cases.write(A, 70.0)
    plan.execute()
    assert plan.results[0][A].result.value == 71.0
    assert not plan.results[0][B].did_change
    plan = plan.copy()
    assert plan.results[0][A].will_change  # it is not known what the product was made from


def test_l9_a_product_that_goes_after_it_was_prepared_is_made(cases, make_plan):
    for _ in range(2):
        plan = make_plan("a")
        results = plan.add(cases.Add, save_results=True)
    plan.execute()
    plan = make_plan("a")
    results = plan.add(cases.Add, save_results=True)
    Path("a_add.fits").unlink()
    plan.execute()
    assert (results[A].did_change, results[A].result.value) == (True, 2.0)


def test_l9_several_results(cases, make_plan):
    for _ in range(2):
        plan = make_plan()
        entry = plan.add(cases.Both, save_results=True)
        plan.execute()
    assert not entry[A].will_change
    assert [model.value for model in entry[A].result] == [2.0, 3.0]
    Path("a_beside.fits").unlink()
    assert make_plan().add(cases.Both, save_results=True)[A].will_change


def test_l9_a_step_that_skips_has_been_done(cases, make_plan):
    for _ in range(2):
        plan = make_plan()
        entry = plan.add(cases.Skips, save_results=True)
        cases.CALLS.clear()
        plan.execute()
    assert cases.CALLS == [] or not entry[A].outputs


def test_l10_a_plan_is_executed_once(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    plan.execute()
    cases.CALLS.clear()
    with pytest.raises(PlanError, match=r"plan already executed; use plan.copy\(\)"):
        plan.execute()
    with pytest.raises(PlanError):
        plan.add(cases.Add)
    assert run(plan).rc == 4
    assert cases.CALLS == []


def test_l10_nothing_is_added_during_the_execution(cases, make_plan):
    plan = make_plan("a")
    plan.add(cases.Add)
    plan.add(lambda model: plan.add(cases.Add))
    runner = plan.execute()
    assert isinstance(runner.exception, PlanError)


def test_l10_copy(cases, make_plan):
    plan = make_plan(save_results=True, policy=Policy(retries=1))
    first = plan.add(cases.Add, name="one", targets=[A], amount=3.0)
    callback = plan.add_callback(cases.Names())
    plan.execute()
    copy = plan.copy()
    results = copy.results[0]
    assert (list(copy), list(map(str, results)), copy.callbacks) == (["one"], [A], [callback])
    assert results[A] is not first[A]
    assert not results[A].is_complete
    assert not results[A].will_change  # the product is there now
    assert copy.execute().rc == 0
