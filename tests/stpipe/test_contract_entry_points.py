"""Statements of the specification: plug-ins, imports by name, templates (spec framework.md §16 and §18)."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from stpipe import entry_points, utilities
from stpipe.entry_points import STEPS_GROUP, StepInfo, get_steps
from stpipe.format_template import FormatTemplate

TEMPLATE = "{name}:{value}"


class Point:
    """An entry point; ``rows`` may be an exception that loading it raises."""

    def __init__(self, package, rows, version="1.2"):
        self.rows, self.module = rows, package
        self.dist = SimpleNamespace(name=package, version=version)

    def load(self):
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows if callable(self.rows) else lambda: self.rows


@pytest.fixture
def plugins(monkeypatch):
    """List of the installed plug-ins, to be filled by a test."""
    found = []
    monkeypatch.setattr(entry_points, "entry_points", lambda group: found if group == STEPS_GROUP else [])
    return found


class TestPlugins:
    def test_group_and_fields(self):
        assert STEPS_GROUP == "stpipe.steps"
        assert StepInfo._fields == ("class_name", "class_alias", "is_pipeline", "package_name", "package_version")

    def test_tuples_of_every_package_become_infos(self, plugins):
        plugins += [Point("one", [("one.A", "a", False)]), Point("two", [("two.B", None, True)], "3.4")]
        assert get_steps() == [
            StepInfo("one.A", "a", False, "one", "1.2"),
            StepInfo("two.B", None, True, "two", "3.4"),
        ]

    @pytest.mark.parametrize(
        "rows",
        [ImportError("no such thing"), [("bad.A", "a", False), ("short",)], lambda: 1 / 0, lambda: None],
        ids=["import", "rows", "error", "nothing"],
    )
    def test_a_failing_one_is_warned_of_and_the_others_are_listed(self, plugins, rows):
        plugins += [Point("bad", rows, "9.9"), Point("good", [("good.A", "a", False)])]
        with pytest.warns(UserWarning, match=r"(?s)bad.*9\.9.*Error") as caught:
            assert [info.class_name for info in get_steps()] == ["good.A"]
        assert len(caught) == 1

    def test_the_installed_ones_are_found(self):
        found = {info.class_alias: info for info in get_steps()}
        assert found["jump"].class_name.endswith("JumpStep")
        assert found["calwebb_detector1"].is_pipeline
        assert not found["jump"].is_pipeline


class TestAliases:
    def test_alias_to_class_path(self, plugins):
        plugins += [Point("one", [("one.A", "a", False)]), Point("two", [("two.B", "b", True)])]
        assert utilities.resolve_step_class_alias("a") == "one.A"
        assert utilities.resolve_step_class_alias("two::b") == "two.B"

    @pytest.mark.parametrize("name", ["unknown", "one.A", "two::a", "A", ""])
    def test_anything_else_is_unchanged(self, plugins, name):
        plugins.append(Point("one", [("one.A", "a", False), ("one.C", None, False)]))
        assert utilities.resolve_step_class_alias(name) == name

    def test_an_alias_of_two_packages(self, plugins):
        plugins += [Point("one", [("one.A", "a", False)]), Point("two", [("two.A", "a", True)])]
        with pytest.raises(ValueError, match=r"one::a, two::a"):
            utilities.resolve_step_class_alias("a")
        assert utilities.resolve_step_class_alias("two::a") == "two.A"


class TestImporting:
    def test_classes(self):
        assert utilities.import_class("json.JSONDecoder") is json.JSONDecoder
        assert utilities.import_class("json.JSONDecoder", subclassof=(int, json.JSONDecoder)) is json.JSONDecoder

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("NoDot", ImportError), ("no_such_module.Class", ImportError), ("json.loads", TypeError),
            ("collections.OrderedDict", TypeError), ("json.NoSuchName", AttributeError),
        ],
    )  # fmt: skip
    def test_classes_that_cannot_be(self, name, error):
        named = name.partition(".")[0] if error is ImportError else name.rpartition(".")[2]
        with pytest.raises(error, match=named):
            utilities.import_class(name, subclassof=json.JSONDecoder)

    def test_functions(self):
        assert utilities.import_func("json.loads") is json.loads

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("loads", ImportError),
            ("no_such_module.f", ImportError),
            ("json.JSONDecoder", TypeError),
            ("math.pi", TypeError),
        ],
    )
    def test_functions_that_cannot_be(self, name, error):
        with pytest.raises(error):
            utilities.import_func(name)


class TestTemplates:
    @pytest.mark.parametrize(
        ("options", "values", "expected"),
        [
            ({}, {}, "{name}:{value}"),
            ({}, {"name": "a", "value": "b"}, "a:b"),
            ({}, {"name": "a", "value": "b", "extra": "c"}, "a:b_c"),
            ({}, {"value": "b", "extra": "c"}, "{name}:b_c"),
            ({"separator": "--"}, {"value": "b", "extra": "c"}, "{name}:b--c"),
            ({"key_formats": {"value": ["v{:s}"]}}, {"name": "a", "value": "b"}, "a:vb"),
            ({"remove_unused": True}, {"name": "a"}, "a:"),
        ],
    )
    def test_table(self, options, values, expected):
        assert FormatTemplate(**options)(TEMPLATE, **values) == expected
        assert FormatTemplate(**options).format(TEMPLATE, **values) == expected

    def test_defaults_of_the_constructor(self):
        fmt = FormatTemplate()
        assert (fmt.separator, fmt.key_formats, fmt.remove_unused) == ("_", {}, False)
        assert FormatTemplate("-", {"a": ["{:d}"]}, True)("{b}", a="7") == "-7"

    @pytest.mark.parametrize(
        ("template", "values", "expected"),
        [
            ("{name:>12}|", {}, "      {name}|"),
            ("{name!r}", {}, "'{name}'"),
            ("{name:>3}|", {"name": None}, "   |"),
            ("{name}", {"name": None, "other": None}, ""),
            ("{name}", {"name": 3}, "3"),
            ("{name}{name}", {"name": "a"}, "aa"),
            ("x", {"z": "last", "y": "first", "n": None}, "x_first_last"),
        ],
    )
    def test_missing_none_and_unused_values(self, template, values, expected):
        assert FormatTemplate()(template, **values) == expected

    def test_dropped_fields_keep_their_width(self):
        assert FormatTemplate(remove_unused=True)("{name:>3}|{value}|", extra="e") == "   ||_e"

    @pytest.mark.parametrize(
        ("formats", "value", "expected"),
        [
            (["{:d}"], "5", "5"), (["{:03d}"], 7.9, "007"), (["{:.1f}"], "2.5", "2.5"), (["{:x}"], "255", "ff"),
            (["{:e}"], 1, "1.000000e+00"), (["{:d}", "{:.1f}"], "2.5", "2.5"), (["{:d}", "t{:s}"], "x", "tx"),
        ],
    )  # fmt: skip
    def test_formats_are_tried_in_turn_with_the_type_they_imply(self, formats, value, expected):
        assert FormatTemplate(key_formats={"v": formats})("{v}", v=value) == expected
        assert FormatTemplate(key_formats={"v": formats})("x", v=value) == f"x_{expected}"

    def test_no_format_fits(self):
        with pytest.raises(RuntimeError, match="value='b'"):
            FormatTemplate(key_formats={"value": ["{:d}", "{:f}"]})(TEMPLATE, value="b")
