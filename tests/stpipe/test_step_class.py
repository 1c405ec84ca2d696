"""How ``strun`` finds the class of a step of one's own (framework.md §14)."""

from __future__ import annotations

import sys

import pytest

from stpipe.cli.step_class import find_class
from stpipe.exceptions import StepNotFoundError

_OWN = '''
from stpipe import Step
class ClampStep(Step):
    """Clamp."""
    spec = "floor = float(default=0.0)  # lowest value"
'''


def test_a_step_in_a_module_of_the_current_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "steps_of_this_folder.py").write_text(_OWN)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    cls, config_file = find_class("steps_of_this_folder.ClampStep")
    assert (cls.__name__, config_file, sys.path) == ("ClampStep", None, before)


def test_a_class_that_a_module_does_not_have_is_answered_with_the_near_one(tmp_path, monkeypatch):
    (tmp_path / "other_steps_of_this_folder.py").write_text(_OWN)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StepNotFoundError, match=r"did you mean other_steps_of_this_folder\.ClampStep\?"):
        find_class("other_steps_of_this_folder.ClampSte")


def test_a_module_on_the_import_path_wins_over_one_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "colorsys.py").write_text(_OWN)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StepNotFoundError):
        find_class("colorsys.ClampStep")
