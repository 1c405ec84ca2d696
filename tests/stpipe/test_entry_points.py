"""Steps of installed packages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stpipe import entry_points, utilities
from stpipe.entry_points import STEPS_GROUP, StepInfo, get_steps


def plugin(name, rows):
    def load():
        if isinstance(rows, Exception):
            raise rows
        return lambda: rows

    return SimpleNamespace(load=load, dist=SimpleNamespace(name=name, version="1.2"), module=name)


@pytest.fixture
def plugins(monkeypatch):
    """List of the installed plug-ins, to be filled by a test."""
    found = []
    monkeypatch.setattr(entry_points, "entry_points", lambda group: found if group == STEPS_GROUP else [])
    return found


def test_all_packages_are_listed(plugins):
    plugins += [plugin("a", [("a.One", "one", False)]), plugin("b", [("b.Two", None, True)])]
    assert get_steps() == [StepInfo("a.One", "one", False, "a", "1.2"), StepInfo("b.Two", None, True, "b", "1.2")]


def test_a_failing_package_is_warned_of_and_the_others_are_listed(plugins):
    plugins += [plugin("bad", ImportError("no such thing")), plugin("b", [("b.Two", "two", True)])]
    with pytest.warns(UserWarning, match=r"bad==1\.2 failed to load:\s+ImportError: no such thing"):
        assert [info.class_name for info in get_steps()] == ["b.Two"]


def test_alias_of_one_package(plugins):
    plugins += [plugin("a", [("a.One", "one", False)]), plugin("b", [("b.Two", None, True)])]
    assert utilities.resolve_step_class_alias("one") == "a.One"
    assert utilities.resolve_step_class_alias("a::one") == "a.One"
    assert utilities.resolve_step_class_alias("unknown") == "unknown"
    assert utilities.resolve_step_class_alias("b.Two") == "b.Two"


def test_alias_of_two_packages(plugins):
    plugins += [plugin("a", [("a.One", "one", False)]), plugin("b", [("b.One", "one", True)])]
    with pytest.raises(ValueError, match="a::one, b::one"):
        utilities.resolve_step_class_alias("one")
    assert utilities.resolve_step_class_alias("b::one") == "b.One"


def test_near_names(plugins):
    plugins += [plugin("a", [("a.JumpStep", "jump", False), ("a.DarkStep", "dark_current", False)])]
    assert utilities.near_step_names("jmp") == ["jump"]
    assert utilities.near_step_names("darkcurrent") == ["dark_current"]
    assert utilities.near_step_names("DarkSteps") == ["a.DarkStep"]
    assert utilities.near_step_names("xyz") == []
