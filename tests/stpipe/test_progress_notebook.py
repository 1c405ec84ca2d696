"""Bars in a notebook, with a fake kernel and fake bars; the real ones are tried where they are installed."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest

from stpipe import Skip
from stpipe.events import EventStream, listening
from stpipe.logs import LogConfig
from stpipe.progress import show_progress
from stpipe.progress_notebook import NotebookProgress, can_draw_in_notebook, in_notebook

INPUT = "jw001_rate.fits"


class Bar:
    """Remembers what happens to it, as ``tqdm`` would show it."""

    made: list[Bar] = []

    def __init__(self, *, total, desc, bar_format, leave=True):
        self.total, self.desc, self.leave, self.form = total, desc, leave, bar_format
        self.n, self.text, self.closed = 0, "", False
        self.seen = []
        Bar.made.append(self)

    def set_postfix_str(self, text, refresh=True):
        self.text = text
        if refresh:
            self.refresh()

    def refresh(self):
        assert not self.closed
        self.seen.append((self.n, self.total, self.text))

    def close(self):
        self.closed = True


def module(name, **content):
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(content)
    return made


@pytest.fixture(autouse=True)
def folder(workdir):
    (workdir / INPUT).touch()
    Bar.made = []
    return workdir


@pytest.fixture
def kernel(monkeypatch):
    """A notebook with everything in it."""
    shell = SimpleNamespace(kernel=object(), display_formatter=None)
    monkeypatch.setitem(sys.modules, "IPython", module("IPython", get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "ipywidgets", module("ipywidgets"))
    monkeypatch.setitem(sys.modules, "tqdm", module("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.notebook", module("tqdm.notebook", tqdm=Bar))
    return shell


@pytest.fixture
def talking(fakes):
    class Reports(fakes.S1):
        def process(self, init):
            for row in range(3):
                self.progress(row + 1, 3, "rows")
            logging.getLogger("stpipe.talking").warning("a line of the log")
            return super().process(init)

    class Idle(fakes.S1):
        def process(self, init):
            raise Skip("nothing here")

    class Talks(fakes.FakePipeline):
        class_alias = "talks"
        step_defs = {"a": Reports, "b": Idle, "c": fakes.S1}

        def process(self, init):
            return self.c.run(self.b.run(self.a.run(init)))

    return Talks


def bars_of(cls, **parameters):
    with listening(NotebookProgress(Bar)), suppress(RuntimeError):
        cls(**parameters).run(INPUT)
    return Bar.made


def test_one_bar_for_the_run_and_one_while_a_step_reports(talking):
    run, inner = bars_of(talking, save_results=True)
    assert (run.desc, run.leave, run.closed) == ("talks", True, True)
    assert run.seen == [(0, 3, "a"), (1, 3, "a"), (1, 3, "b"), (2, 3, "b skipped"), (2, 3, "c"), (3, 3, "c")] + [
        (3, 3, "done, 1 file written")
    ]
    assert (inner.desc, inner.leave, inner.closed) == ("a", False, True)
    assert [place[0] for place in inner.seen] == [1, 2, 3, 3]
    assert inner.form.count("rows") == 1


def test_a_single_step_has_one_bar(fakes):
    (bar,) = bars_of(fakes.S1)
    assert bar.seen == [(1, 1, "done")]


def test_failure_leaves_the_bar_where_it_was(fakes):
    class Broken(fakes.S1):
        def process(self, init):
            self.progress(1, 3)
            raise RuntimeError("broken")

    class Both(fakes.FakePipeline):
        step_defs = {"a": fakes.S1, "b": Broken}

        def process(self, init):
            return self.b.run(self.a.run(init))

    run, inner = bars_of(Both)
    assert (run.n, run.total, run.text, run.closed) == (1, 2, "failed", True)
    assert inner.closed


class TestChoice:
    def view(self, mode, config=None):
        stream = EventStream()
        with show_progress(mode, stream=stream, config=config):
            return [type(one).__name__ for one in stream._subscribers]

    def test_bars_in_a_notebook(self, kernel):
        assert in_notebook()
        assert self.view("auto") == ["NotebookProgress"]
        assert self.view("auto", LogConfig("stderr")) == ["NotebookProgress"]
        assert self.view("plain") == ["PlainProgress"]
        assert self.view("none") == []

    @pytest.mark.parametrize("missing", ["tqdm", "ipywidgets"])
    def test_lines_without_what_bars_need(self, kernel, monkeypatch, missing, capsys, talking):
        monkeypatch.setitem(sys.modules, missing, None)
        assert not can_draw_in_notebook()
        with show_progress():
            talking().run(INPUT)
        assert capsys.readouterr().err.splitlines()[0] == "talks: 3 steps: a, b, c"
        assert Bar.made == []

    def test_no_notebook(self, kernel, monkeypatch):
        kernel.kernel = None
        assert not in_notebook()
        assert self.view("auto") == []
        monkeypatch.delitem(sys.modules, "IPython")
        assert not in_notebook()

    def test_the_log_is_not_touched_by_bars(self, kernel, talking, capsys):
        config = LogConfig("stderr", format="%(message)s")
        with config.context(("stpipe",)), show_progress():
            streams = [handler.stream for handler in config.console_handlers()]
            talking().run(INPUT)
            assert streams == [sys.stderr]
        lines = capsys.readouterr().err.splitlines()
        assert lines.count("a line of the log") == 1
        assert not any("1/3" in line for line in lines)


def test_the_bars_of_tqdm(talking, monkeypatch, capsys):
    tqdm = pytest.importorskip("tqdm")
    with listening(NotebookProgress(tqdm.tqdm)):
        talking().run(INPUT)
    assert "3/3 [00:00, done]" in capsys.readouterr().err
