"""The prepare phase of plans (running.md L1-L3, L12)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stpipe import Inventory, Plan, PlanError, Policy, StepNotFoundError, settings
from stpipe.exceptions import ExposureNotFoundError, ParameterError

A, B = "a_uncal.fits", "b_uncal.fits"


def test_l1_add_prepares_all_and_executes_nothing(cases, make_plan):
    plan = make_plan()
    before = {name: Path(name).read_bytes() for name in os.listdir()}
    results = plan.add(cases.Add, amount=3.0, save_results=True, output_dir="out")
    exposure = plan.inventory.get(A)
    assert [one.name for one in results] == [A, B]
    assert results[exposure] is results[A]
    assert exposure in results
    assert len(results) == 2
    assert results[A].planned_outputs == ("out/a_add.fits",)
    assert results[A].parameters["amount"] == (3.0, "keyword")
    assert cases.CALLS == []
    assert {name: Path(name).read_bytes() for name in os.listdir()} == before


def test_l1_an_open_model_is_left_untouched(cases):
    model = cases.Model("m_uncal.fits", 1.0)
    results = Plan(Inventory([model])).add(cases.Add)
    assert results["m_uncal.fits"].will_change
    assert (model.value, model.meta.filename, vars(model.meta.cal_step)) == (1.0, "m_uncal.fits", {})


def test_l1_what_may_be_class_alias_path_instance_or_function(cases, make_plan):
    plan = make_plan()
    for what in (cases.Add, "stpipe_test_plan_cases.Add", cases.Add(amount=2.0), len):
        assert plan.add(what)[A].will_change
    with pytest.raises(StepNotFoundError):
        plan.add("nowhere.Nothing")
    with pytest.raises(TypeError, match="no step, function or recipe"):
        plan.add(3)


@pytest.mark.parametrize("targets", [B, [B], "back", lambda one: one.name == B])
def test_l1_targets(cases, targets):
    cases.write(A)
    cases.write(B)
    plan = Plan(Inventory([A, B], back=[B]))
    assert [one.name for one in plan.add(cases.Add, targets=targets)] == [B]
    with pytest.raises(ExposureNotFoundError, match="c_uncal"):
        plan.add(cases.Add, targets=["c_uncal.fits"])


def test_l1_an_entry_for_some_targets_leaves_the_others_alone(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add, targets=B)
    last = plan.add(cases.Multiply, save_results=True)
    plan.execute()
    assert [last[name].result.value for name in (A, B)] == [2.0, 6.0]


def test_l2_data_of_the_inventory_lie_between_files_and_keywords(cases):
    cases.write(A)
    cases.write(B)
    plan = Plan(Inventory([(A, {"amount": 5.0}), B]), output_dir="out")
    results = plan.add(cases.Add)
    assert results[A].parameters["amount"] == (5.0, "inventory")
    assert results[B].parameters["amount"] == (1.0, "default")
    assert results[A].parameters["output_dir"] == ("out", "keyword")
    assert plan.add(cases.Add, amount=6.0)[A].parameters["amount"] == (6.0, "keyword")


def test_l2_errors_in_parameters_come_from_add_unchanged(cases, make_plan):
    plan = make_plan()
    with pytest.raises(ParameterError, match="amout.*did you mean 'amount'"):
        plan.add(cases.Add, amout=1.0)
    with pytest.raises(ParameterError, match="amount"):
        plan.add(cases.Add, amount="much")
    with pytest.raises(ParameterError, match="factor"):
        plan.add(lambda model: model, factor=2)
    assert len(plan) == 0
    assert plan.execute().rc == 0


def test_l2_an_entry_that_cannot_be_added_leaves_no_trace(cases):
    cases.write(A)
    cases.write(B)
    for _ in range(2):
        plan = Plan(Inventory([A, (B, {"factor": "much"})]))
        first = plan.add(cases.Add)
        plan.add(cases.Add, name="saved", save_results=True)
        plan.execute()
    plan = Plan(Inventory([A, (B, {"factor": "much"})]))
    first = plan.add(cases.Add)
    with pytest.raises(ParameterError, match="factor"):
        plan.add(cases.Multiply, save_results=True)
    assert (len(plan), first[A].will_change) == (1, True)


def test_l2_a_reference_failure_marks_that_target_failed_only(cases):
    cases.write(A)
    cases.write(B)
    Path("dark.txt").write_text("12345")
    plan = Plan(Inventory([(A, {"override_dark": "missing.txt"}), (B, {"override_dark": "dark.txt"})]))
    first = plan.add(cases.Needy)
    second = plan.add(cases.Add)
    assert not first[A].will_change
    assert "missing.txt" in first[A].reason
    assert first[B].planned_references[0].file.endswith("dark.txt")
    assert [(one.will_change, one.reason) for one in second.values()] == [(False, "needy fails before"), (True, "")]
    runner = plan.execute()
    assert (runner.status, runner.rc, runner.failed_targets) == ("failed", 2, [A])
    assert "missing.txt" in str(first[A].exception)
    assert not second[A].is_complete
    assert second[B].result.value == 7.0


def test_l2_names_of_later_entries_are_those_they_will_have(cases, make_plan):
    plan = make_plan()
    entries = [
        plan.add(cases.Add, save_results=True, output_dir="one"),
        plan.add(cases.Multiply),
        plan.add(cases.Add, name="again", save_results=True, suffix="more"),
        plan.add(cases.Both, save_results=True),
    ]
    planned = [entry[A].planned_outputs for entry in entries]
    plan.execute()
    assert planned == [tuple(entry[A].outputs) for entry in entries]
    assert planned[0] == ("one/a_add.fits",)


def test_l3_skip_is_obeyed(cases, make_plan):
    plan = make_plan()
    results = plan.add(cases.Add, skip=True)
    assert not results[A].will_change
    assert "skip=True" in results[A].reason
    plan.execute()
    assert (results[A].did_succeed, results[A].did_change) == (True, False)
    assert cases.CALLS == []


def test_l3_a_step_may_tell_itself(cases, make_plan):
    plan = make_plan()
    assert not plan.add(cases.Never)[A].will_change
    assert plan.add(cases.Never, limit=1.0)[A].will_change


def test_l3_when_is_asked_at_prepare(cases, make_plan):
    results = make_plan().add(cases.Add, policy=Policy(when=lambda exposure: exposure.name == A))
    assert results[A].will_change
    assert not results[B].will_change
    assert results[B].reason == "when is false"


def test_l3_an_entry_that_saves_nothing_follows_the_one_that_needs_it(cases, make_plan):
    def made():
        plan = make_plan()
        first = plan.add(cases.Add)
        assert first[A].will_change  # the last one so far
        return plan, first, plan.add(cases.Multiply, save_results=True)

    plan, first, last = made()
    assert first[A].will_change
    plan.execute()
    plan, first, last = made()
    assert [one[A].will_change for one in (first, last)] == [False, False]
    third = plan.add(cases.Add, name="third")
    assert [one[A].will_change for one in (first, last, third)] == [False, False, True]
    cases.CALLS.clear()
    plan.execute()
    assert cases.CALLS == [("Add", "a_multiply.fits"), ("Add", "b_multiply.fits")]
    assert third[A].result.value == 5.0


def test_l3_a_product_is_made_again_after_what_it_is_made_from(cases, make_plan):
    def made():
        plan = make_plan("a", save_results=True)
        return plan, [plan.add(cases.Add)[A], plan.add(cases.Multiply)[A]]

    made()[0].execute()
    Path("a_add.fits").unlink()
    plan, results = made()
    assert [one.will_change for one in results] == [True, True]
    plan.execute()
    assert [one.will_change for one in made()[1]] == [False, False]
    Path("a_multiply.fits").unlink()
    assert [one.will_change for one in made()[1]] == [False, True]


def test_l3_what_an_entry_writes_besides_is_made_again(cases, make_plan):
    for called in (["Beside", "Add"], [], ["Beside"]):
        plan = make_plan("a")
        beside = plan.add(cases.Beside, output_dir=None)
        last = plan.add(cases.Add, save_results=True)
        assert [one[A].will_change for one in (beside, last)] == [bool(called), "Add" in called]
        cases.CALLS.clear()
        plan.execute()
        assert [name for name, _ in cases.CALLS] == called
        assert last[A].result.value == 2.0
        if not called:
            Path("a_beside.fits").unlink()


def test_l3_the_unneeded_result_is_not_passed_off_as_the_input(cases, make_plan):
    for _ in range(2):
        plan = make_plan()
        first = plan.add(cases.Add)
        plan.add(cases.Multiply, save_results=True)
        plan.execute()
    assert first[A].did_succeed
    assert first[A].result is None


def test_l3_a_condition_before_a_product_that_is_there_is_not_asked_again(cases, make_plan):
    wanted = []
    for called in (["Add", "Multiply"], []):
        plan = make_plan("a")
        first = plan.add(cases.Add)
        maybe = plan.add(cases.Multiply, name="maybe", policy=Policy(when=lambda exposure: bool(wanted)))
        last = plan.add(cases.Multiply, name="last", save_results=True)
        assert first[A].will_change == last[A].will_change == bool(called)
        if not called:
            wanted.append(1)
        cases.CALLS.clear()
        plan.execute()
        assert [name for name, _ in cases.CALLS] == called
        assert (maybe[A].skip_reason, last[A].result.value) == ("when is false", 4.0)


def test_l3_what_nothing_is_left_to_follow_is_needed(cases, make_plan):
    plan = make_plan("a")
    first = plan.add(cases.Add)
    plan.add(cases.Multiply, skip=True)
    assert first[A].will_change
    assert plan.execute().result.value == 2.0


def test_l12_the_key_is_content(cases, make_plan):
    def key(**keywords):
        return make_plan().add(cases.Add, **keywords)[A].key

    assert key() == key() == key(amount=1.0) == key(output_dir="x", suffix="y", save_results=True)
    assert key() != key(amount=2.0)
    assert key() != make_plan().add(cases.Add)[B].key
    assert key() != make_plan().add(cases.Multiply)[A].key
    before = key()
    cases.write(A, 7.0)
    os.utime(A, ns=(1, 1))
    assert key() != before


def test_l12_the_key_of_a_later_entry_has_those_before_in_it(cases, make_plan):
    def key(amount, skip=False):
        plan = make_plan()
        plan.add(cases.Add, amount=amount, skip=skip)
        plan.add(_same)
        return plan.add(cases.Multiply)[A].key

    assert key(1.0) == key(1.0)
    assert key(1.0) != key(2.0)
    assert key(1.0, skip=True) == key(2.0, skip=True)


def _same(model):
    return model


def test_l12_functions_are_told_apart_by_what_they_do(cases, make_plan):
    plan = make_plan()
    plan.add(cases.Add)
    keys = [plan.add(one)[A].key for one in (lambda model: model, lambda model: None)]
    assert keys[0] != keys[1]


def test_l12_the_reference_counts(cases, make_plan):
    Path("dark.txt").write_text("1")
    first = make_plan().add(cases.Needy, override_dark="dark.txt")[A].key
    assert make_plan().add(cases.Needy, override_dark="dark.txt")[A].key == first
    Path("dark.txt").write_text("12")
    assert make_plan().add(cases.Needy, override_dark="dark.txt")[A].key != first


def test_parameters_of_the_plan_are_defaults_of_entries_that_have_them(cases, make_plan):
    plan = make_plan(save_results=True, amount=4.0)
    first = plan.add(cases.Add)
    second = plan.add(cases.Multiply)
    third = plan.add(cases.Add, amount=5.0)
    assert first[A].parameters["amount"] == (4.0, "keyword")
    assert second[A].planned_outputs == ("a_multiply.fits",)
    assert third[A].parameters["amount"][0] == 5.0


def test_parameters_of_the_plan_that_nobody_has_are_refused(cases, make_plan):
    plan = make_plan(save_resuts=True)
    plan.add(cases.Add)
    for use in (plan.execute, plan.preview):
        with pytest.raises(ParameterError, match="save_resuts.*did you mean 'save_results'"):
            use()
    assert not plan.add(cases.Multiply)[A].is_complete  # it can still be used


def test_products_that_would_replace_each_other_are_a_warning(cases, make_plan, caplog):
    for folder in "xy":
        cases.write(f"{folder}/{A}")
    plan = Plan(Inventory([f"x/{A}", f"y/{A}"]))
    plan.add(cases.Add, save_results=True)
    assert "a_add.fits of add for y/a_uncal.fits, and of add for x/a_uncal.fits;" in caplog.text
    caplog.clear()
    plan = make_plan()
    plan.add(cases.Add, save_results=True)
    plan.add(cases.Multiply, save_results=True)
    plan.add(cases.Add, save_results=True, output_dir="out")
    assert "replace each other" not in caplog.text
    plan.add(cases.Add, name="again", save_results=True)
    assert "a_add.fits of again for a_uncal.fits, and of add for a_uncal.fits (1 more);" in caplog.text


def test_wrong_use_of_the_plan(cases, make_plan):
    with pytest.raises(TypeError, match="policy"):
        make_plan(policy={"retries": 1})
    plan = make_plan()
    with pytest.raises(TypeError, match="Callback"):
        plan.add_callback(print)
    results = plan.add(cases.Add)
    with pytest.raises(ExposureNotFoundError, match="no exposure"):
        _ = results["c"]
    assert (results.get("c"), results.get(A)) == (None, results[A])
    with pytest.raises(PlanError, match="no exposures remaining"):
        Plan(Inventory(["missing.fits"])).add(cases.Add)


def test_l2_states_off_means_everything_runs(cases, make_plan):
    make_plan(save_results=True).copy()
    for _ in range(2):
        settings.state = False
        plan = make_plan(save_results=True)
        assert plan.add(cases.Add)[A].will_change
        plan.execute()
        assert not Path(".stpipe_state.json").exists()


def test_l3_a_step_that_is_not_for_an_exposure_is_done_once(cases, make_plan):
    for called in (["Never", "Add"], []):
        plan = make_plan("a")
        never = plan.add(cases.Never, save_results=True)
        last = plan.add(cases.Add, save_results=True)
        assert [one[A].will_change for one in (never, last)] == [False, bool(called)]
        cases.CALLS.clear()
        plan.execute()
        assert [name for name, _ in cases.CALLS] == called
        assert (never[A].did_succeed, never[A].did_change) == (True, False)
