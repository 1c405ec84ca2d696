"""The execution of plans (running.md I6, L4-L11, L13, C1-C4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from stpipe import Inventory, Plan, PlanError, Policy, run, run_async
from stpipe.exceptions import ParameterError

A, B, C = "a_uncal.fits", "b_uncal.fits", "c_uncal.fits"
BEFORE_EXECUTION = "cannot evaluate a step result before execution"


@pytest.mark.parametrize("name", ["did_change", "did_succeed", "did_error", "stdout", "stderr", "result"])
def test_l4_reading_before_execution_is_an_error(cases, make_plan, name):
    result = make_plan().add(cases.Add)[A]
    assert not result.is_complete
    with pytest.raises(RuntimeError, match=BEFORE_EXECUTION):
        getattr(result, name)


def test_l5_what_a_result_tells(cases, make_plan):
    plan = make_plan()
    results = plan.add(cases.Add, save_results=True, output_dir="out")
    plan.execute()
    one = results[A]
    plain = [one.did_change, one.did_succeed, one.did_error, one.is_complete, one.was_retried]
    assert plain == [True, True, False, True, False]
    assert all(type(value) is bool for value in plain)
    assert "Step Add running" in one.stdout
    assert one.stdout_lines == one.stdout.splitlines()
    assert (one.stderr, one.stderr_lines, one.traceback, one.exception) == ("", [], "", None)
    assert (one.retry_attempts, one.outputs, list(one.references)) == (0, ("out/a_add.fits",), [])
    assert one.duration > 0
    assert one.parameters["amount"] == (1.0, "default")
    assert (one.result.value, results[B].result.value) == (2.0, 3.0)


def test_l5_of_a_failure(cases, make_plan):
    plan = make_plan()
    one = plan.add(cases.Fails)[A]
    plan.execute()
    assert (one.did_error, one.did_succeed, one.did_change) == (True, False, False)
    assert isinstance(one.exception, RuntimeError)
    assert "cannot do a_uncal.fits" in one.traceback
    assert any("cannot do a_uncal.fits" in line for line in one.stderr_lines)


def test_l6_did_change(cases, make_plan):
    plan = make_plan()
    changed = plan.add(cases.Add)
    kept = plan.add(lambda model: None, name="kept")
    skipped = plan.add(cases.Skips)
    plan.execute()
    assert [one[A].did_change for one in (changed, kept, skipped)] == [True, False, False]
    assert all(one[A].did_succeed for one in (changed, kept, skipped))


def test_l7_a_failed_target_takes_no_part_in_later_entries(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Fails)
    later = plan.add(cases.Add)
    runner = plan.execute()
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, [A])
    assert not later[A].is_complete
    assert later[B].result.value == 3.0
    again = Plan(plan.inventory.subset(runner.failed_targets))
    assert [one.name for one in again.inventory] == [A]


def test_l7_an_unreadable_target_fails_the_run(cases, make_plan):
    plan = make_plan()
    Path(B).write_text("no JSON")
    results = plan.add(cases.Add)
    runner = plan.execute()
    assert list(map(str, results)) == [A]
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, [B])
    assert runner.stats["unreadable"] == {B: 1}
    assert results[A].result.value == 2.0


def test_l7_ignored_and_skipped_alone_are_a_success(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Fails, bad="ab", policy=Policy(ignore_errors=True))
    plan.add(cases.Skips)
    assert plan.execute().status == "successful"


def test_l8_the_input_is_the_result_before(cases):
    model = cases.Model("m_uncal.fits", 1.0)
    cases.write(A)
    seen = []
    plan = Plan(Inventory([model, A]).opened_by(cases.Add))
    plan.add(seen.append, name="first")
    plan.add(cases.Add)
    plan.add(lambda value: seen.append(value), name="second")
    plan.execute()
    assert seen[:2] == [model, A]
    assert [one.value for one in seen[2:]] == [2.0, 2.0]


def test_l8_executing_again_starts_from_the_exposure(cases, make_plan):
    plan = make_plan()
    for _ in range(2):
        results = plan.add(cases.Add)
        plan.execute()
        assert results[A].result.value == 2.0
        plan = Plan(plan.inventory)
    assert run(cases.Add, plan.inventory).result[A].value == 2.0


def test_l11_preview(cases, make_plan):
    plan = make_plan()
    Path("dark.txt").write_text("1")
    plan.add(cases.Needy, name="<dark>", override_dark="dark.txt", save_results=True)
    plan.add(cases.Add, skip=True, targets=[B])
    preview = plan.preview()
    assert [(row.target, row.entry, row.will_change) for row in preview] == [
        (A, "<dark>", True),
        (B, "<dark>", True),
        (B, "add", False),
    ]
    assert [row.outputs for row in preview] == [("a_needy.fits",), ("b_needy.fits",), ()]
    text, html = str(preview), preview._repr_html_()
    assert "dark dark.txt" in text
    assert "no: skip=True (keyword)" in text
    assert "&lt;dark&gt;" in html
    assert "<dark>" not in html
    assert plan._repr_html_() == html
    assert cases.CALLS == []


def test_l11_preview_names_what_cannot_be_read(cases, make_plan):
    plan = make_plan()
    Path(B).write_text("no JSON")
    plan.add(cases.Add)
    assert f"cannot be read: {B}" in str(plan.preview())


def test_l13_functions(cases, make_plan):
    seen = []

    def note(model, *, factor=1):
        seen.append((model.value, factor))

    def fail(model):
        if model.value > 2:
            raise ValueError("too much")
        return cases.Model("other.fits", -model.value)

    plan = make_plan(factor=5)
    plan.add(cases.Add)
    plan.add(note)
    failing = plan.add(fail)
    last = plan.add(note, name="again", factor=7)
    runner = plan.execute()
    assert seen == [(2.0, 5), (3.0, 5), (-2.0, 7)]
    assert runner.failed_targets == [B]
    assert str(failing[B].exception) == "too much"
    assert last[A].result.value == -2.0
    assert last[A].parameters == {"factor": (7, "keyword")}


def test_i6_open_events_come_once_and_first(cases, make_plan):
    plan = make_plan()
    Path(B).write_text("no JSON")
    callback = plan.add_callback(cases.Names())
    plan.add(cases.Add)
    plan.add(cases.Multiply)
    runner = plan.execute()
    assert [one[0] for one in callback.told] == [event.event for event in runner.events]
    assert [one[:2] for one in callback.told[:5]] == [
        ("run_start",),
        ("target_before_open", A),
        ("target_open", A),
        ("target_before_open", B),
        ("target_open_error", B),
    ]
    assert len(callback.of("target_open", "target_open_error")) == 2


def test_i6_open_all_tells_at_once(cases, make_plan):
    plan = make_plan()
    Path(B).write_text("no JSON")
    early, late = cases.Names(), cases.Names()
    plan.add_callback(early)
    plan.inventory.opened_by(cases.Add)
    assert [one.name for one in plan.open_all()] == [A]
    assert [one[:2] for one in early.told] == [
        ("target_before_open", A),
        ("target_open", A),
        ("target_before_open", B),
        ("target_open_error", B),
    ]
    plan.add_callback(late)
    plan.add(cases.Add)
    plan.execute()
    opening = ("target_before_open", "target_open", "target_open_error")
    assert len(early.of(*opening)) == len(late.of(*opening)) == 4
    with pytest.raises(PlanError, match="no exposures remaining"):
        Plan(Inventory(["missing.fits"])).open_all()


def test_exposures_have_the_latest_result(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    plan.add(cases.Multiply, save_results=True, output_dir="out")
    plan.execute()
    assert plan.inventory.get(A).current == "out/a_multiply.fits"


def test_labels(cases, make_plan):
    plan = make_plan("a")
    plan.add(cases.Add, name="first step", save_results=True)
    plan.add("stpipe_test_plan_cases.Add", save_results=False)
    assert list(plan) == ["first step", "add"]
    runner = plan.execute()
    assert [event.step for event in runner.events if event.event == "step_start"] == ["first step", "add"]
    assert Path("a_add.fits").exists()


def test_c2_callbacks_get_run_label_and_exposure(cases, make_plan):
    from stpipe import Callback

    class Keep(Callback):
        def step_target_success(self, run, target, step, retry_count=0):
            kept.append((run, target, step))

    kept = []
    plan = make_plan("a")
    plan.add_callback(Keep())
    plan.add(cases.Add, name="label")
    runner = plan.execute()
    assert kept == [(runner, plan.inventory.get(A), "label")]


def test_r22_two_plans_at_once_on_the_same_exposures(cases, make_plan):
    from time import sleep

    first = make_plan("abc")
    second = Plan(first.inventory)
    results = []
    for plan, step in ((first, cases.Add), (second, cases.Multiply)):
        plan.add(step)
        plan.add(lambda model: sleep(0.005), name="rest")
        results.append(plan.add(step, name="again"))
    threads = [run_async(plan) for plan in (first, second)]
    for thread, _ in threads:
        thread.join()
    assert [[one.result.value for one in entry.values()] for entry in results] == [[3.0, 4.0, 5.0], [4.0, 8.0, 12.0]]


def test_run_takes_a_plan(cases, make_plan):
    plan = make_plan()
    callback = plan.add_callback(cases.Names())
    plan.add(cases.Add)
    thread, runner = run_async(plan)
    thread.join()
    assert (runner.status, runner.result[A].value) == ("successful", 2.0)
    assert len(callback.of("step_target_success")) == 2
    assert runner.results[A][0].did_change


def test_run_refuses_inputs_and_parameters_beside_a_plan(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    assert isinstance(run(plan, A).exception, ParameterError)
    runner = plan.execute(amount=3.0)
    assert (runner.status, runner.rc) == ("failed", 4)
    with pytest.raises(ValueError, match="workers"):
        plan.execute(workers=0)
    assert plan.execute(workers=2, executor="threads").rc == 0


def test_r23_rerun_of_a_plan(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    runner = plan.execute()
    again = runner.rerun()
    assert (again.status, again.parent_ident, again.result[A].value) == ("successful", runner.ident, 2.0)


def test_r27_artifacts_of_a_plan(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add, save_results=True)
    plan.add(cases.Fails)
    runner = plan.execute(artifacts_dir="runs")
    folder = Path("runs", runner.ident)
    assert (folder / "rc").read_text().strip() == "2"
    assert [path.stem for path in (folder / "errors").iterdir()] == [A]
    assert len(list((folder / "events").iterdir())) == len(list(runner.events))


def test_r30_threads_give_the_same(cases, make_plan):
    results = {}
    for executor in ("inline", "threads"):
        plan = make_plan("abcd", output_dir=executor)
        plan.add(cases.Add)
        last = plan.add(cases.Multiply, save_results=True)
        runner = plan.execute(executor=executor, workers=3)
        results[executor] = [last[one].result.value for one in plan.inventory], runner.stats
    assert results["inline"] == results["threads"]


def test_recipes_may_be_entries(cases, make_plan):
    entry = "steps:\n  - step: stpipe_test_plan_cases.Add\n    in: {amount: '{much}'}\n"
    Path("more.yaml").write_text(entry)
    plan = make_plan("a")
    with pytest.raises(ParameterError, match="context"):
        plan.add("more.yaml", amount=1)
    plan.add(cases.Multiply)
    recipe = plan.add("more.yaml", context={"much": 10.0})
    last = plan.add(cases.Multiply, name="last")
    assert recipe[A].will_change
    runner = plan.execute()
    assert (runner.status, recipe[A].result.value, last[A].result.value) == ("successful", 12.0, 24.0)


def test_facts_that_fail_leave_an_exposure_out(cases, make_plan):
    from stpipe import Fact, get_facts

    class Value(Fact):
        def process(self, exposure):
            return 1 / (exposure.header["meta.value"] - 1.0)

    plan = make_plan()
    plan.inventory.opened_by(cases.Add)
    plan.open_all()
    assert [one.name for one in get_facts(plan, Value)] == [B]
    results = plan.add(cases.Add)
    assert list(map(str, results)) == [B]
    runner = plan.execute()
    assert runner.failed_targets == [A]
