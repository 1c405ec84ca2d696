"""What a parameter accepts, in words."""

from __future__ import annotations

import pytest

from stpipe import Param
from stpipe.allowed import allowed_values, type_name


def bound(type_, **settings):
    param = Param(settings.pop("default", None), "", type=type_, **settings)
    param.__set_name__(type("Owner", (), {}), "name")
    return param


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        (bound(float, default=4.0, ge=0.0, unit="sigma"), "a number >= 0 [sigma] (default 4.0)"),
        (bound(int, default=3, gt=0, lt=10), "a whole number > 0 < 10 (default 3)"),
        (bound(bool, default=True), "true or false (default True)"),
        (bound(str, default="a", choices=["a", "b"]), "'a' or 'b' (default 'a')"),
        (bound(list[int], min_length=2, max_length=2), "list[int] of length 2 (default None)"),
        (bound(list, default=[], max_length=3), "a list of length at most 3 (default [])"),
        (bound(str, kind="input_file"), "an existing file (default None)"),
        (bound(str, kind="string_or_datamodel"), "a file name or a data model (default None)"),
    ],
)
def test_texts(param, expected):
    assert allowed_values(param) == expected


def test_a_required_parameter_has_no_default():
    assert allowed_values(bound(float, required=True)) == "a number"


def test_type_names():
    assert [type_name(bound(kind)) for kind in (float, list[int])] == ["float", "list[int]"]
