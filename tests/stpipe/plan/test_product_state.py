"""What is remembered of products, and runs that go on where another one ended (running.md L3, R35)."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path

import pytest

from stpipe import Inventory, run, settings
from stpipe.product_state import STATE_FILE, StateReader, StateRecorder, read_state

A, B = "a_uncal.fits", "b_uncal.fits"


@pytest.fixture
def again(cases, make_plan):
    """Plan of one saving entry after it has been executed once; gives ``will_change`` of both exposures."""

    def made(**keywords):
        plan = make_plan(save_results=True, output_dir="out")
        return plan, plan.add(cases.Add, **keywords)

    made()[0].execute()
    return lambda **keywords: [one.will_change for one in made(**keywords)[1].values()]


def test_l3_what_makes_a_step_run_again(again, cases):
    assert again() == [False, False]
    assert again(amount=2.0) == [True, True]
    assert again(suffix="other") == [True, True]
    assert again(output_dir="elsewhere") == [True, True]
    cases.write(A, 9.0)
    assert again() == [True, False]


@pytest.mark.parametrize("change", ["remove", "replace", "touch input", "delete state"])
def test_l3_a_product_has_to_be_the_one_that_was_written(again, cases, change):
    if change == "remove":
        Path("out/a_add.fits").unlink()
    elif change == "replace":
        cases.write("out/a_add.fits", 123456.0)
    elif change == "touch input":
        os.utime(A)
    else:
        Path("out", STATE_FILE).unlink()
    assert again() == [True, change == "delete state"]


def test_l3_settings_state_turns_it_off(again, cases):
    settings.state = False
    assert again() == [True, True]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 99, "products": {}}', '{"format": 1, "products": {"a": 3}}']
)
def test_l3_a_corrupt_state_is_ignored_with_one_warning(again, caplog, text):
    Path("out", STATE_FILE).write_text(text)
    with caplog.at_level(logging.WARNING, "stpipe"):
        assert again() == [True, True]
        assert again() == [True, True]
    assert len([one for one in caplog.records if STATE_FILE in one.message]) == 1


def test_l3_a_corrupt_state_is_replaced_by_the_next_run(again, make_plan, cases):
    Path("out", STATE_FILE).write_text("{")
    plan = make_plan(save_results=True, output_dir="out")
    plan.add(cases.Add)
    plan.execute()
    assert again() == [False, False]


def test_l3_every_run_that_saves_remembers(cases, make_plan):
    plan = make_plan()
    runner = run(cases.Add, plan.inventory, save_results=True, amount=3.0)
    assert runner.rc == 0
    assert not plan.add(cases.Add, save_results=True, amount=3.0)[A].will_change
    run(cases.Add(amount=4.0, save_results=True, suffix="instance"), plan.inventory)
    same = cases.Add(amount=4.0, save_results=True, suffix="instance")
    assert not make_plan().add(same)[A].will_change


def test_l3_a_single_exposure_is_remembered_too(cases, make_plan):
    run(cases.Add, cases.write(A), save_results=True)
    assert not make_plan("a").add(cases.Add, save_results=True)[A].will_change


def test_l3_a_failing_step_is_not_remembered(cases, make_plan):
    plan = make_plan(save_results=True)
    plan.add(cases.Fails)
    plan.execute()
    assert set(read_state(".")) == {"b_fails.fits"}


def test_l3_an_open_model_is_always_done_again(cases):
    from stpipe import Plan

    inventory = Inventory([cases.Model("m_uncal.fits", 1.0)])
    for _ in range(2):
        plan = Plan(inventory, save_results=True)
        assert plan.add(cases.Add)["m_uncal.fits"].will_change
        plan.execute()


def test_l3_the_state_names_products_without_folders(again):
    content = json.loads(Path("out", STATE_FILE).read_text())
    assert set(content["products"]) == {"a_add.fits", "b_add.fits"}
    assert sorted(os.listdir("out")) == sorted([STATE_FILE, "a_add.fits", "b_add.fits"])


def test_l3_runs_at_once_into_one_folder_lose_nothing(cases):
    folder = Path("out")
    folder.mkdir()
    names = [[f"{thread}_{number}.fits" for number in range(10)] for thread in range(4)]

    def note(mine):
        recorder = StateRecorder()
        for name in mine:
            (folder / name).write_text(name)
            recorder.note(f"key of {name}", [str(folder / name)], str(folder / name))
            recorder.write()

    threads = [threading.Thread(target=note, args=(mine,)) for mine in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: one.key for name, one in read_state("out").items()} == {
        name: f"key of {name}" for mine in names for name in mine
    }


def test_l3_a_folder_that_cannot_be_written_is_a_warning(cases, caplog, monkeypatch):
    def refuse(folder, products):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("stpipe.product_state._merge", refuse)
    with caplog.at_level(logging.WARNING, "stpipe"):
        assert run(cases.Add, cases.write(A), save_results=True).rc == 0
    assert "cannot be written" in caplog.text


def test_products_of_one_key_belong_together(cases):
    for name in ("x_0.fits", "x_1.fits", "x_more.fits"):
        cases.write(name)
    recorder = StateRecorder()
    recorder.note("k", ["x_more.fits", "x_0.fits", "x_1.fits"], ("x_0.fits", None, "x_1.fits"))
    recorder.write()
    found = StateReader().find("k", ["x_more.fits", "x_0.fits", "x_1.fits"], 0)
    assert found is not None
    assert found.result == ("x_0.fits", None, "x_1.fits")
    assert StateReader().find("k", ["x_0.fits"], 0) is None
    assert StateReader().find("other", ["x_0.fits"], 0) is None
    Path("x_more.fits").unlink()
    assert StateReader().find("k", ["x_more.fits", "x_0.fits", "x_1.fits"], 0) is None


def test_r35_a_run_goes_on_with_what_is_missing(cases, make_plan):
    inventory = make_plan("abc").inventory
    runner = run(cases.Fails, inventory, bad="b", save_results=True, output_dir="out")
    assert runner.failed_targets == [B]
    cases.CALLS.clear()
    runner = run(cases.Fails, inventory, bad="b", save_results=True, output_dir="out", resume=True)
    assert cases.CALLS == [("Fails", B)]
    assert runner.stats["ok"] == {A: 1, "c_uncal.fits": 1}
    assert (runner.results[A][0].did_change, runner.result[A].value) == (False, 1.0)


def test_r35_the_default_is_to_run_everything(cases, make_plan):
    inventory = make_plan().inventory
    for _ in range(2):
        cases.CALLS.clear()
        run(cases.Add, inventory, save_results=True)
        assert len(cases.CALLS) == 2


def test_r35_an_instance_too_but_nothing_else(cases, make_plan, caplog):
    inventory = make_plan().inventory
    for count in (2, 0):
        cases.CALLS.clear()
        run(cases.Add(save_results=True, suffix="made"), inventory, resume=True)
        assert len(cases.CALLS) == count
    assert "resume" not in caplog.text
    assert run(lambda model: model, inventory, resume=True).rc == 0
    assert "cannot be told what is done" in caplog.text


def test_r35_what_is_asked_for_decides(cases, make_plan):
    inventory = make_plan().inventory
    run(cases.Add, inventory, save_results=True)
    cases.CALLS.clear()
    for keywords, calls in ({"amount": 2.0}, 2), ({"save_results": False}, 2), ({}, 0):
        run(cases.Add, inventory, resume=True, **{"save_results": True, "amount": 1.0, **keywords})
        assert len(cases.CALLS) == calls
        cases.CALLS.clear()
        run(cases.Add, inventory, save_results=True)
        cases.CALLS.clear()


def test_r35_an_interrupted_run_has_kept_what_it_did(cases, make_plan):
    inventory = make_plan("abcd").inventory
    runner = run(cases.Fails, inventory, bad="", save_results=True, cancel_callback=lambda: len(cases.CALLS) == 2)
    assert runner.status == "canceled"
    done = len(read_state("."))
    assert done in (1, 2)
    cases.CALLS.clear()
    assert run(cases.Fails, inventory, bad="", save_results=True, resume=True).rc == 0
    assert len(cases.CALLS) == 4 - done
