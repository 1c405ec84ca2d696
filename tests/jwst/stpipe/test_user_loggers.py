"""Log lines of users' own modules: shown by ``call`` and kept like those of the pipeline (framework.md §13)."""

from __future__ import annotations

import logging

import pytest

from jwst.stpipe import Pipeline, Step
from stpipe.logs import loggers_of

package = logging.getLogger("my_package")
log = logging.getLogger("my_package.my_steps")


class Telling(Step):
    __module__ = "my_package.my_steps"

    def process(self, value):
        log.info("told %s", value)
        return value


class Both(Pipeline):
    """Two steps of a user's package in a pipeline of another."""

    step_defs = {"telling": Telling}

    def process(self, value):
        return self.telling.run(value)


@pytest.fixture(autouse=True)
def without_reference_service(monkeypatch):
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


@pytest.mark.parametrize("cls", [Telling, Both])
def test_call_shows_them_and_leaves_the_loggers_as_they_were(cls, capsys):
    before = (package.level, list(package.handlers))
    cls.call(3)
    assert "my_package.my_steps - INFO - told 3" in capsys.readouterr().err
    assert (package.level, list(package.handlers)) == before


def test_a_run_records_them():
    step = Telling()
    logger = logging.getLogger("my_package")
    logger.setLevel(logging.INFO)
    try:
        step.run(4)
    finally:
        logger.setLevel(logging.NOTSET)
    assert any("told 4" in line for line in step.log_records)


def test_loggers_of_a_class_come_once():
    names = loggers_of(Both)
    assert "my_package" in names
    assert len(set(names)) == len(names)
    assert names[: len(Step.get_stpipe_loggers())] == Step.get_stpipe_loggers()


def test_a_logger_with_handlers_of_its_own_is_left_alone():
    logger, handler = logging.getLogger("my_package"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        assert "my_package" not in loggers_of(Telling)
    finally:
        logger.removeHandler(handler)
