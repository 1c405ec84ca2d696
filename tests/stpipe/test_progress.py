"""Progress: one event stream seen as lines, bars, or JSON."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from stpipe import Skip
from stpipe.cli.strun import main
from stpipe.events import EventStream, listening
from stpipe.logs import LogConfig
from stpipe.progress import PlainProgress, RunProgress, can_draw, show_progress

ROOT = Path(__file__).parents[2]
CHAIN = "tests.stpipe.cli_steps.Chain"
INPUT = "jw001_rate.fits"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True

    def fileno(self):
        return 2


@pytest.fixture(autouse=True)
def folder(workdir, monkeypatch):
    (workdir / INPUT).touch()
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return workdir


@pytest.fixture
def talking(fakes):
    """A pipeline whose steps report, log, print, and have nothing to do."""

    class Reports(fakes.S1):
        def process(self, init):
            for row in range(3):
                self.progress(row + 1, 3, "rows")
            logging.getLogger("stpipe.talking").warning("a line of the log")
            print("a line of print")
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


class TestEvents:
    def test_start_of_a_pipeline_names_the_steps_to_come(self, talking):
        events = []
        with listening(events.append):
            talking().run(INPUT)
        assert events[0].event_data["steps"] == ["a", "b", "c"]
        assert "steps" not in events[1].event_data

    def test_counting(self):
        run = RunProgress("p", ("a", "b"), {"a": "done"})
        assert (run.total, run.place("a"), run.place("b")) == (2, 1, 1)
        run.ended["surprise"] = "done"
        assert (run.total, run.place("surprise")) == (3, 2)


class TestPlain:
    def lines(self, cls, **parameters):
        stream = io.StringIO()
        with listening(PlainProgress(stream=stream)), suppress(RuntimeError):
            cls(**parameters).run(INPUT)
        return stream.getvalue().splitlines()

    def test_lines(self, talking, capsys):
        lines = self.lines(talking, save_results=True, steps={"a": {"save_results": True}})
        assert lines[0] == "talks: 3 steps: a, b, c"
        assert lines[1].startswith("talks: 1/3 a done in 0.0")
        assert lines[2] == "talks: 2/3 b skipped: nothing here"
        assert lines[3].startswith("talks: 3/3 c done in ")
        assert lines[4].startswith("talks: done in ")
        assert lines[4].endswith(", 2 files written")
        assert len(lines) == 5

    def test_single_step(self, fakes):
        (line,) = self.lines(fakes.S1)
        assert line.startswith("fake_step: done in ")

    def test_failure(self, fakes):
        class Broken(fakes.FakePipeline):
            def process(self, init):
                self.a.run(init)
                raise RuntimeError("broken")

        lines = self.lines(Broken)
        assert lines[-1] == "fake_pipeline: failed: RuntimeError: broken"

    def test_a_slow_step_tells_how_far_it_is(self, talking, monkeypatch, capsys):
        ticks = iter(range(0, 1000, 6))
        monkeypatch.setattr("stpipe.progress.time.monotonic", lambda: next(ticks))
        assert "talks: a 67 % (2/3 rows)" in self.lines(talking)

    def test_a_step_run_twice_counts_once(self, fakes):
        class Twice(fakes.FakePipeline):
            def process(self, init):
                return self.b.run(self.a.run(self.a.run(init)))

        lines = self.lines(Twice)
        assert [line.split()[1] for line in lines[1:4]] == ["1/2", "1/2", "2/2"]

    def test_lines_go_into_the_log_but_not_into_products(self, talking, capsys):
        config = LogConfig(["stderr", "file:run.log"], recording_formatter=logging.Formatter())
        with config.context(("stpipe",)), show_progress("plain"):
            talking().run(INPUT)
            kept = list(config.log_records)
        err = capsys.readouterr().err
        assert " - stpipe.progress - INFO - talks: 2/3 b skipped: nothing here" in err
        assert "talks: 2/3 b skipped" in Path("run.log").read_text()
        assert any("Step b skipped" in line for line in kept)
        assert not any("2/3" in line for line in kept)


class TestModes:
    def view_of(self, mode, config=None):
        stream = EventStream()
        with show_progress(mode, stream=stream, config=config):
            return [type(one).__name__ for one in stream._subscribers]

    def test_none(self):
        assert self.view_of("none") == []

    def test_auto_without_a_terminal(self, capsys):
        assert self.view_of("auto") == []
        for level, expected in (("INFO", ["PlainProgress"]), ("WARNING", [])):
            config = LogConfig("stderr", level=level)
            with config.context(("stpipe",)):
                assert self.view_of("auto", config) == expected

    def test_auto_in_a_terminal(self, monkeypatch):
        pytest.importorskip("rich")
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert self.view_of("auto") == ["BarProgress"]
        monkeypatch.setenv("TERM", "dumb")
        assert self.view_of("auto") == ["PlainProgress"]

    def test_without_rich(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setitem(sys.modules, "rich", None)
        assert not can_draw()
        assert self.view_of("auto") == ["PlainProgress"]

    def test_unknown(self):
        with pytest.raises(ValueError, match="progress is 'x'; it can be auto, plain, none"), show_progress("x"):
            pass

    def test_importing_the_views_does_not_import_rich(self):
        code = "import stpipe.progress, stpipe.cli.views, sys; print('rich' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout.strip() == "False"


def screen(text, width=80):
    """What a terminal shows after it has received a text: lines, with cursor movements obeyed."""
    lines, row, column = [""], 0, 0
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\x1b":
            end = position + 2
            while not text[end].isalpha():
                end += 1
            number, kind = text[position + 2 : end], text[end]
            if kind == "A":
                row -= int(number or 1)
            elif kind == "K":
                lines[row] = ""
            else:
                assert kind in "mhl", kind
            position = end
        elif character == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif character == "\r":
            column = 0
        else:
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
        position += 1
    return [line.rstrip() for line in lines]


class TestBars:
    @pytest.fixture
    def shown(self, talking, monkeypatch):
        """Run the pipeline in a terminal with its log on the same one; give the screen at the end."""
        pytest.importorskip("rich")
        monkeypatch.setenv("COLUMNS", "80")

        def run(cls=talking, **parameters):
            terminal = Terminal()
            monkeypatch.setattr(sys, "stderr", terminal)
            monkeypatch.setattr(sys, "stdout", terminal)
            config = LogConfig("stderr", format="LOG %(message)s")
            with config.context(("stpipe",)), show_progress("auto"), suppress(RuntimeError):
                cls(**parameters).run(INPUT)
            assert sys.stderr is sys.stdout is terminal
            return [line for line in screen(terminal.getvalue()) if line]

        return run

    def test_log_and_print_are_above_the_bar(self, shown):
        lines = shown(save_results=True)
        assert lines[-1].startswith("talks ━")
        assert lines[-1].endswith("3/3 0:00:00 done, 1 file written")
        assert sum("━" in line for line in lines) == 1
        for text in ("LOG a line of the log", "a line of print", "LOG Step b skipped: nothing here"):
            assert lines.count(text) == 1

    def test_long_lines_of_the_log_are_not_changed(self, shown, fakes):
        class Long(fakes.S1):
            def process(self, init):
                logging.getLogger("stpipe.talking").info("long [red]markup[/red] %s", "word " * 40)
                return super().process(init)

        assert f"LOG long [red]markup[/red] {'word ' * 40}".rstrip() in shown(Long)

    def test_failure_leaves_the_bar_where_it_was(self, shown, fakes):
        class Broken(fakes.FakePipeline):
            def process(self, init):
                self.a.run(init)
                raise RuntimeError("broken")

        assert shown(Broken)[-1].endswith("1/2 0:00:00 failed")

    def test_prints_redirected_to_a_file_stay_there(self, talking, monkeypatch):
        pytest.importorskip("rich")
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", Terminal())
        config = LogConfig("null")
        with config.context(("stpipe",)), show_progress("auto"):
            talking().run(INPUT)
        assert out.getvalue() == "a line of print\n"


class TestStrun:
    def strun(self, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "stpipe.cli.strun", CHAIN, "make", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def test_lines_in_the_log(self, capsys):
        assert main([CHAIN, "make"]) == 0
        assert "stpipe.progress - INFO - Chain: 1/2 first done" in capsys.readouterr().err

    def test_progress_none(self, capsys):
        assert main([CHAIN, "make", "--progress=none"]) == 0
        assert "stpipe.progress" not in capsys.readouterr().err

    def test_quiet(self, capsys):
        assert main([CHAIN, "make", "--quiet"]) == 0
        assert capsys.readouterr().err == ""

    def test_quiet_with_lines_and_a_log_file(self, capsys):
        assert main([CHAIN, "make", "--quiet", "--progress=plain", "--log-file=run.log"]) == 0
        err = capsys.readouterr().err
        assert err.splitlines()[0] == "Chain: 2 steps: first, second"
        assert "INFO" not in err
        assert "INFO - Step Chain done" in Path("run.log").read_text()

    def test_json_log(self):
        done = self.strun("--json-log", "--log-file=run.log")
        entries = [json.loads(line) for line in done.stderr.splitlines()]
        assert done.returncode == 0
        assert Path("run.log").read_text() == done.stderr
        messages = [entry for entry in entries if "message" in entry]
        assert {"time", "level", "logger", "message"} == set(messages[0])
        events = [(entry["event"], entry["step"]) for entry in entries if "event" in entry]
        assert events[:3] == [
            ("step_target_start", "Chain"),
            ("step_target_start", "first"),
            ("step_target_success", "first"),
        ]
        assert events[-1] == ("step_target_success", "Chain")
        assert all(entry["target"] == "make" for entry in entries if "event" in entry)

    def test_json_on_standard_output_with_lines_on_standard_error(self):
        done = self.strun("--json-log", "--log-stream=stdout", "--progress=plain")
        assert all(json.loads(line) for line in done.stdout.splitlines())
        assert done.stderr.splitlines()[0] == "Chain: 2 steps: first, second"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--json-log", "--progress=plain"], "add --log-stream=stdout"),
            (["--quiet", "-v"], "contradict"),
            (["--progress=bars"], "'bars' is none of auto, plain, none"),
        ],
    )
    def test_wrong_usage(self, capsys, options, message):
        assert main([CHAIN, "make", *options]) == 2
        assert message in capsys.readouterr().err


def test_a_parameter_may_be_called_like_a_new_option(capsys, monkeypatch):
    from stpipe import Param
    from tests.stpipe.cli_steps import CALLS, Scale

    class Loud(Scale):
        quiet = Param(False, "Its own")

        def process(self, *args):
            CALLS.append(self.quiet)

    monkeypatch.setattr("tests.stpipe.cli_steps.Loud", Loud, raising=False)
    CALLS.clear()
    assert main(["tests.stpipe.cli_steps.Loud", "--quiet"]) == 0
    assert CALLS == [True]
    assert "Step Loud done" in capsys.readouterr().err
