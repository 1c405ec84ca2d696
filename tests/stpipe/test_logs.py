"""Logging of runs: what goes where, what is kept, and that everything is as before afterwards."""

from __future__ import annotations

import logging
import sys
import threading
import time
import warnings

import pytest

from stpipe import _log
from stpipe.logs import LogConfig, LoggedException, RecordingHandler, load_configuration, recording

FORMAT = logging.Formatter("%(levelname)s %(message)s")
log = logging.getLogger("stpipe_test_logs.module")
NAMES = ("stpipe_test_logs",)


@pytest.fixture(autouse=True)
def no_log_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def state():
    """Handlers and levels of every logger that the tests configure, and who shows warnings."""
    loggers = [logging.getLogger(name) for name in (None, "stpipe_test_logs", "py.warnings", "CRDS")]
    return [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers], warnings.showwarning


def test_format_and_level(capsys):
    with load_configuration(log_stream="stdout").context(NAMES):
        log.info("shown")
        log.debug("not shown")
    out, err = capsys.readouterr()
    assert out.endswith(" - stpipe_test_logs.module - INFO - shown\n")
    assert "not shown" not in out
    assert err == ""


def test_default_is_standard_error(capsys):
    with load_configuration().context(NAMES):
        log.info("shown")
    assert "shown" in capsys.readouterr().err


@pytest.mark.parametrize("level", ["debug", "DEBUG", 10])
def test_levels_by_name_and_number(level, capsys):
    with load_configuration(log_level=level).context(NAMES):
        log.debug("shown")
    assert "shown" in capsys.readouterr().err


def test_unknown_level_is_an_error():
    with pytest.raises(ValueError, match="Unknown log level 'loud'"):
        load_configuration(log_level="loud")


@pytest.mark.parametrize("handler", ["file:", "mail:me", "terminal"])
def test_unknown_handler_is_an_error(handler):
    with pytest.raises(ValueError, match="Can't parse handler"):
        LogConfig(handler)


def test_file_is_truncated_and_append_is_not(tmp_path):
    for handler, expected in [("file", 1), ("append", 2)]:
        for _ in range(2):
            with LogConfig(f"{handler}:{tmp_path}/{handler}.log").context(NAMES):
                log.info("line")
        assert len((tmp_path / f"{handler}.log").read_text().splitlines()) == expected


def test_stream_and_file_together(tmp_path, capsys):
    with load_configuration(log_file=tmp_path / "x.log", log_stream="null").context(NAMES):
        log.warning("line")
    assert "line" in (tmp_path / "x.log").read_text()
    assert capsys.readouterr().err == ""


def test_everything_is_as_before():
    before = state()
    crds_console = logging.StreamHandler()
    config = LogConfig("null", level="DEBUG", recording_formatter=FORMAT)
    with config.context((*NAMES, "root", "py.warnings", "CRDS")):
        assert LogConfig.applied is config
        assert logging.getLogger("stpipe_test_logs").isEnabledFor(logging.DEBUG)
        assert state() != before
    assert LogConfig.applied is None
    assert state() == before
    crds_console.close()


def test_everything_is_as_before_after_an_error():
    before = state()
    with pytest.raises(KeyError), LogConfig("null").context((*NAMES, "py.warnings")):
        raise KeyError
    assert state() == before


def test_records_are_kept():
    config = LogConfig("null", recording_formatter=FORMAT)
    with config.context(NAMES):
        log.info("one")
        log.debug("below the level")
        logging.getLogger("someone.else").info("not covered")
        log.warning("two")
    assert config.log_records == ["INFO one", "WARNING two"]


def test_nested_names_give_each_record_once():
    config = LogConfig("null", recording_formatter=FORMAT)
    with config.context(("root", "stpipe_test_logs", "stpipe_test_logs.module")):
        log.info("one")
    assert config.log_records == ["INFO one"]


def test_inside_another_configuration_the_outer_one_stays(capsys):
    outer = LogConfig("null", recording_formatter=FORMAT)
    with outer.context(NAMES), LogConfig("stderr", level="DEBUG").context(NAMES) as inner:
        assert inner is outer
        log.info("one")
    assert outer.log_records == ["INFO one"]
    assert capsys.readouterr().err == ""


def test_apply_twice_is_an_error():
    config = LogConfig("null")
    config.apply(NAMES)
    try:
        with pytest.raises(RuntimeError, match="in force already"):
            config.apply(NAMES)
    finally:
        config.undo()
    config.undo()


def test_break_level_raises():
    with LogConfig("null", break_level="ERROR").context(NAMES):
        log.warning("fine")
        with pytest.raises(LoggedException, match="too much") as caught:
            log.error("too much")
    assert caught.value.record.levelname == "ERROR"


def test_warnings_are_captured_and_released(capsys):
    with LogConfig("stderr", recording_formatter=FORMAT).context(("py.warnings",)) as config, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("watch out", UserWarning, stacklevel=1)
    assert "UserWarning: watch out" in config.log_records[0]
    with pytest.warns(UserWarning, match="again"):
        warnings.warn("again", UserWarning, stacklevel=1)


def test_recording_leaves_levels_alone():
    logger = logging.getLogger("stpipe_test_logs")
    before = state()
    with recording(NAMES, FORMAT) as lines:
        log.info("below the level of the root logger")
        log.warning("kept")
        assert logger.level == logging.NOTSET
        assert lines == ["WARNING kept"]
    assert state() == before
    log.warning("afterwards")
    assert lines == ["WARNING kept"]


def test_recording_without_formatter_touches_nothing():
    before = state()
    with recording(NAMES, None) as lines:
        assert state() == before
        log.warning("lost")
    assert lines == []


def test_recording_in_a_recording_configuration_is_that_of_the_configuration():
    with LogConfig("null", recording_formatter=FORMAT).context(NAMES) as config:
        log.info("before")
        with recording(NAMES, FORMAT) as lines:
            log.info("within")
        assert lines == config.log_records == ["INFO before", "INFO within"]


def test_recording_in_a_showing_configuration(capsys):
    with LogConfig("stderr").context(NAMES), recording(NAMES, FORMAT) as lines:
        log.info("both")
    assert lines == ["INFO both"]
    assert capsys.readouterr().err.count("both") == 1


def test_two_threads_keep_records_and_levels_apart():
    barrier = threading.Barrier(2)
    kept = {}

    def run(name, level):
        config = LogConfig("null", level=level, recording_formatter=FORMAT)
        barrier.wait()
        with config.context((*NAMES, "root")):
            barrier.wait()
            for number in range(50):
                log.info("%s %d", name, number)
                log.debug("%s detail", name)
            barrier.wait()
        kept[name] = config.log_records

    before = state()
    threads = [threading.Thread(target=run, args=pair) for pair in [("a", "INFO"), ("b", "DEBUG")]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept["a"] == [f"INFO a {number}" for number in range(50)]
    assert kept["b"] == [line for number in range(50) for line in (f"INFO b {number}", "DEBUG b detail")]
    assert state() == before


def test_workers_of_a_run_are_part_of_it_and_bystanders_are_not():
    started, finish = threading.Event(), threading.Event()

    def bystand():
        started.wait()
        log.warning("from a bystander")
        finish.set()

    bystander = threading.Thread(target=bystand)
    bystander.start()
    with recording(NAMES, FORMAT) as lines:
        worker = threading.Thread(target=log.warning, args=("from a worker",))
        worker.start()
        worker.join()
        started.set()
        finish.wait()
    bystander.join()
    assert lines == ["WARNING from a worker"]


def test_recording_costs_little():
    def once():
        start = time.perf_counter()
        with recording(("jwst", "stcal", "stdatamodels", "stpipe", "tweakwcs", "CRDS"), FORMAT):
            pass
        return time.perf_counter() - start

    assert min(once() for _ in range(20)) < 3e-4


def test_deprecated_log_file(tmp_path, capsys):
    (tmp_path / "my.cfg").write_text("[*]\nhandler = stdout\nlevel = DEBUG\nformat = '<%(message)s>'\n")
    with load_configuration(config_file=tmp_path / "my.cfg").context(NAMES):
        log.debug("line")
    assert capsys.readouterr().out == "<line>\n"


def test_log_file_in_the_current_folder_is_read_with_a_warning(tmp_path):
    (tmp_path / "stpipe-log.cfg").write_text("[*]\nlevel = ERROR\n[jwst]\nlevel = DEBUG\n")
    with (
        pytest.warns(DeprecationWarning, match="deprecated"),
        pytest.warns(UserWarning, match=r"Section \[jwst\]"),
    ):
        config = load_configuration()
    assert (config.level, config.handler_names) == (logging.ERROR, ["stderr"])
    assert load_configuration(log_level="INFO").level == logging.INFO


def test_unreadable_log_file_is_named():
    with pytest.raises(RuntimeError, match=r"missing\.cfg"):
        load_configuration(config_file="missing.cfg")


def test_facade_has_the_same_objects():
    assert _log.STPIPE_ROOT_LOGGER == "stpipe"
    assert _log.RecordingHandler is RecordingHandler
    assert _log.LogConfig is LogConfig


def test_crds_console_is_removed_meanwhile(monkeypatch, capsys):
    crds_log = pytest.importorskip("crds.core.log")
    console = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("CRDS")
    monkeypatch.setattr(logger, "handlers", [console])
    monkeypatch.setattr(crds_log.THE_LOGGER, "console", console)
    try:
        with LogConfig("stderr", recording_formatter=FORMAT).context(("CRDS",)) as config:
            assert console not in logger.handlers
            logger.info("fetching")
        assert console in logger.handlers
    finally:
        logger.removeHandler(console)
    assert config.log_records == ["INFO fetching"]
    assert capsys.readouterr().err.count("fetching") == 1
