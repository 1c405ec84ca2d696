"""A run as text and as HTML."""

from __future__ import annotations

import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
from stpipe_test_run_steps import Plus, Twice, add, fail

from stpipe.policy import Policy
from stpipe.run_view import runner_html, runner_text, target_views
from stpipe.runner import Runner, run, run_async

pytestmark = pytest.mark.usefixtures("place")


class Texts(HTMLParser):
    """Collects the text of HTML and checks that its tags match."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("br",):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parsed(html):
    texts = Texts()
    texts.feed(html)
    assert texts.open == []
    return texts


def test_text_of_a_good_run():
    runner = run(add, 3)
    lines = runner_text(runner).splitlines()
    assert lines[0] == "add: successful, rc 0"
    assert f"  ident    {runner.ident}" in lines
    assert "1 target: 1 ok, 1 changed" in lines
    assert lines[-1].split() == ["input", "ok"]
    assert str(runner) == runner_text(runner)
    assert repr(runner) == "<Runner add successful, rc 0>"


def test_failed_targets_come_first_with_their_message(fakes):
    models = [fakes.FakeModel(f"{name}_rate.fits") for name in "abc"]

    def picky(model):
        return fail(text="<b> & more") if model is models[2] else model

    runner = run(picky, models)
    views = target_views(runner)
    assert [view.name for view in views] == ["c_rate.fits", "a_rate.fits", "b_rate.fits"]
    assert [view.state for view in views] == ["failed", "ok", "ok"]
    assert "ValueError: <b> & more" in str(runner)
    html = parsed(runner_html(runner))
    assert "ValueError: <b> & more" in html.texts
    assert "<b> & more" not in runner_html(runner)


def test_products_are_linked_where_a_notebook_can_give_them(fakes, tmp_path_factory):
    Path("in put_rate.fits").write_text('{"value": 2.0}')
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    here = run(fakes.FakeStep, ["in put_rate.fits"], save_results=True, output_dir="out")
    there = run(fakes.FakeStep, ["in put_rate.fits"], save_results=True, output_dir=str(elsewhere))
    assert parsed(runner_html(here)).links == ["out/in%20put_fakestep.fits"]
    assert parsed(runner_html(there)).links == []
    assert f"{elsewhere}/in put_fakestep.fits" in parsed(runner_html(there)).texts
    assert "out/in put_fakestep.fits" in str(here)


def test_parameters_that_were_set_are_shown():
    texts = parsed(runner_html(run(Twice, 1, steps={"first": {"amount": 5}}))).texts
    assert "steps.first.amount" in texts
    assert "steps.second.amount" not in texts


def test_a_run_that_is_going_on_does_not_wait():
    gate = threading.Event()
    thread, runner = run_async(lambda value: gate.wait(10), 1)
    for event in runner.events:
        if event.event == "step_target_start":
            break
    text, html = str(runner), runner._repr_html_()
    gate.set()
    thread.join(10)
    assert text.splitlines()[0] == "<lambda>: running"
    assert "not done" in text
    assert "&lt;lambda&gt;" in html
    parsed(html)


@pytest.mark.parametrize("what", ["nix", "<script>alert(1)</script>"])
def test_a_run_that_never_started(what):
    runner = run(what, 1)
    assert "error: NotFound" in str(runner)
    html = runner_html(runner)
    parsed(html)
    assert "<script>" not in html


def test_skipped_ignored_and_unreadable():
    assert target_views(run(fail, 1, policy=Policy(ignore_errors=True)))[0].state == "ignored"
    skipped = run(fail, 1, policy=Policy(when=lambda target: False))
    assert target_views(skipped)[0].state == "skipped"
    assert "when is false" in str(skipped)
    assert "when is false" in parsed(runner_html(skipped)).texts
    views = target_views(run(add, ["a_uncal.fits", "b_uncal.fits"]))
    assert [view.state for view in views] == ["unreadable"] * 2


def test_many_targets_and_long_messages_are_cut(fakes):
    models = [fakes.FakeModel(f"m{number}_rate.fits") for number in range(130)]
    runner = run(lambda model: fail(text="x" * 1000), models)
    assert "and 30 more" in str(runner)
    assert "and 30 more" in parsed(runner_html(runner)).texts
    assert max(map(len, str(runner).splitlines())) < 500


def test_handler_errors_are_counted():
    def broken(event):
        raise OSError("<broken>")

    runner = run(Plus, 1, event_handler=broken)
    assert "9 errors, the first: <broken>" in str(runner)
    assert "<broken>" not in runner_html(runner)


def test_a_loaded_run_looks_the_same(fakes):
    models = [fakes.FakeModel(f"{name}_rate.fits") for name in "ab"]
    runner = run(lambda model: fail() if model is models[0] else model, models, artifacts_dir="runs")
    loaded = Runner.load(runner.artifacts)
    runner.finished = loaded.finished  # which is just before the final status
    assert str(loaded) == str(runner)
    assert loaded._repr_html_() == runner._repr_html_()
