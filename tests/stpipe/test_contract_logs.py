"""Logging, statement by statement (framework.md §13; docs/statements/framework_12_15.md)."""

from __future__ import annotations

import inspect
import logging
import os
import re
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from stpipe import Step, log_files
from stpipe._log import LogConfig as FacadeConfig
from stpipe.cli.strun import main
from stpipe.logs import BreakHandler, LogConfig, LoggedException, load_configuration
from tests.stpipe.cli_steps import Scale

ROOT = Path(__file__).parents[2]
FORMAT = logging.Formatter("%(levelname)s %(message)s")
log = logging.getLogger("stpipe.contract")
other = logging.getLogger("not_of_the_step")


class Talks(Scale):
    """A step that says something at every level, and warns."""

    _log_records_formatter = FORMAT

    @staticmethod
    def get_stpipe_loggers():
        return ("stpipe", "py.warnings")

    def process(self, *args):
        for level in ("debug", "info", "warning"):
            getattr(log, level)("a line of %s", level)
        other.info("a line of another package")
        if "warn" in args:
            warnings.warn("watch out", UserWarning, stacklevel=1)
        if "fail" in args:
            raise KeyError("fail")


@pytest.fixture(autouse=True)
def folder(workdir, monkeypatch):
    monkeypatch.setenv("HOME", str(workdir))
    monkeypatch.syspath_prepend(str(ROOT))
    return workdir


def state():
    """What a run must leave as it was."""
    loggers = [logging.getLogger(name) for name in (None, "stpipe", "stpipe.contract", "py.warnings", "CRDS")]
    return [(list(one.handlers), one.level, one.propagate, one.disabled) for one in loggers], warnings.showwarning


class TestRuns:
    def test_call_shows_info_on_standard_error(self, capsys):
        Talks.call("x")
        out, err = capsys.readouterr()
        line = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - stpipe\.contract - INFO - a line of info$"
        assert re.search(line, err, re.MULTILINE)
        assert "a line of warning" in err
        assert "a line of debug" not in err
        assert out == ""

    def test_only_the_loggers_of_the_step_are_configured(self, capsys):
        Talks.call("x")
        assert "another package" not in capsys.readouterr().err

    @pytest.mark.parametrize("word", ["x", "fail"])
    def test_call_restores_handlers_and_levels(self, word, capsys):
        before = state()
        try:
            Talks.call(word)
        except KeyError:
            assert word == "fail"
        assert state() == before

    @pytest.mark.parametrize("options", [[], ["-v"], ["--log-stream=stdout", "--log-file=x.log"], ["--json-log"]])
    def test_strun_restores_handlers_and_levels(self, options, capsys):
        before = state()
        assert main(["tests.stpipe.cli_steps.Scale", "x", *options]) == 0
        assert main(["tests.stpipe.cli_steps.Failing", "file", *options]) == 1
        assert state() == before

    def test_call_leaves_the_log_alone_when_told(self, capsys):
        Talks.call("x", configure_log=False)
        assert "a line of info" not in capsys.readouterr().err

    def test_run_shows_nothing_but_records(self, capsys, caplog):
        caplog.set_level("INFO")
        before = state()
        step = Talks()
        step.run("x")
        assert state() == before
        assert capsys.readouterr() == ("", "")
        assert "INFO a line of info" in step.log_records
        assert "WARNING a line of warning" in step.log_records

    def test_logging_of_the_application_applies_in_run(self, capsys):
        handler = logging.StreamHandler(sys.stdout)
        handler.setLevel(logging.WARNING)
        logging.getLogger("stpipe").addHandler(handler)
        try:
            Talks().run("x")
        finally:
            logging.getLogger("stpipe").removeHandler(handler)
        assert capsys.readouterr().out == "a line of warning\n"

    def test_warnings_go_into_the_log_of_a_call(self, capsys):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            Talks.call("warn")
        assert re.search(r" - py\.warnings - WARNING - .*UserWarning: watch out", capsys.readouterr().err)

    def test_loggers_are_named_by_module(self, caplog):
        caplog.set_level("DEBUG")
        Scale(pre_hooks=["echo x"], save_results=True).run("make")
        names = {record.name for record in caplog.records}
        assert {"stpipe.step", "stpipe.hooks"} <= names
        assert all(find_spec(name) is not None for name in names)

    def test_loggers_of_the_base(self):
        assert Step.get_stpipe_loggers() == ("root",)

    def test_importing_and_running_leave_the_root_logger_alone(self):
        code = (
            "import logging, warnings; root = logging.getLogger(); show = warnings.showwarning\n"
            "import stpipe, stpipe.logs, stpipe.hooks, jwst.stpipe, jwst.pipeline\n"
            "from tests.stpipe.cli_steps import Scale\n"
            "Scale(pre_hooks=['echo x']).run('x')\n"
            "print(root.handlers, root.level, warnings.showwarning is show, logging.getLogger('stpipe').handlers)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        assert (done.stdout, done.stderr) == ("[] 30 True []\n", "")


class TestLogConfig:
    def test_signature(self):
        parameters = inspect.signature(LogConfig.__init__).parameters
        assert {name: one.default for name, one in parameters.items() if name != "self"} == {
            "handler": inspect.Parameter.empty,
            "level": logging.INFO,
            "break_level": logging.NOTSET,
            "recording_level": logging.NOTSET,
            "recording_formatter": None,
            "format": None,
        }
        assert FacadeConfig is LogConfig

    @pytest.mark.parametrize(
        ("handler", "shown"),
        [("stdout", ("line\n", "")), ("stderr", ("", "line\n")), ("null", ("", "")), ("", ("", ""))],
    )
    def test_streams(self, handler, shown, capsys):
        with LogConfig(handler, format="%(message)s").context(["stpipe"]):
            log.info("line")
        assert capsys.readouterr() == shown

    def test_list_of_handlers(self, capsys, folder):
        (folder / "b.log").write_text("before\n")
        (folder / "a.log").write_text("before\n")
        with LogConfig("file:a.log, append:b.log,stdout , stderr", format="%(message)s").context(["stpipe"]):
            log.info("line")
        assert (folder / "a.log").read_text() == "line\n"
        assert (folder / "b.log").read_text() == "before\nline\n"
        assert capsys.readouterr() == ("line\n", "line\n")

    @pytest.mark.parametrize("handler", ["mail:me", "STDOUT", "file", "stdout,syslog"])
    def test_other_handlers(self, handler):
        with pytest.raises(ValueError, match="Can't parse handler"):
            LogConfig(handler)

    def test_apply_and_undo(self, capsys):
        before = state()
        config = LogConfig("stdout", format="<%(message)s>")
        config.apply(["stpipe"])
        assert LogConfig.applied is config
        log.info("within")
        config.undo()
        log.info("after")
        assert LogConfig.applied is None
        assert state() == before
        assert capsys.readouterr().out == "<within>\n"

    def test_context_covers_the_names_given(self, capsys):
        with LogConfig("stdout", format="%(message)s").context(["stpipe.contract"]):
            log.info("covered")
            logging.getLogger("stpipe.step").warning("not covered")
        assert capsys.readouterr().out == "covered\n"

    def test_level(self, capsys):
        with LogConfig("stdout", level=logging.ERROR, format="%(message)s").context(["stpipe"]):
            log.warning("below")
            log.error("at")
            log.critical("above")
        assert capsys.readouterr().out == "at\nabove\n"

    @pytest.mark.parametrize(
        ("recording_level", "kept"),
        [(logging.NOTSET, ["INFO i"]), ("DEBUG", ["DEBUG d", "INFO i"]), (logging.WARNING, [])],
    )
    def test_recording(self, recording_level, kept, capsys):
        config = LogConfig("stderr", recording_level=recording_level, recording_formatter=FORMAT)
        with config.context(["stpipe"]):
            log.debug("d")
            log.info("i")
            assert config.log_records == kept
        assert config.log_records == kept
        assert " d\n" not in capsys.readouterr().err

    def test_nothing_is_kept_without_a_formatter(self):
        with LogConfig("null").context(["stpipe"]) as config:
            log.info("line")
        assert config.log_records == []

    @pytest.mark.parametrize(("level", "breaks"), [("warning", False), ("error", True), ("critical", True)])
    def test_break_level(self, level, breaks, capsys):
        config = LogConfig("stderr", break_level=logging.ERROR)
        with config.context(["stpipe"]):
            if breaks:
                with pytest.raises(LoggedException, match="a line") as caught:
                    getattr(log, level)("a %s", "line")
                assert isinstance(caught.value.record, logging.LogRecord)
                assert caught.value.record.levelname == level.upper()
            else:
                getattr(log, level)("a line")
        assert "a line" in capsys.readouterr().err
        assert issubclass(BreakHandler, logging.Handler)


class TestLoadConfiguration:
    def handlers(self, **options):
        config = load_configuration(**options)
        return config.level, config.handler_names

    def test_defaults_and_options(self):
        assert self.handlers() == (logging.INFO, ["stderr"])
        assert self.handlers(log_level="wArNing") == (logging.WARNING, ["stderr"])
        assert self.handlers(log_stream="stdout") == (logging.INFO, ["stdout"])
        assert self.handlers(log_file="x.log") == (logging.INFO, ["stderr", "file:x.log"])
        assert self.handlers(log_file="x.log", log_stream="null", log_level=5) == (5, ["null", "file:x.log"])
        with pytest.raises(ValueError, match="'terminal'"):
            load_configuration(log_stream="terminal")

    def test_file_that_is_named(self, folder):
        path = folder / "my.cfg"
        path.write_text(
            "[*]\nhandler = append:a.log, stdout\nlevel = WARNING\nbreak_level = ERROR\nformat = %(message)s\n"
        )
        config = load_configuration(config_file=path)
        assert (config.level, config.break_level, config.format) == (logging.WARNING, logging.ERROR, "%(message)s")
        assert config.handler_names == ["append:a.log", "stdout"]
        with open(path) as stream:
            assert load_configuration(config_file=stream).level == logging.WARNING
        assert self.handlers(config_file=path, log_level="INFO") == (logging.INFO, ["stderr"])

    def test_places_are_tried_in_order(self, monkeypatch, folder):
        home = f"{folder}/.stpipe-log.cfg"
        there = {"stpipe-log.cfg", home, "/etc/stpipe-log.cfg"}
        monkeypatch.setattr(log_files.os.path, "isfile", lambda path: path in there)
        for place in ("stpipe-log.cfg", home, "/etc/stpipe-log.cfg"):
            with pytest.warns(DeprecationWarning, match=re.escape(f"deprecated: {place} is still read")):
                assert log_files.find_log_file() == place
            there.remove(place)
        assert log_files.find_log_file() is None

    @pytest.mark.parametrize("place", [".", "~"])
    def test_file_that_lies_there_is_read_unless_an_option_is_given(self, place, folder, monkeypatch):
        name = "stpipe-log.cfg" if place == "." else ".stpipe-log.cfg"
        (folder / name).write_text("[*]\nlevel = ERROR\nhandler = stdout\n")
        with pytest.warns(DeprecationWarning, match="is still read"):
            assert self.handlers() == (logging.ERROR, ["stdout"])
        for option in ({"log_level": "INFO"}, {"log_file": "x.log"}, {"log_stream": "stderr"}):
            assert load_configuration(**option).level == logging.INFO

    def test_it_is_read_by_call_and_strun(self, folder, capsys):
        (folder / "stpipe-log.cfg").write_text("[*]\nhandler = stdout\nlevel = WARNING\nformat = <%(message)s>\n")
        with pytest.warns(DeprecationWarning, match="is still read"):
            Talks.call("x")
        assert capsys.readouterr() == ("<a line of warning>\n", "")
        with pytest.warns(DeprecationWarning, match="is still read"):
            assert main(["tests.stpipe.cli_steps.Scale", "x"]) == 0
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("text", ["[*]\nlevel = ERROR\n[jwst]\nlevel = DEBUG\n", "[jwst]\nlevel = DEBUG\n"])
    def test_other_sections_have_no_effect_and_no_handler_means_standard_error(self, text, folder):
        (folder / "my.cfg").write_text(text)
        with pytest.warns(UserWarning, match=r"Section \[jwst\] of .*my.cfg has no effect"):
            level, handlers = self.handlers(config_file=folder / "my.cfg")
        assert level == (logging.ERROR if "*" in text else logging.INFO)
        assert handlers == ["stderr"]

    def test_unreadable_file(self, folder):
        with pytest.raises(RuntimeError, match=r"^Error parsing logging config missing.cfg: No such file or "):
            load_configuration(config_file="missing.cfg")
        (folder / "bad.cfg").write_text("no section\n")
        with pytest.raises(RuntimeError, match=r"bad\.cfg"):
            load_configuration(config_file=folder / "bad.cfg")
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(RuntimeError, match=r"bad\.cfg"):
            Talks.call("x", logcfg=os.fspath(folder / "bad.cfg"))


def test_calls_in_two_threads_keep_their_lines_apart(capsys):
    from concurrent.futures import ThreadPoolExecutor

    class Mine(Talks):
        def process(self, word):
            for number in range(30):
                log.info("%s %d", word, number)
            self.kept = [line for line in self.log_records if re.match(r"INFO [ab] \d+$", line)]
            return self.kept

    before = state()
    with ThreadPoolExecutor(2) as pool:
        kept = dict(zip("ab", pool.map(Mine.call, "ab"), strict=True))
    assert kept == {word: [f"INFO {word} {number}" for number in range(30)] for word in "ab"}
    assert state() == before
    assert capsys.readouterr().err.count(" - a 17") == 1
