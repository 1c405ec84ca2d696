"""Names from templates (spec framework.md §18)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stpipe.format_template import FormatTemplate

fmt = FormatTemplate()
TEMPLATE = "{name}:{value}"


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
        ({}, {"name": None, "value": "b", "extra": None}, ":b"),
        ({}, {"name": "a", "value": 1, "z": "last", "y": "first"}, "a:1_first_last"),
        ({"key_formats": {"value": ["{:03d}", "x{:s}"]}}, {"name": "a", "value": 7}, "a:007"),
        ({"key_formats": {"value": ["{:03d}", "x{:s}"]}}, {"name": "a", "value": "b"}, "a:xb"),
        ({"key_formats": {"value": ["{:.2f}"]}}, {"name": "a", "value": "1"}, "a:1.00"),
        ({"key_formats": {"extra": ["e{:d}"]}}, {"name": "a", "value": "b", "extra": "2"}, "a:b_e2"),
    ],
)
def test_table(options, values, expected):
    assert FormatTemplate(**options)(TEMPLATE, **values) == expected
    assert FormatTemplate(**options).format(TEMPLATE, **values) == expected


def test_no_format_fits():
    with pytest.raises(RuntimeError, match="No suitable format for value='b'"):
        FormatTemplate(key_formats={"value": ["{:d}"]})(TEMPLATE, name="a", value="b")


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.text("xyz", max_size=3)))
def test_every_value_appears_once(values):
    parts = fmt("", **values).split("_")[1:]
    assert parts == [values[name] for name in sorted(values)]
